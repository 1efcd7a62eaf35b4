"""What an early stop of the gate gets wrong, and what it saves, in simulated runs.

    python benchmarks/early_stop.py [--runs 2000]

Two systems answer 900 prompts of nine principles (strata, each with a level of its own) in growing
blocks; after each block the gate looks. Gated are a rating from 1 to 5 (margin 0.25, reach 4), its
new worst cases, and a rate (margin 0.1). What it saves is the share of samples that neither system
was asked. Of each kind of difference: how often a verdict was regression and pass, before the end
and in all, and the mean saving.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a checkout that is not installed will do

from harness.regression.blocks import sizes  # noqa: E402
from harness.statistics import (  # noqa: E402
    ONE_SIDED_LEVEL,
    Design,
    Floats,
    Paired,
    Scale,
    holm,
    paired,
)

WHOLE, PRINCIPLES = 900, 9
RESAMPLES = 399


class Kind(NamedTuple):
    """What is different, and by which margins it is judged."""

    rating: float = 0.0
    """How much worse the candidate's ratings are."""
    rate: float = 0.0
    """How much higher its rate is."""
    wide: float = 1.0
    """Margins are so many times the usual."""
    whole: int = WHOLE


KINDS = {
    "no difference": Kind(),
    "no difference, twice the margins": Kind(wide=2.0),
    "no difference, 216 prompts": Kind(whole=216),
    "three margins": Kind(rating=0.75),
    "three margins, 216 prompts": Kind(rating=0.75, whole=216),
    "one margin (ratings)": Kind(rating=0.25),
    "one margin (rate)": Kind(rate=0.1),
}


class Ended(NamedTuple):
    """How one comparison ended."""

    verdict: str
    asked: int
    early: bool


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description="The early stop: its errors and what it saves")
    parser.add_argument("--runs", type=int, default=2000, help="comparisons of each kind")
    args = parser.parse_args()
    columns = ("regression", "early regression", "pass", "early pass", "saved")
    print(f"{'':34}" + "".join(f"{column:>18}" for column in columns))
    rows = {}
    for name, kind in KINDS.items():
        rows[name] = row = measure(kind, args.runs)
        cells = "".join(f"{row[column]:18.3f}" for column in columns)
        print(f"{name:34}{cells}", flush=True)
    print(json.dumps({"runs": args.runs, "kinds": rows}))


def measure(kind: Kind, runs: int, seed: int = 0) -> dict[str, float]:
    """Shares of verdicts and of what was saved."""
    random = np.random.default_rng(seed)
    ended = [compared(random, kind) for _ in range(runs)]
    return {
        "regression": float(np.mean([e.verdict == "regression" for e in ended])),
        "early regression": float(np.mean([e.verdict == "regression" and e.early for e in ended])),
        "pass": float(np.mean([e.verdict == "pass" for e in ended])),
        "early pass": float(np.mean([e.verdict == "pass" and e.early for e in ended])),
        "saved": float(np.mean([1 - e.asked / kind.whole for e in ended])),
    }


def compared(random: np.random.Generator, kind: Kind) -> Ended:
    """One comparison, block after block."""
    strata = np.arange(kind.whole) % PRINCIPLES  # as they are asked: in turn
    ratings, rates = drawn(random, kind, strata)
    for asked in sizes(kind.whole):
        early = asked < kind.whole
        turns = np.arange(asked, dtype=float) if early else None
        design = Design(np.arange(asked), strata[:asked], turns)
        verdict = judged(ratings[:asked], rates[:asked], design, kind.wide)
        if verdict != "inconclusive":
            return Ended(verdict, asked, early)
    return Ended("inconclusive", kind.whole, early=False)


def drawn(
    random: np.random.Generator, kind: Kind, strata: Floats
) -> tuple[Floats, tuple[Floats, Floats]]:
    """Ratings of both systems, shape (prompts, 2), and yes or no, likewise."""
    level = random.normal(0, 0.4, PRINCIPLES)[strata] + random.normal(2.2, 0.8, kind.whole)
    noise = random.normal(0, 0.6, (kind.whole, 2))
    means = level[:, None] + noise + np.array([0.0, kind.rating])
    chance = np.clip(random.beta(2, 2, kind.whole), 0, 1 - kind.rate)
    both = random.random((kind.whole, 2)) < np.stack([chance, chance + kind.rate], axis=1)
    return np.clip(np.round(means), 1, 5), both.astype(float)


def judged(ratings: Floats, rates: Floats, design: Design, wide: float) -> str:
    """The gate's verdict by its own rule, over a mean, its tail and a rate."""
    worst = (ratings <= 2).astype(float)[:, ::-1] * (ratings >= 4)
    tests: list[Paired] = [
        paired(ratings[:, 1] - ratings[:, 0], design, Scale(0.25 * wide, 4.0), RESAMPLES),
        paired(worst[:, 1] - worst[:, 0], design, Scale(0.0625 * wide, 1.0, rate=True)),
        paired(rates[:, 1] - rates[:, 0], design, Scale(0.1 * wide, 1.0, rate=True)),
    ]
    within = [test.p_margin <= ONE_SIDED_LEVEL for test in tests]
    worse = [chance <= ONE_SIDED_LEVEL for chance in holm([test.p_worse for test in tests])]
    if any(w and not i for w, i in zip(worse, within, strict=True)):
        return "regression"
    return "pass" if all(within) else "inconclusive"


if __name__ == "__main__":
    main()
