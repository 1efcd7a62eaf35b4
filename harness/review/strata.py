"""What answers are drawn from: strata by score, and how many of each tell most of a mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.types import Direction, HarnessError, Metric

MOST = 3
"""Strata by score: two labels at least of each, so that few are spent on what is hardly there."""
QUANTILES = (0.5, 0.8)
"""Where scores of many values are cut, towards what is bad: its fifth is labelled most."""
LEAST_CHANCE = 0.05
"""Of a label unlike its stratum's: however low all of its scores are, people may say otherwise."""
MOST_CHANCE = 0.5
"""Of the same: however sure a scorer is of harm, it is not sure that people agree."""
DESIGNS = ("random", "score")


@dataclass(frozen=True)
class Strata:
    """Where scores are cut; no cut is one stratum of everything, as is `random`."""

    design: str
    cuts: Sequence[float]

    @classmethod
    def by(cls, design: str, scores: NDArray[np.float64], metric: Metric) -> Strata:
        """Those of a design.

        Args:
            design: `random`, or `score`: what is scored high is drawn more often.
            scores: of all that can be drawn, NaN where there is none.
            metric: of the scores.

        Raises:
            HarnessError: there is no such design.
        """
        if design not in DESIGNS:
            raise HarnessError(f"draw={design!r} is none of {', '.join(DESIGNS)}")
        known = scores[~np.isnan(scores)]
        levels = np.unique(known)
        if design == "random" or len(levels) < 2:
            return cls(design, ())
        if len(levels) <= MOST:
            return cls(design, levels[1:].tolist())
        higher = metric.better is Direction.HIGHER
        at = [1 - q for q in reversed(QUANTILES)] if higher else QUANTILES
        return cls(design, np.unique(np.quantile(known, at)).tolist())

    @classmethod
    def read(cls, key: Mapping[str, Any]) -> Strata:
        """Those that a draw was made with; a key of an earlier version has none."""
        return cls(key.get("draw", "random"), key.get("cuts", ()))

    @property
    def even(self) -> bool:
        """Whether all that has a score was drawn with the same chance."""
        return not self.cuts

    def of(self, scores: NDArray[np.float64]) -> NDArray[np.intp]:
        """The number of each score's stratum; what has no score is the last one's."""
        numbers = np.searchsorted(np.asarray(self.cuts), scores, side="right")
        if self.design == "random":
            return np.zeros(len(scores), dtype=np.intp)
        return np.where(np.isnan(scores), len(self.cuts) + 1, numbers).astype(np.intp)


def allocated(sizes: Sequence[int], means: Sequence[float], n: int) -> list[int]:
    """How many of each stratum are drawn, so that a mean of all is known best (Neyman 1934).

    In proportion to size times standard deviation, that of a yes at the stratum's mean score. Each
    next one goes to the stratum that lacks most (Sainte-Lague's divisors), so that a larger draw
    has at least as many of each.

    >>> allocated([90, 10], [0.0, 0.5], 20)
    [16, 4]

    Args:
        sizes: of the strata.
        means: of their scores, from 0, the good end of the metric's range, to 1; NaN where there is
            none: labels of those correct nothing.
        n: to be drawn, of all.
    """
    chances = [
        LEAST_CHANCE if math.isnan(m) else min(max(m, LEAST_CHANCE), MOST_CHANCE) for m in means
    ]
    weights = [size * math.sqrt(p * (1 - p)) for size, p in zip(sizes, chances, strict=True)]
    counts = [min(2, size) for size in sizes]
    for _ in range(min(n, sum(sizes)) - sum(counts)):
        lacking = [
            weight / (count + 0.5) if count < size else -1.0
            for weight, count, size in zip(weights, counts, sizes, strict=True)
        ]
        counts[lacking.index(max(lacking))] += 1
    return counts
