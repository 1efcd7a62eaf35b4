"""Trains the offline empathy scorer: a linear layer on a reply's embedding and marks."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as save_bytes

from harness.data import read_file
from harness.scorers.judged.epitome import MECHANISMS
from harness.scorers.offline.marks import digest_marks
from harness.scorers.offline.minilm import TOKENS, SentenceEncoder, split
from harness.scorers.offline.reply import read
from harness.types import HarnessError

FOLDER = Path(__file__).parent
PAIRS = ("empathy_pairs.jsonl", "empathy_pairs_2.jsonl")
"""Messages and replies of ours; a reply to a question of CounselChat names its row."""
OTHERS = FOLDER / "empathy_others.jsonl"
"""Labels of replies by others, by their rows; those of part `kept` are never trained on."""
PENALTY = 20.0
"""Ridge on standardised columns, in units of one pair (scikit-learn's C of .05)."""
STEPS = 30
PUBLISHED = {
    "emotional_reactions": (2037, 895, 152),
    "interpretations": (1626, 114, 1344),
    "explorations": (2604, 104, 376),
}
"""Replies at each level on Reddit (Sharma et al. 2020): the shares that the weights are set to."""


class Pair(NamedTuple):
    """A message and a reply with its level for each mechanism."""

    block: str
    seeker: str
    response: str
    levels: tuple[int, ...]


class Texts:
    """Published texts by set and row, checked against their digest.

    Args:
        data: the folder with `counsel_chat` and `diasafety`.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self._rows: dict[str, list[tuple[str, str]]] = {}

    def __call__(self, name: str, row: int, expected: str) -> tuple[str, str]:
        """The message and the reply of a row; the digest is of the message or of both."""
        if name not in self._rows:
            self._rows[name] = (
                _counsel_chat(self.data) if name == "counsel_chat" else (_diasafety(self.data))
            )
        pair = self._rows[name][row]
        if expected not in (short_digest(pair[0]), short_digest(*pair)):
            raise HarnessError(
                f"row {row} of {name} in {str(self.data)!r} is not the text that was labelled; "
                "take the published file as it is"
            )
        return pair


def own_pairs(data: Path) -> list[Pair]:
    """All pairs of ours; the questions of CounselChat are read from `data`."""
    texts = Texts(data)
    pairs = []
    for name in PAIRS:
        for row in read_file(FOLDER / name):
            if "question" in row:
                seeker, _ = texts("counsel_chat", int(str(row["question"])), str(row["digest"]))
            else:
                seeker = str(row["seeker"])
            block = str(row.get("block") or f"writer {row['writer']}")
            pairs.append(Pair(block, seeker, str(row["response"]), levels_of(row)))
    return pairs


def replies_by_others(data: Path, part: str) -> list[Pair]:
    """Replies of DiaSafety and of therapists on CounselChat.

    Args:
        data: the folder with both sets.
        part: `trained`, or `kept` for measuring.
    """
    texts = Texts(data)
    pairs = []
    for row in read_file(OTHERS):
        if row["part"] == part:
            name = str(row["set"])
            text = texts(name, int(str(row["row"])), str(row["digest"]))
            pairs.append(Pair(name, *text, levels_of(row)))
    return pairs


def train_empathy(data: Path, out: Path, progress: Callable[[str], None]) -> None:
    """Write the weights that all pairs of ours give."""
    pairs = own_pairs(data) + replies_by_others(data, "trained")
    progress(f"{len(pairs)} pairs")
    read_columns, levels, counted, _ = columns(pairs, SentenceEncoder())
    save(fit(read_columns, levels, counted), out)


def columns(
    pairs: Sequence[Pair], encoder: SentenceEncoder
) -> tuple[NDArray[np.float64], NDArray[np.int_], NDArray[np.float64], NDArray[np.int_]]:
    """What is read of each part of a reply, its levels, what it counts, and its pair's place."""
    parts = [split(encoder.tokenizer, pair.response, TOKENS - 2) for pair in pairs]
    texts = [(p.seeker, part) for p, of_one in zip(pairs, parts, strict=True) for part in of_one]
    counts = np.array([len(of_one) for of_one in parts])
    owner = np.repeat(np.arange(len(pairs)), counts)
    levels = np.array([pair.levels for pair in pairs])[owner]
    return read(encoder, texts), levels, (1 / counts)[owner], owner


def fit(
    read_columns: NDArray[np.float64], levels: NDArray[np.int_], shares: NDArray[np.float64]
) -> dict[str, NDArray[np.float32]]:
    """Logistic regressions for "at least 1" and "at least 2" of each mechanism.

    The levels are weighted to their published shares, so that a value is what such a reply is worth
    where most replies have none of it.
    """
    centre, scale = read_columns.mean(0), read_columns.std(0)
    scale[-384:] = 1.0
    scale[scale < 1e-9] = 1.0
    standard = np.hstack([(read_columns - centre) / scale, np.ones((len(levels), 1))])
    weights = []
    for place, mechanism in enumerate(MECHANISMS):
        of_level = np.array(PUBLISHED[mechanism]) / sum(PUBLISHED[mechanism])
        of_ours = np.array([shares[levels[:, place] == level].sum() for level in range(3)])
        counted = shares * (of_level / (of_ours / of_ours.sum()))[levels[:, place]]
        for at in (1, 2):
            weights.append(_logistic(standard, levels[:, place] >= at, counted))
    stacked = np.array(weights)
    weights_by_name = {
        "centre": centre,
        "scale": scale,
        "weight": stacked[:, :-1],
        "bias": stacked[:, -1],
    }
    return {
        name: np.ascontiguousarray(value, dtype=np.float32)
        for name, value in weights_by_name.items()
    }


def save(weights: dict[str, NDArray[np.float32]], path: Path) -> None:
    """Write safetensors that name the marks they were made for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(save_bytes(weights, {"harness": json.dumps({"marks": digest_marks()})}))


def short_digest(*texts: str) -> str:
    """Twelve hexadecimal digits of texts."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


def _logistic(
    standard: NDArray[np.float64], reached: NDArray[np.bool_], counted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights and, last, the bias of a ridge logistic regression, by Newton's method."""
    ridge = np.full(standard.shape[1], PENALTY)
    ridge[-1] = 1e-6
    weights = np.zeros(standard.shape[1])
    for _ in range(STEPS):
        share = 1 / (1 + np.exp(-standard @ weights))
        slope = standard.T @ (counted * (share - reached)) + ridge * weights
        curve = (standard * (counted * share * (1 - share))[:, None]).T @ standard
        step = np.linalg.solve(curve + np.diag(ridge), slope)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def levels_of(row: Mapping[str, object]) -> tuple[int, ...]:
    """Of the three mechanisms."""
    return tuple(int(str(row[name])) for name in MECHANISMS)


def _counsel_chat(data: Path) -> list[tuple[str, str]]:
    path = data / "counsel_chat" / "counsel_chat.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return [
            (_line(row["questionText"]), _line(row["answerText"])) for row in csv.DictReader(lines)
        ]


def _diasafety(data: Path) -> list[tuple[str, str]]:
    rows = json.loads((data / "diasafety" / "val.json").read_text("utf-8"))
    return [(_line(row["context"]), _line(row["response"])) for row in rows]


def _line(text: str) -> str:
    return " ".join(text.split())
