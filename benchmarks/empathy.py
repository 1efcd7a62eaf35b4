"""How well the recipe of the offline empathy scorer does on a writer that it has not seen.

    python benchmarks/empathy.py [--record FOLDER]

Four networks are trained, each without the pairs of one writer, and measured on those. The weights
that come with the project are trained on all four writers by the same recipe; `--record` keeps the
figures as their validity records. Ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from harness.agreement.console import print_record
from harness.agreement.figures import LabelKind, figures, people
from harness.data import Labelled, digest, read_file
from harness.scorers.judged.epitome import MECHANISMS
from harness.scorers.offline.empathy_offline import EmpathyOfflineScorer
from harness.train.learning import save, train
from harness.train.recipes import PAIRS, RECIPES, of_pair
from harness.types import Generation, Sample, fingerprint
from harness.validity import Record
from harness.validity import save as keep

SECOND = PAIRS.with_name("empathy_second.jsonl")
"""Labels of a second person for some of the pairs."""


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", type=Path, help="folder for the records of the shipped weights")
    record = parser.parse_args().record
    rows = list(read_file(PAIRS))
    values = np.full((len(rows), len(MECHANISMS)), np.nan)
    writers = sorted({str(row["writer"]) for row in rows})
    for writer in writers:
        seen = [of_pair(row) for row in rows if row["writer"] != writer]
        held = [number for number, row in enumerate(rows) if row["writer"] == writer]
        network = train(seen, RECIPES["empathy_offline"][1], 0, lambda line: None)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "fold.safetensors"
            save(network, path)
            scorer = EmpathyOfflineScorer(str(path))
            scores = scorer.score(
                [Sample(str(i), str(rows[i]["seeker"])) for i in held],
                [Generation(str(i), 0, str(rows[i]["response"])) for i in held],
            )
        for i, of_one in zip(held, scores, strict=True):
            values[i] = [np.nan if s.value is None else s.value for s in of_one]
        print(f"writer {writer}: {len(seen)} pairs seen, {len(held)} held out", flush=True)
    shipped = EmpathyOfflineScorer()
    second = {str(row["id"]): row for row in read_file(SECOND)}
    for place, mechanism in enumerate(MECHANISMS):
        labelled = [_labelled(row, second, mechanism) for row in rows]
        metric = shipped.metrics[mechanism]
        kind = LabelKind(np.array([item.label for item in labelled]), metric, None, None)
        found = Record(
            scorer="empathy_offline",
            identity=fingerprint(shipped.identity),
            metric=mechanism,
            labels="replies of four writers of ours, each by a network that saw only the others",
            labels_sha256=digest(labelled),
            n=len(labelled),
            n_failed=int(np.isnan(values[:, place]).sum()),
            raters=2,
            figures=figures(labelled, values[:, place], metric, kind),
            people=people(labelled),
            note=f"the second label is of {len(second)} of them",
        )
        path = keep(found, record) if record else Path("nowhere: give --record FOLDER")
        print_record(found, path)


def _labelled(row: dict, second: dict, mechanism: str) -> Labelled:  # type: ignore[type-arg]
    other = second.get(str(row["id"]))
    first = float(row[mechanism])
    again = float("nan") if other is None else float(other[mechanism])
    return Labelled(
        row["seeker"], row["response"], first, (first, again), f"writer {row['writer']}"
    )


if __name__ == "__main__":
    main()
