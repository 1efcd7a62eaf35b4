"""How often a training is said to get worse that does not, looked at after each checkpoint.

    python benchmarks/looking.py [--runs 1000]

Ratings from 1 to 5 of 200 prompts by 50 checkpoints, each against the same first one. Without a
change, and with a quarter of a point lost for good at checkpoint 20: the share of trainings with an
alarm by looking each time whether a 95 % interval is without zero, either way or for the worse, and
by the evidence that `history` prints; then after how many checkpoints the drop is noticed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a checkout that is not installed will do

from harness.regression.looking import ALARM, running  # noqa: E402
from harness.statistics import ONE_SIDED_LEVEL, Scale, paired  # noqa: E402

CHECKPOINTS, PROMPTS, DROP_AT = 50, 200, 20
SCALE = Scale(0.25, 4.0)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description="Looking often")
    parser.add_argument("--runs", type=int, default=1000, help="trainings of each kind")
    args = parser.parse_args()
    rows = {name: measure(drop, args.runs) for name, drop in (("none", 0.0), ("a quarter", 0.25))}
    print(f"{'drop':12}{'either way':>14}{'worse':>10}{'history':>10}{'noticed after':>15}")
    for name, row in rows.items():
        shares = f"{row['either']:14.3f}{row['each']:10.3f}"
        print(f"{name:12}{shares}{row['history']:10.3f}{row['after']:15.1f}")
    print(json.dumps({"runs": args.runs, "drops": rows}))


def measure(drop: float, runs: int, seed: int = 0) -> dict[str, float]:
    """Shares of trainings with an alarm, and the median checkpoints until history's."""
    random = np.random.default_rng(seed)
    trainings = [training(random, drop) for _ in range(runs)]
    first = np.array([alarmed for *_, alarmed in trainings], dtype=float)
    seen = ~np.isnan(first)
    return {
        "either": float(np.mean([either for either, _, _ in trainings])),
        "each": float(np.mean([each for _, each, _ in trainings])),
        "history": float(seen.mean()),
        "after": float(np.median(first[seen]) - DROP_AT) if drop and seen.any() else float("nan"),
    }


def training(random: np.random.Generator, drop: float) -> tuple[bool, bool, float]:
    """Whether any single look at 95 % alarms, either way or for the worse; history's, or NaN."""
    level = random.normal(2.0, 0.7, PROMPTS)
    first = np.clip(level + random.normal(0, 0.5, PROMPTS), 1, 5)
    looks, either, each = [], False, False
    for number in range(1, CHECKPOINTS + 1):
        shift = drop * (number >= DROP_AT)
        answers = np.clip(level + shift + random.normal(0, 0.5, PROMPTS), 1, 5)
        worse = answers - first
        looks.append(paired(worse, np.arange(PROMPTS), SCALE, resamples=999))
        low, high = looks[-1].low, looks[-1].high
        either |= low is not None and high is not None and not low <= 0 <= high
        each |= looks[-1].p_worse <= ONE_SIDED_LEVEL
    alarms = np.flatnonzero(np.array(running(looks)) >= ALARM)
    return either, each, float(alarms[0] + 1) if len(alarms) else float("nan")


if __name__ == "__main__":
    main()
