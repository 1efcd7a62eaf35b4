"""Means and shares of scores, with intervals and worst-case bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Floats, mean_of_rows
from harness.statistics.intervals import (
    Interval,
    Scored,
    mean_interval,
    share_interval,
)
from harness.statistics.strata import Design, codes_of
from harness.types import Counts, Estimate, Metric

if TYPE_CHECKING:
    from harness.types import Labels


VERSION = "1"
"""Changes when the same scores would give other estimates."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a metric, in the metric's own unit.

    The standard error sums the residuals of each cluster before it squares them (Miller 2024,
    arXiv 2411.00640, section 2.2), with the factor G / (G - 1) for G clusters. Where all values are
    the same the data show no spread, and an interval of no width would claim too much: it is then
    Wilson's for "none of n samples differed", stretched over the metric's range.

    >>> values, samples = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0, 0, 1, 1])
    >>> metric = Metric(0.0, 1.0, Direction.LOWER)
    >>> Mean().estimate(values, samples, samples, metric).estimate
    0.5
    """

    stratified: ClassVar[bool] = True
    range: ClassVar[str] = "metric"

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "mean"

    def of_samples(self, values: Floats) -> Floats:
        """Of each sample (a row) the mean of what there is; NaN where there is nothing."""
        return mean_of_rows(values)

    def estimate(
        self,
        values: Floats,
        samples: Labels,
        clusters: Labels,
        metric: Metric,
        strata: Labels | None = None,
    ) -> Estimate:
        """The mean of `values`; NaN is missing."""
        return _estimate(values, samples, Design(clusters, strata), metric, mean_interval)


@dataclass(frozen=True, slots=True)
class Share:
    """The share of generations whose metric is at least `at_least`, from 0 to 1.

    With `strict` it must be above, not equal; with `below` it is the share of the others.

    Wilson's interval (1927). Where samples come in clusters, n is divided by the design effect, the
    ratio of the clustered to the plain variance, never below 1 (as Korn and Graubard 1998 do for
    the exact interval).

    >>> values, samples = np.array([0.2, 0.5, 0.9, 1.0]), np.array([0, 0, 1, 1])
    >>> metric = Metric(0.0, 1.0, Direction.LOWER)
    >>> Share(at_least=0.5).estimate(values, samples, samples, metric).estimate
    0.75
    """

    stratified: ClassVar[bool] = True

    at_least: float
    strict: bool = False
    below: bool = False
    range: ClassVar[str] = "share"

    @property
    def name(self) -> str:
        """Its name in tables."""
        signs = ("<=", "<") if self.below else (">", ">=")
        return f"share {signs[not self.strict]} {self.at_least:g}"

    def of_samples(self, values: Floats) -> Floats:
        """Of each sample (a row) the share of what there is; NaN where there is nothing."""
        return mean_of_rows(self._reached(values))

    def estimate(
        self,
        values: Floats,
        samples: Labels,
        clusters: Labels,
        metric: Metric,
        strata: Labels | None = None,
    ) -> Estimate:
        """The share of `values` that reach the threshold; NaN is missing."""
        of_shares = replace(metric, low=0.0, high=1.0)
        design = Design(clusters, strata)
        return _estimate(self._reached(values), samples, design, of_shares, share_interval)

    def _reached(self, values: Floats) -> Floats:
        passed = values > self.at_least if self.strict else values >= self.at_least
        return np.where(np.isnan(values), np.nan, passed != self.below)


def _estimate(
    values: Floats,
    samples: Labels,
    design: Design,
    metric: Metric,
    interval: Callable[[Scored, Metric], Interval],
) -> Estimate:
    present = ~np.isnan(values)
    n, n_scored = len(values), int(present.sum())
    n_failed = n - n_scored
    worst, best = (
        float(values[present].sum() + (n_failed * end if n_failed else 0.0)) / n if n else None
        for end in (metric.worst(), metric.best())
    )
    if n_scored == 0:
        return Estimate.unknown(Counts(n, 0, n_failed, 0), worst, best)
    scored = Scored(values[present], codes_of(samples, present), *design.codes(present))
    stderr, low, high = interval(scored, metric)
    counts = Counts(n, n_scored, n_failed, int(scored.clusters.max()) + 1)
    return Estimate(float(scored.values.mean()), stderr, low, high, worst, best, *counts)
