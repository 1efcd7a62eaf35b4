"""How the maxima of several generations vary across prompts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from harness.statistics.arrays import Floats, counts_of, without_missing
from harness.statistics.intervals import WithInterval, quantile
from harness.statistics.maxima import (
    Missing,
    check_policy,
    expected_maxima,
    per_sample,
    with_policy,
)
from harness.types import Estimate, Metric

if TYPE_CHECKING:
    from harness.types import Labels


@dataclass(frozen=True, slots=True)
class SpreadOfMaxima:
    """The standard deviation (n - 1) across samples of the expected largest of `k` generations.

    It says how prompts differ and is no standard error. Its interval takes the normal quantile and
    the standard error of a standard deviation, sqrt((m4 - s^4) / n) / (2 s), m4 the fourth central
    moment. Worst and best are the largest and smallest spread that missing values could give.

    >>> values, samples = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0, 0, 1, 1])
    >>> metric = Metric(0.0, 1.0, Direction.LOWER)
    >>> SpreadOfMaxima(k=2).estimate(values, samples, samples, metric).estimate
    0.0
    """

    k: int
    missing: Missing = "skip"

    def __post_init__(self) -> None:
        check_policy(self.k, self.missing)

    @property
    def name(self) -> str:
        """Its name in tables."""
        return with_policy(f"sd over samples of maximum of {self.k}", self.missing)

    def estimate(
        self, values: Floats, samples: Labels, clusters: Labels, metric: Metric
    ) -> Estimate:
        """The standard deviation over samples; NaN is missing."""
        largest = partial(expected_maxima, k=self.k)
        measured, low, high = per_sample(values, samples, metric, largest, self.missing)
        spread = _spread(without_missing(measured))
        lows, highs = np.minimum(low, high), np.maximum(low, high)
        empty = len(measured) < 2
        return Estimate(
            *spread,
            None if empty else largest_sd(lows, highs),
            None if empty else smallest_sd(lows, highs),
            *counts_of(values, clusters),
        )


def _spread(values: Floats) -> WithInterval:
    if len(values) < 2:
        return WithInterval()
    spread = float(values.std(ddof=1))
    fourth = float(((values - values.mean()) ** 4).mean())
    if not spread:
        return WithInterval(0.0)
    stderr = sqrt(max(fourth - spread**4, 0.0) / len(values)) / (2 * spread)
    width = quantile(len(values)) * stderr
    return WithInterval(spread, stderr, max(0.0, spread - width), spread + width)


def largest_sd(low: Floats, high: Floats) -> float:
    """Each value at one end of its range, those whose middle lies further up at the upper one."""
    order = np.argsort(low + high)
    low, high = low[order], high[order]
    open_ = np.flatnonzero(low < high)
    cuts = [0, *(open_ + 1), len(low)] if len(open_) else [0]
    return max(
        float(np.concatenate([low[:cut], high[cut:]]).std(ddof=1)) for cut in dict.fromkeys(cuts)
    )


def smallest_sd(low: Floats, high: Floats) -> float:
    """Each value as near to one middle as its range lets it."""
    from scipy.optimize import minimize_scalar

    def spread(middle: float) -> float:
        return float(np.clip(middle, low, high).std(ddof=1))

    ends = float(low.min()), float(high.max())
    smallest = minimize_scalar(spread, bounds=ends, method="bounded")
    return min(float(smallest.fun), spread(float(low.mean())), spread(float(high.mean())))
