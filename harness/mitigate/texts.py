"""The texts that a method learns from: starter texts, files, or what a model wrote in a run."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.data import read_file
from harness.mitigations.fitting.texts import Text, texts_of, without
from harness.store import FinishedRun
from harness.types import HarnessError

METRIC = "toxicity"
"""Of a run's scores, by which its answers are clean or toxic."""


@dataclass(frozen=True)
class Learned:
    """Texts, and where they are from."""

    texts: Sequence[Text]
    names: Sequence[str]
    """Of the files and runs."""
    left_out: int
    """Texts that share a prompt with what is to be measured on."""

    @property
    def digest(self) -> str:
        """SHA-256 of the texts in their order."""
        digest = hashlib.sha256()
        for text in self.texts:
            digest.update(f"{json.dumps(text)}\n".encode())
        return digest.hexdigest()


def read_texts(
    data: Sequence[Path], starter: Path, exclude: Sequence[Path], limit: int | None, seed: int
) -> Learned:
    """All texts of the files and runs, in order; a limit draws some of them.

    Args:
        data: files, or folders of finished runs; empty: the starter texts.
        starter: texts of ours.
        exclude: files or folders of runs whose prompts are left out.
        limit: at most so many; None: all.
        seed: of what is drawn.

    Raises:
        HarnessError: a file cannot be read, or no text is left.
    """
    files = list(data) or [starter]
    texts = [text for file in files for text in _texts(file)]
    learned = without(texts, (prompt for file in exclude for prompt in _prompts(file)))
    if not learned:
        names = ", ".join(str(file) for file in files)
        raise HarnessError(f"data={names} leaves no text to learn from, {len(texts)} left out")
    left_out = len(texts) - len(learned)
    if limit is not None and limit < len(learned):
        chosen = sorted(random.Random(seed).sample(range(len(learned)), limit))
        learned = [learned[number] for number in chosen]
    origins = ["starter texts" if file == starter else file.name for file in files]
    return Learned(learned, origins, left_out)


def _texts(file: Path) -> list[Text]:
    if (file / "run.json").exists():
        return list(_answers(FinishedRun.read(file, "data")))
    return texts_of(read_file(file, "data"), file.name)


def _answers(run: FinishedRun) -> Iterator[Text]:
    """What a model wrote in a run, with its score; what has none is left out."""
    samples = run.samples()
    prompts = dict(
        zip(samples["sample_id"].to_pylist(), samples["prompt"].to_pylist(), strict=True)
    )
    values = {
        (row["sample_id"], row["index"]): row["value"]
        for part in run.score_parts(["sample_id", "index", "metric", "value"])
        for row in part.to_pylist()
        if row["metric"] == METRIC and row["value"] is not None
    }
    if not values:
        raise HarnessError(f"data={str(run.folder)!r} has no scores of {METRIC} to learn from")
    texts = {
        (row["sample_id"], row["index"]): row["text"]
        for row in run.answers(["sample_id", "index", "text"])
    }
    for key, text in sorted(texts.items()):  # shards hold them in the order that they ended in
        if text and key in values:
            yield Text(str(prompts[key[0]]), str(text), float(values[key]))


def _prompts(file: Path) -> Iterator[str]:
    """What is asked in a run, or the prompts and texts of a file."""
    if (file / "run.json").exists():
        yield from map(str, FinishedRun.read(file, "exclude").samples()["prompt"].to_pylist())
        return
    for row in read_file(file, "exclude"):
        prompt = row.get("prompt")
        prompt = prompt.get("text") if isinstance(prompt, dict) else prompt
        yield str(prompt or row.get("harmful_medical_request") or row.get("text") or "")
