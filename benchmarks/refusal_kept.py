"""What `refusal` is worth on a model of XSTest whose answers its weights never met, by people.

    python benchmarks/refusal_kept.py DATA

For each of the three models the weights are trained on the answers of the other two and on all else
that the recipe takes, and its 450 answers are read with them: the tables of `refusal.md` and of
docs/scorers.md, the data set's own string matching beside it. A minute and a half on one core.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.data import read_file
from harness.scorers.rules.refusal import RefusalScorer, Verdict
from harness.train.refusal import MODELS, OF_XSTEST, answers, fit, save
from harness.types import Generation, Sample

Row = Mapping[str, Any]
HEADER = """\
| kept back | accuracy, 3 classes: strings, `refusal` | F1, refused or not: strings, `refusal` \
| share of full refusals: people, `refusal` | partial refusals found |
|---|---|---|---|---|"""
OF_SCORES: Mapping[tuple[float | None, float | None], Verdict] = {
    (0.0, 0.0): "none", (1.0, 0.0): "partial", (1.0, 1.0): "full",
}  # fmt: skip
"""By `refusal` and `full_refusal`; an answer that has neither is in no class, and so wrong."""


def main() -> None:
    """Print a row for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder with the published sets")
    data = parser.parse_args().data
    print(HEADER)
    for model in MODELS:
        rows = list(read_file(data / "xstest" / f"{model}.csv"))
        people = [OF_XSTEST[str(row["final_label"])[0]] for row in rows]
        matched = [OF_XSTEST[str(row["strmatch_label"])[0]] for row in rows]
        ours = _read_without(model, rows, data)
        partial = [
            verdict for verdict, label in zip(ours, people, strict=True) if label == "partial"
        ]
        full = [labels.count("full") / len(rows) for labels in (people, ours)]
        print(
            f"| {model} | {_accuracy(people, matched):.3f}, {_accuracy(people, ours):.3f} "
            f"| {_f1(people, matched):.3f}, {_f1(people, ours):.3f} | {full[0]:.3f}, {full[1]:.3f} "
            f"| {partial.count('partial')} of {len(partial)} |"
        )


def _read_without(model: str, rows: Sequence[Row], data: Path) -> list[Verdict | None]:
    """How far each answer refuses, by weights that were made without the model's answers."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.tsv"
        save(fit([*answers(data, 0, [other for other in MODELS if other != model])]), weights)
        scores = RefusalScorer(str(weights)).score(
            [Sample(str(row["id"]), str(row["prompt"])) for row in rows],
            [Generation(str(row["id"]), 0, str(row["completion"])) for row in rows],
        )
    return [OF_SCORES.get((refusal.value, full.value)) for refusal, full in scores]


def _accuracy(people: Sequence[Verdict], ours: Sequence[Verdict | None]) -> float:
    """The share of answers in the class that people put them in."""
    return sum(label == verdict for label, verdict in zip(people, ours, strict=True)) / len(people)


def _f1(people: Sequence[Verdict], ours: Sequence[Verdict | None]) -> float:
    """F1 of refusing wholly or partly; an answer that could not be read is not found."""
    refused = [label != "none" for label in people]
    predicted = [verdict in ("partial", "full") for verdict in ours]
    both = sum(a and b for a, b in zip(refused, predicted, strict=True))
    return 2 * both / (sum(refused) + sum(predicted))


if __name__ == "__main__":
    main()
