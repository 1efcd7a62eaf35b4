"""How a metric drifts along an ordered fact: turn by turn of a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Columns, Floats, mean_of_rows
from harness.statistics.intervals import Scored, mean_interval
from harness.types import Counts, Direction, Estimate, Metric

if TYPE_CHECKING:
    from harness.types import Labels


@dataclass(frozen=True, slots=True)
class Slope:
    """By how much a metric rises with each step along a fact, within each cluster.

    The mean over clusters of the least-squares slope of each one's values, in the metric's unit a
    step. Its interval is that of a mean of one slope a cluster; clusters with values at fewer than
    two steps have no part. Worst and best take each missing value at the end that tilts its slope
    so.

    >>> facts, metric = {"turn": [1, 2, 3] * 2}, Metric(0.0, 1.0, Direction.LOWER)
    >>> values = np.array([[0.0], [0.0], [1.0], [0.0], [0.0], [0.0]])
    >>> Slope("turn").compare(values, facts, list("aaabbb"), metric)["all"].estimate  # .5 and 0
    0.25
    """

    along: str
    """A metadata column of numbers."""
    better: ClassVar[Direction | None] = None

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"slope per {self.along}"

    @property
    def by(self) -> str:
        """The fact along which it is."""
        return self.along

    @property
    def fields(self) -> Sequence[str]:
        """The fact alone."""
        return (self.along,)

    def compare(
        self, values: Floats, facts: Columns, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """One estimate over all clusters; NaN is missing."""
        steps = np.array([float(str(step)) for step in facts[self.along]])
        units = np.unique(np.asarray(clusters), return_inverse=True)[1]
        rows = [np.flatnonzero(units == unit) for unit in range(int(units.max(initial=-1)) + 1)]
        means, ends = mean_of_rows(values), _ends(values, metric)
        slopes = np.array([_slope(means[row], steps[row]) for row in rows])
        tilted = [_tilted(ends[:, row], steps[row]) for row in rows]
        known = slopes[~np.isnan(slopes)]
        n_scored = int((~np.isnan(values)).sum())
        counts = Counts(values.size, n_scored, values.size - n_scored, len(known))
        least, most = (np.array([pair[end] for pair in tilted]) for end in (0, 1))
        bounds = _mean(least), _mean(most)
        worst, best = bounds if metric.better is Direction.HIGHER else bounds[::-1]
        if not len(known):
            return {"all": Estimate.unknown(counts, worst, best)}
        steepest = _mean(np.array([_steepest(steps[row], metric) for row in rows])) or 0.0
        numbers = np.arange(len(known))
        interval = mean_interval(
            Scored(known, numbers, numbers), replace(metric, low=-steepest, high=steepest)
        )
        return {"all": Estimate(float(known.mean()), *interval, worst, best, *counts)}


def _weights(steps: Floats) -> Floats:
    """What each value counts for in the slope along these steps; NaN where there is one alone."""
    centred = steps - steps.mean()
    with np.errstate(invalid="ignore"):
        weights: Floats = centred / (centred @ centred)
    return weights


def _slope(values: Floats, steps: Floats) -> float:
    present = ~np.isnan(values)
    if len(np.unique(steps[present])) < 2:
        return float("nan")
    return float(_weights(steps[present]) @ values[present])


def _ends(values: Floats, metric: Metric) -> Floats:
    """The mean of each row with what is missing at the low end, and at the high end."""
    missing = np.isnan(values)
    return np.array(
        [np.where(missing, end, values).mean(axis=1) for end in (metric.low, metric.high)]
    )


def _tilted(ends: Floats, steps: Floats) -> tuple[float, float]:
    """The least and the steepest slope that values between these ends have."""
    low, high = ends
    weights = _weights(steps)
    up = weights > 0
    return (
        float(weights @ np.where(up, low, high)),
        float(weights @ np.where(up, high, low)),
    )


def _steepest(steps: Floats, metric: Metric) -> float:
    """The slope of values that go from one end of the range to the other."""
    return float(np.abs(_weights(steps)).sum()) / 2 * (metric.high - metric.low)


def _mean(slopes: Floats) -> float | None:
    """Over the clusters that have one."""
    known = slopes[~np.isnan(slopes)]
    return float(known.mean()) if len(known) else None
