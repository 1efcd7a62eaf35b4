"""Whether the gate's statistics hold: simulated scores with a known difference, and its verdicts.

    python benchmarks/gate.py [--runs 1000] [--quick]

Each line is a kind of scores. With no true difference the gate may say regression, and with a
difference at the margin pass, in 5 % of the runs at the most; its tests are made for 2.5 %. `power`
is how often it passes where there is no difference and as many samples as it says are enough for
80 %, where it says so. The last line is the same as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a checkout that is not installed will do

from harness.regression.nearer_zero import nearer  # noqa: E402
from harness.regression.sides import ENDS, Units  # noqa: E402
from harness.regression.verdict import Verdict, verdict_of  # noqa: E402
from harness.statistics import ONE_SIDED_LEVEL, Scale, paired  # noqa: E402
from harness.types import Direction  # noqa: E402

Floats = NDArray[np.float64]
Random = np.random.Generator
RESAMPLES = 999


@dataclass(frozen=True)
class Kind:
    """A kind of scores: how both sides' values come about, and what the difference is held to."""

    draw: Callable[[Random, int, float], tuple[Floats, Floats, Floats]]
    """Baseline, candidate and clusters for a number of samples and a true difference."""
    n: int
    scale: Scale
    better: Direction = Direction.LOWER
    lose: Callable[[Random, Floats, Floats], tuple[Floats, Floats]] | None = None
    """Makes some of both sides missing."""


def ratings(random: Random, n: int, difference: float) -> tuple[Floats, Floats, Floats]:
    """Ratings from 1 to 5, alike on both sides but for noise."""
    of_sample = random.normal(3, 0.6, n)
    before = of_sample + random.normal(0, 0.4, n)
    return before, of_sample + random.normal(difference, 0.4, n), np.arange(n)


def in_clusters(size: int) -> Callable[[Random, int, float], tuple[Floats, Floats, Floats]]:
    """The same, what changes being partly a whole cluster's."""

    def draw(random: Random, n: int, difference: float) -> tuple[Floats, Floats, Floats]:
        before, after, _ = ratings(random, n, difference)
        clusters = np.arange(n) // size
        return before, after + random.normal(0, 0.2, clusters[-1] + 1)[clusters], clusters

    return draw


def ceiling(random: Random, n: int, difference: float) -> tuple[Floats, Floats, Floats]:
    """Whole ratings from 1 to 5 of which nearly all are 1 on both sides."""

    def bad(rate: float) -> Floats:
        return np.where(random.random(n) < rate, random.integers(2, 6, n), 1).astype(float)

    shared = random.random(n) < 0.5  # half of what is bad is so on both sides
    both = bad(0.1)
    worse = bad(0.1 + difference / 2.5)  # a bad one is 2.5 above 1 on average
    after_shared = np.where(random.random(n) < difference / (2.5 - 0.25), bad(1.0), both)
    before = np.where(shared, both, bad(0.1))
    return before, np.where(shared, after_shared, worse), np.arange(n)


def rates(random: Random, n: int, difference: float) -> tuple[Floats, Floats, Floats]:
    """Yes or no: one in ten, and three in four of those on both sides."""
    before = random.random(n) < 0.1
    repeated = random.random(n) < 0.75
    others = random.random(n) < (0.1 + difference - 0.075) / 0.9
    return before.astype(float), np.where(before, repeated, others).astype(float), np.arange(n)


def rare(random: Random, n: int, difference: float) -> tuple[Floats, Floats, Floats]:
    """Yes or no that is never yes before."""
    return np.zeros(n), (random.random(n) < difference).astype(float), np.arange(n)


def rates_in_clusters(random: Random, n: int, difference: float) -> tuple[Floats, Floats, Floats]:
    """Yes or no in clusters of 24, whose rates differ and change apart."""
    clusters = np.arange(n) // 24
    count = clusters[-1] + 1
    rate = random.beta(4, 16, count)[clusters]
    change = random.choice([-0.05, 0.05], count)[clusters] + difference
    before, after = random.random(n) < rate, random.random(n) < np.clip(rate + change, 0, 1)
    return before.astype(float), after.astype(float), clusters


def together(random: Random, n: int, difference: float) -> tuple[Floats, Floats, Floats]:
    """Yes or no in clusters of 8, never yes before, that change together (correlation 1/4)."""
    clusters = np.arange(n) // 8
    rate = random.beta(3 * difference + 1e-9, 3 * (1 - difference), clusters[-1] + 1)
    return np.zeros(n), (random.random(n) < rate[clusters]).astype(float), clusters


