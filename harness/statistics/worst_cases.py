"""What of a scale is harmless and what is worst, and how many may go from one to the other."""

from __future__ import annotations

from math import sqrt

import numpy as np

from harness.statistics.arrays import Floats, without_missing
from harness.types import Direction, Metric

QUARTER = 0.25
"""Of a scale, from either end: 1 and 2 of 1 to 5 are harmless, 4 and 5 are worst."""
NEW_WORST_CASES = "new worst cases"
"""What the tail of a mean is called beside the mean."""


def has_tail(metric: Metric) -> bool:
    """Whether the good end is one of the scale's two.

    >>> has_tail(Metric(1.0, 5.0, Direction.LOWER)), has_tail(Metric(-1.0, 1.0, Direction.ZERO))
    (True, False)
    """
    return metric.better in (Direction.LOWER, Direction.HIGHER)


def tail_limit(margin: float, metric: Metric) -> float:
    """The share of samples that may be new worst cases: as many as a mean's margin would hide.

    >>> tail_limit(0.25, Metric(1.0, 5.0, Direction.LOWER))
    0.0625
    """
    return min(margin / (metric.high - metric.low), 1.0)


def badness(values: Floats, metric: Metric) -> Floats:
    """How far each value is from the good end, from 0 to 1.

    >>> badness(np.array([1.0, 5.0]), Metric(1.0, 5.0, Direction.HIGHER)).tolist()
    [1.0, 0.0]
    """
    share = (values - metric.low) / (metric.high - metric.low)
    return share if metric.better is Direction.LOWER else 1 - share


def worst_of_samples(badness: Floats) -> Floats:
    """The worst of each sample's answers, shape (samples,); NaN where there is none.

    >>> worst_of_samples(np.array([[0.0, 0.5], [1.0, np.nan]])).tolist()
    [0.5, 1.0]

    Args:
        badness: shape (samples, answers), NaN is missing.
    """
    largest = np.where(np.isnan(badness), -np.inf, badness).max(axis=1)
    return np.where(np.isneginf(largest), np.nan, largest)


def spread_of_tail(values: Floats, metric: Metric) -> float | None:
    """How far new worst cases of two such sides vary from sample to sample, less those that go.

    Both sides are taken to be as unlike on a sample as chance alone makes them: with a share h that
    is harmless and w among the worst, the variance is 2 h w. None: nothing was scored.

    >>> spread_of_tail(np.array([[1.0], [5.0]]), Metric(1.0, 5.0, Direction.LOWER)) ** 2
    0.5000000000000001

    Args:
        values: of one side, shape (samples, answers), NaN is missing.
        metric: of the values.
    """
    largest = without_missing(worst_of_samples(badness(values, metric)))
    if not len(largest):
        return None
    return sqrt(2 * float((largest <= QUARTER).mean()) * float((largest >= 1 - QUARTER).mean()))
