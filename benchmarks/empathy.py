"""How well the offline empathy scorer reads replies that it was not trained on.

    python benchmarks/empathy.py --data DATA [--record FOLDER]

Three measures: the project's weights on real replies that were kept back (short ones of DiaSafety,
therapists' of CounselChat); the same on replies of ours to other messages, labelled before the
scorer was run on them; and, a block of our own pairs at a time, weights that saw only the other
blocks. `--record` keeps the first as the validity records. Two minutes on two cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.agreement.console import print_record
from harness.agreement.figures import LabelKind, figures, people
from harness.data import Labelled, digest, read_file
from harness.scorers.judged.epitome import MECHANISMS
from harness.scorers.offline.empathy_offline import EmpathyOfflineScorer
from harness.scorers.offline.minilm import SentenceEncoder
from harness.statistics import quadratic_kappa
from harness.train.empathy import (
    FOLDER,
    OTHERS,
    Pair,
    columns,
    fit,
    levels_of,
    own_pairs,
    replies_by_others,
)
from harness.types import Generation, Sample, fingerprint
from harness.validity import Record
from harness.validity import save as keep

SECOND = FOLDER / "empathy_second_2.jsonl"
"""Labels given a second time, from the texts alone."""
LABELS = "replies of DiaSafety and of therapists on CounselChat, labelled by the rubric for this"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the published sets")
    parser.add_argument("--record", type=Path, help="folder for the records of the shipped weights")
    options = parser.parse_args()
    _records(options.data, options.record)
    fresh = [
        Pair("fresh", str(row["seeker"]), str(row["response"]), levels_of(row))
        for row in read_file(FOLDER / "empathy_fresh.jsonl")
    ]
    _table("to other messages", fresh, _scored(fresh))
    own_answers = own_pairs(options.data)
    left_out = _left_out(own_answers, replies_by_others(options.data, "trained"))
    _table("own pairs, a block left out", own_answers, left_out)
    for block in dict.fromkeys(pair.block for pair in own_answers):
        places = [i for i, pair in enumerate(own_answers) if pair.block == block]
        _table(f"block {block}", [own_answers[i] for i in places], left_out[places])


def _records(data: Path, folder: Path | None) -> None:
    """The project's weights on real replies that were kept back."""
    pairs = replies_by_others(data, "kept")
    values = _scored(pairs)
    scorer = EmpathyOfflineScorer()
    second = {
        str(row["id"]): levels_of(row) for row in read_file(FOLDER / "empathy_second_2.jsonl")
    }
    ids = [str(row["id"]) for row in read_file(OTHERS) if row["part"] == "kept"]
    for place, mechanism in enumerate(MECHANISMS):
        labelled = []
        for name, pair in zip(ids, pairs, strict=True):
            first = float(pair.levels[place])
            again = float(second[name][place]) if name in second else float("nan")
            labelled.append(Labelled(pair.seeker, pair.response, first, (first, again), pair.block))
        metric = scorer.metrics[mechanism]
        kind = LabelKind(np.array([item.label for item in labelled]), metric, None, None)
        record = Record(
            scorer="empathy_offline",
            identity=fingerprint(scorer.identity),
            metric=mechanism,
            labels=LABELS,
            labels_sha256=digest(labelled),
            n=len(labelled),
            n_failed=int(np.isnan(values[:, place]).sum()),
            raters=2,
            figures=figures(labelled, values[:, place], metric, kind),
            people=people(labelled),
            note=f"the second label is of {sum(name in second for name in ids)}, by the same hand",
            languages=("en",),
        )
        path = keep(record, folder) if folder else Path("nowhere: give --record FOLDER")
        print_record(record, path)


def _scored(pairs: Sequence[Pair]) -> NDArray[np.float64]:
    """Values of the project's weights, of shape (pairs, mechanisms)."""
    scores = EmpathyOfflineScorer().score(
        [Sample(str(i), pair.seeker) for i, pair in enumerate(pairs)],
        [Generation(str(i), 0, pair.response) for i, pair in enumerate(pairs)],
    )
    return np.array([[np.nan if s.value is None else s.value for s in row] for row in scores])


def _left_out(own_answers: list[Pair], others: list[Pair]) -> NDArray[np.float64]:
    """Values of each block of pairs by weights that saw only the others."""
    pairs = own_answers + others
    read, levels, counted, owner = columns(pairs, SentenceEncoder())
    blocks = np.array([pairs[i].block for i in owner])
    values = np.zeros((len(own_answers), len(MECHANISMS)))
    for block in dict.fromkeys(pair.block for pair in own_answers):
        held = blocks == block
        head = fit(read[~held], levels[~held], counted[~held])
        logits = ((read[held] - head["centre"]) / head["scale"]) @ head["weight"].T + head["bias"]
        shares = np.zeros((len(own_answers), 2 * len(MECHANISMS)))
        np.maximum.at(shares, owner[held], 1 / (1 + np.exp(-logits)))
        values += shares[:, ::2] + np.minimum(shares[:, ::2], shares[:, 1::2])
    return values


def _table(name: str, pairs: Sequence[Pair], values: NDArray[np.float64]) -> None:
    """Correlation and kappa of each mechanism."""
    levels = np.array([pair.levels for pair in pairs])
    parts = []
    for place, mechanism in enumerate(MECHANISMS):
        known = ~np.isnan(values[:, place])
        truth, value = levels[known, place].astype(float), values[known, place]
        pearson = np.corrcoef(truth, value)[0, 1]
        parts.append(f"{mechanism} r {pearson:.2f} k {quadratic_kappa(truth, np.rint(value)):.2f}")
    print(f"{name} ({len(pairs)}): " + ", ".join(parts), flush=True)


if __name__ == "__main__":
    main()
