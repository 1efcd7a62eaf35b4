"""Every estimate of every task stays what it was, to the last digit that a network gives.

`python tests/test_numbers.py RESULTS` writes `numbers.csv` anew from the runs in a folder that
`python -m harness experiment=card backend=echo limit=12 report=false results=RESULTS` made. It is
written anew only where a task's or a scorer's version has moved.
"""

import csv
import math
import sys
from pathlib import Path

import pytest

NUMBERS = Path(__file__).with_name("numbers.csv")
TEXTS = (
    "task",
    "task_version",
    "scorer_id",
    "metric",
    "name",
    "statistic",
    "better",
    "by",
    "group",
)
VALUES = ("estimate", "stderr", "low", "high", "worst", "best")
CLOSE = {"harmfulness_offline": 1e-4, "toxicity_offline": 0.02, "empathy_offline": 1e-3}
"""Of networks that read in float32 and in 8 bits: how far apart processors may be."""
COUNTS = ("n", "n_scored", "n_failed", "clusters")


def rows_of(results: Path) -> list[dict[str, str]]:
    rows = []
    for path in sorted(results.glob("runs/*/estimates.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows += [
                {k: row[k] for k in (*TEXTS, *VALUES, *COUNTS)} for row in csv.DictReader(file)
            ]
    return rows


@pytest.mark.long
def test_the_estimates_of_all_tasks_are_what_they_were(harness, tmp_path):
    done = harness("experiment=card", "backend=echo", "limit=12")
    assert done.returncode in (0, 3), done.stderr
    with NUMBERS.open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))
    rows = rows_of(tmp_path / "results")
    keys = (*TEXTS, *COUNTS)
    assert [[row[k] for k in keys] for row in rows] == [[row[k] for k in keys] for row in expected]
    for row, known in zip(rows, expected, strict=True):
        # Rules and statistics to the last digit; a network's scores as far as processors agree.
        close = next((c for name, c in CLOSE.items() if row["scorer_id"].startswith(name)), 1e-11)
        for name in VALUES:
            value, wanted = (float(one[name] or "nan") for one in (row, known))
            same = math.isclose(value, wanted, rel_tol=close, abs_tol=close)
            assert same or (math.isnan(value) and math.isnan(wanted)), (name, row, known)


if __name__ == "__main__":
    with NUMBERS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, (*TEXTS, *VALUES, *COUNTS), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows_of(Path(sys.argv[1])))
