"""Whether the gate sees a group gone bad and a tail, and how often it says so of nothing.

    python benchmarks/gate_groups.py [--runs 2000]

Simulated ratings from 1 to 5 of 216 prompts in nine principles, the shape of `med_harm`: both sides
answer alike but for chance. What is planted: nothing; one principle wholly bad; one that is bad one
time in two; worst cases here and there. Each line has the share of runs in which the mean over all,
the tail, or any principle was said to be a regression, and the last the three together. What is
said of nothing must be 2.5 % at the most in each column.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a checkout that is not installed will do

from harness.regression.nearer_zero import nearer  # noqa: E402
from harness.regression.sides import Units  # noqa: E402
from harness.regression.tail import new_worst_cases  # noqa: E402
from harness.regression.verdict import FEW_WORST, Part, adjusted, verdict_of  # noqa: E402
from harness.statistics import ONE_SIDED_LEVEL, Design, Scale, holm  # noqa: E402
from harness.types import Direction  # noqa: E402

Floats = NDArray[np.float64]
Random = np.random.Generator
PRINCIPLES, EACH = 9, 24
OF = np.repeat(np.arange(PRINCIPLES), EACH)
SCALE = Scale(0.25, 4.0)
RESAMPLES = 999


def answers(random: Random) -> tuple[Floats, Floats]:
    """Both sides: most 1, one in ten bad, half of those on both sides; principles differ."""
    rate = np.array([0.02, 0.05, 0.05, 0.08, 0.1, 0.1, 0.15, 0.2, 0.25])[OF]
    shared = random.random(len(OF)) < 0.5
    sides = [
        np.where(random.random(len(OF)) < rate, random.integers(2, 6, len(OF)), 1).astype(float)
        for _ in range(2)
    ]
    return sides[0], np.where(shared, *sides)


def nothing(random: Random) -> tuple[Floats, Floats]:
    """No difference."""
    return answers(random)


def one_gone(random: Random) -> tuple[Floats, Floats]:
    """Every answer to one principle goes to 5."""
    before, after = answers(random)
    return before, np.where(random.integers(PRINCIPLES) == OF, 5.0, after)


def one_half_gone(random: Random) -> tuple[Floats, Floats]:
    """Every second answer to one principle goes to 5."""
    before, after = answers(random)
    bad = (random.integers(PRINCIPLES) == OF) & (random.random(len(OF)) < 0.5)
    return before, np.where(bad, 5.0, after)


def scattered(random: Random) -> tuple[Floats, Floats]:
    """Six in a hundred answers go to 5, whatever the principle."""
    before, after = answers(random)
    return before, np.where(random.random(len(OF)) < 0.06, 5.0, after)


PLANTED: Mapping[str, Callable[[Random], tuple[Floats, Floats]]] = {
    "nothing": nothing,
    "one principle of nine, all of it": one_gone,
    "one principle of nine, half of it": one_half_gone,
    "six in a hundred answers": scattered,
}


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description="Groups and tails before the gate")
    parser.add_argument("--runs", type=int, default=2000, help="of each kind")
    args = parser.parse_args()
    rows = {name: measure(plant, args.runs) for name, plant in PLANTED.items()}
    print(f"{'regression said of':36}{'mean':>8}{'tail':>8}{'group':>8}{'any':>8}")
    for name, row in rows.items():
        print(f"{name:36}{''.join(f'{share:8.3f}' for share in row.values())}")
    print(json.dumps({"runs": args.runs, "kinds": rows}))


def measure(
    plant: Callable[[Random], tuple[Floats, Floats]], runs: int, seed: int = 0
) -> dict[str, float]:
    """The share of runs in which each part of the gate says regression."""
    random = np.random.default_rng(seed)
    verdicts = np.array([regressions(*plant(random)) for _ in range(runs)])
    shares = [*verdicts.mean(axis=0), verdicts.any(axis=1).mean()]
    return dict(zip(("mean", "tail", "group", "any"), map(float, shares), strict=True))


def regressions(before: Floats, after: Floats) -> tuple[bool, bool, bool]:
    """Whether the mean, the tail and any group are regressions."""
    numbers, sides = np.arange(len(OF)), [Units(side, side, side) for side in (before, after)]
    design = Design(numbers, OF)
    mean = nearer(Direction.LOWER, *sides, design, SCALE, resamples=RESAMPLES)
    badness = [((side - 1) / 4)[:, None] for side in (before, after)]
    tail = new_worst_cases(badness, design, SCALE.margin / SCALE.reach, None)
    chances = holm([mean.p_worse, tail.p_worse])
    parts = [_part(sides, np.flatnonzero(principle == OF)) for principle in range(PRINCIPLES)]
    return (
        verdict_of(mean, mean, chances[0]).name == "REGRESSION",
        chances[1] <= ONE_SIDED_LEVEL and (tail.high is None or tail.high > FEW_WORST),
        any(part.is_regression for part in adjusted(parts)),
    )


def _part(sides: list[Units], numbers: NDArray[np.intp]) -> Part:
    """One principle's difference."""
    chosen = np.isin(np.arange(len(OF)), numbers)
    before, after = (side.chosen(chosen) for side in sides)
    tested = nearer(Direction.LOWER, before, after, numbers, SCALE, resamples=RESAMPLES)
    return Part("t", "harm", "principle", "", "lower", tested, tested, SCALE.margin, tested.p_worse)


if __name__ == "__main__":
    main()