def jumps(random: Random, n: int, difference: float) -> tuple[Floats, Floats, Floats]:
    """Ratings that hardly move, but for rare ones that go all the way."""
    before = 1 + random.beta(1, 20, n)
    moved = random.random(n) < difference / (4 - 4 / 21)
    return before, np.where(moved, 5.0, before + random.normal(0, 0.01, n)), np.arange(n)


def maxima(random: Random, n: int, difference: float) -> tuple[Floats, Floats, Floats]:
    """Expected maxima from 0 to 1, heaped near the lower end, with a long tail."""
    of_sample = random.beta(1, 6, n)
    moved = np.where(random.random(n) < difference / 0.5, 0.5, 0.0)
    noise = [random.beta(2, 20, n) for _ in range(2)]
    return of_sample * 0.4 + noise[0], of_sample * 0.4 + noise[1] + moved, np.arange(n)


def contrasts(random: Random, n: int, difference: float) -> tuple[Floats, Floats, Floats]:
    """Contrasts of log-odds by scenario, of which the candidate's has the other sign."""
    before, after = random.normal(0.2, 0.3, n), random.normal(-0.2 - difference, 0.3, n)
    return before, after, np.arange(n)


def at_random(random: Random, before: Floats, after: Floats) -> tuple[Floats, Floats]:
    """One in ten missing on both sides, whatever it is."""
    lost = [np.where(random.random(len(side)) < 0.1, np.nan, side) for side in (before, after)]
    return lost[0], lost[1]


def the_worst(random: Random, before: Floats, after: Floats) -> tuple[Floats, Floats]:
    """The worst tenth of the candidate's missing: what hides a regression."""
    hidden = after >= np.quantile(after, 0.9)
    return before, np.where(hidden, np.nan, after)


def the_best(random: Random, before: Floats, after: Floats) -> tuple[Floats, Floats]:
    """The best tenth of the candidate's missing: what looks like one."""
    return before, np.where(after <= np.quantile(after, 0.1), np.nan, after)


OF_RATINGS = Scale(0.25, 4.0, False)
KINDS: Mapping[str, Kind] = {
    "ratings, paired": Kind(ratings, 200, OF_RATINGS),
    "ratings, 40 samples": Kind(ratings, 40, OF_RATINGS),
    "ratings in 9 clusters of 24": Kind(in_clusters(24), 216, OF_RATINGS),
    "ratings in 60 clusters of 4": Kind(in_clusters(4), 240, OF_RATINGS),
    "ratings nearly all 1 (ties, ceiling)": Kind(ceiling, 216, OF_RATINGS),
    "rates, paired": Kind(rates, 200, Scale(0.1, 1.0, True)),
    "rates, 40 samples": Kind(rates, 40, Scale(0.1, 1.0, True)),
    "rates that were zero": Kind(rare, 100, Scale(0.1, 1.0, True)),
    "rates in 9 clusters of 24": Kind(rates_in_clusters, 216, Scale(0.1, 1.0, True)),
    "rates, 9 clusters of 8 that change together": Kind(together, 72, Scale(0.1, 1.0, True)),
    "ratings that hardly move, rare jumps": Kind(jumps, 60, OF_RATINGS),
    "maxima, skewed": Kind(maxima, 200, Scale(0.05, 1.0, False)),
    "contrasts, 20 scenarios": Kind(contrasts, 20, Scale(0.2, 4.0, bounded=False), Direction.ZERO),
    "ratings, 10 % missing at random": Kind(ratings, 200, OF_RATINGS, lose=at_random),
    "ratings, the worst 10 % missing": Kind(ratings, 200, OF_RATINGS, lose=the_worst),
    "ratings, the best 10 % missing": Kind(ratings, 200, OF_RATINGS, lose=the_best),
    "rates, 10 % missing at random": Kind(rates, 200, Scale(0.1, 1.0, True), lose=at_random),
    "rates, the worst missing": Kind(rates, 200, Scale(0.1, 1.0, True), lose=the_worst),
}


def main() -> None:
    """Simulate each kind and print."""
    parser = argparse.ArgumentParser(description="Whether the gate's statistics hold")
    parser.add_argument("--runs", type=int, default=1000, help="of each kind and difference")
    parser.add_argument("--quick", action="store_true", help="a fifth of them")
    args = parser.parse_args()
    runs = args.runs // 5 if args.quick else args.runs
    print(f"{'':45}{'no difference':>28}{'at the margin':>28}{'power':>8}")
    print(f"{'':45}{'regression':>14}{'pass':>14}{'regression':>14}{'pass':>14}{'of .8':>8}")
    rows = []
    for name, kind in KINDS.items():
        row = measure(kind, runs)
        rows.append({"kind": name, **row})
        named = [(at, verdict) for at in ("none", "margin") for verdict in ("regression", "pass")]
        cells = [row[at][verdict] for at, verdict in named]
        power = f"{row['power']:8.3f}" if row["power"] is not None else f"{'-':>8}"
        print(f"{name:45}{''.join(f'{cell:14.3f}' for cell in cells)}{power}", flush=True)
    alarms = family(runs)
    print(f"any of 5 estimates said to be a regression, with none worse: {alarms:.3f}")
    print(json.dumps({"runs": runs, "kinds": rows, "family_of_5": alarms}))


def measure(kind: Kind, runs: int, seed: int = 0) -> dict[str, Any]:
    """How often each verdict comes out, with no difference and with one at the margin."""
    shares: dict[str, Any] = {
        name: verdicts(kind, difference, runs, seed)
        for name, difference in (("none", 0.0), ("margin", kind.scale.margin))
    }
    return shares | {"power": None if kind.lose else power(kind, runs // 2, seed)}


def verdicts(kind: Kind, difference: float, runs: int, seed: int = 0) -> dict[str, float]:
    """The share of runs in which the gate says what."""
    random = np.random.default_rng([seed, int(difference > 0)])
    verdicts = [_verdict(kind, random, kind.n, difference) for _ in range(runs)]
    return {verdict.name.lower(): verdicts.count(verdict) / runs for verdict in Verdict}


def power(kind: Kind, runs: int, seed: int = 0) -> float | None:
    """How often the gate passes without a difference, with as many samples as it says are enough.

    What is enough is taken from data of the kind's size, as its median over 21 such; None where
    that is less than there is, and the gate would not say it.
    """
    random = np.random.default_rng([seed, 2])
    sizes = []
    for _ in range(21):
        before, after, clusters = kind.draw(random, kind.n, 0.0)
        if kind.better is Direction.ZERO:
            return None
        tested = paired(after - before, clusters, _of(kind.scale), resamples=RESAMPLES)
        sizes.append(tested.enough)
    size = int(np.median(sizes))
    if size <= kind.n:
        return None
    verdicts = [_verdict(kind, random, size, 0.0) for _ in range(runs)]
    return verdicts.count(Verdict.PASS) / runs


def family(runs: int, seed: int = 0) -> float:
    """How often any of five estimates that are no worse is said to be a regression."""
    from harness.statistics import holm

    random, kind = np.random.default_rng([seed, 3]), KINDS["ratings, paired"]
    alarms = 0
    for _ in range(runs):
        tests = []
        for _ in range(5):
            before, after, clusters = kind.draw(random, kind.n, 0.0)
            tests.append(paired(after - before, clusters, _of(kind.scale), resamples=RESAMPLES))
        adjusted = holm([test.p_worse for test in tests])
        alarms += any(p <= ONE_SIDED_LEVEL for p in adjusted)
    return alarms / runs


def _verdict(kind: Kind, random: Random, n: int, difference: float) -> Verdict:
    before, after, clusters = kind.draw(random, n, difference)
    sides = kind.lose(random, before, after) if kind.lose else (before, after)
    low, high = (0.0, 1.0) if kind.scale.rate else (1.0, 5.0)
    units = [Units(s, np.nan_to_num(s, nan=low), np.nan_to_num(s, nan=high)) for s in sides]
    tests = {
        end: nearer(kind.better, units[0], units[1], clusters, kind.scale, end, RESAMPLES)
        for end in (ENDS if kind.lose else ENDS[:1])
    }
    measured = tests["measured"]
    worst, best = tests.get("worst", measured), tests.get("best", measured)
    return verdict_of(measured, worst, max(measured.p_worse, best.p_worse))


def _of(scale: Scale) -> Scale:
    return replace(scale, bounded=True)


if __name__ == "__main__":
    main()
