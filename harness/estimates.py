"""Statistics of metrics: estimate, 95 % interval, and what missing values could make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from harness.types import Estimate, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels

FEW_CLUSTERS = 30
"""Below this many clusters an interval takes Student's t instead of the normal quantile."""

Interval = tuple[float | None, float | None, float | None]
"""Standard error, lower and upper end; None where the data cannot say."""


VERSION = "1"
"""Changes when the same scores would give other estimates."""


@dataclass(frozen=True, slots=True)
class Scored:
    """The values that there are, and by number which sample and which cluster each is of."""

    values: NDArray[np.float64]
    samples: NDArray[np.intp]
    clusters: NDArray[np.intp]

    @property
    def sample_count(self) -> int:
        """How many different samples they are of."""
        return int(self.samples.max()) + 1


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a metric, in the metric's own unit.

    The standard error sums the residuals of each cluster before it squares them (Miller 2024,
    arXiv 2411.00640, section 2.2), with the factor G / (G - 1) for G clusters. Where all values are
    the same the data show no spread, and an interval of no width would claim too much: it is then
    Wilson's for "none of n samples differed", stretched over the metric's range.
    """

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "mean"

    def of_samples(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each sample (a row) the mean of what there is; NaN where there is nothing."""
        return mean_of_rows(values)

    def estimate(
        self,
        values: NDArray[np.float64],
        samples: Labels,
        clusters: Labels,
        metric: Metric,
    ) -> Estimate:
        """The mean of `values`; NaN is missing."""
        return _estimate(values, samples, clusters, metric, mean_interval)


@dataclass(frozen=True, slots=True)
class Share:
    """The share of generations whose metric is at least `at_least`, from 0 to 1.

    With `strict` it must be above, not equal; with `below` it is the share of the others.

    Wilson's interval (1927). Where samples come in clusters, n is divided by the design effect, the
    ratio of the clustered to the plain variance, never below 1 (as Korn and Graubard 1998 do for
    the exact interval).
    """

    at_least: float
    strict: bool = False
    below: bool = False

    @property
    def name(self) -> str:
        """Its name in tables."""
        signs = ("<=", "<") if self.below else (">", ">=")
        return f"share {signs[not self.strict]} {self.at_least:g}"

    def of_samples(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each sample (a row) the share of what there is; NaN where there is nothing."""
        return mean_of_rows(self._reached(values))

    def estimate(
        self,
        values: NDArray[np.float64],
        samples: Labels,
        clusters: Labels,
        metric: Metric,
    ) -> Estimate:
        """The share of `values` that reach the threshold; NaN is missing."""
        of_shares = replace(metric, low=0.0, high=1.0)
        return _estimate(self._reached(values), samples, clusters, of_shares, share_interval)

    def _reached(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        passed = values > self.at_least if self.strict else values >= self.at_least
        return np.where(np.isnan(values), np.nan, passed != self.below)


def mean_of_rows(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each row's values that are not NaN; NaN where all are."""
    present = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        means: NDArray[np.float64] = np.where(present, values, 0.0).sum(axis=1) / present.sum(
            axis=1
        )
    return means


def _estimate(
    values: NDArray[np.float64],
    samples: Labels,
    clusters: Labels,
    metric: Metric,
    interval: Callable[[Scored, Metric], Interval],
) -> Estimate:
    present = ~np.isnan(values)
    n, n_scored = len(values), int(present.sum())
    n_failed = n - n_scored
    worst, best = (
        float(values[present].sum() + n_failed * end) / n if n else None
        for end in (metric.worst(), metric.best())
    )
    if n_scored == 0:
        return Estimate(None, None, None, None, worst, best, n, 0, n_failed, 0)
    scored = Scored(
        values[present],
        np.unique(np.asarray(samples)[present], return_inverse=True)[1],
        np.unique(np.asarray(clusters)[present], return_inverse=True)[1],
    )
    stderr, low, high = interval(scored, metric)
    return Estimate(
        float(scored.values.mean()), stderr, low, high, worst, best,
        n, n_scored, n_failed, int(scored.clusters.max()) + 1,
    )  # fmt: skip


def mean_interval(scored: Scored, metric: Metric) -> Interval:
    """Standard error and 95 % interval of a mean, clustered."""
    values, clusters = scored.values, scored.clusters
    stderr = _clustered_stderr(values, clusters)
    if stderr is None and len(values) > 1:
        return None, None, None
    if not stderr:  # no spread between clusters: the spread between samples, if there is any
        stderr = _clustered_stderr(values, scored.samples)
    if stderr:
        width = quantile(int(clusters.max()) + 1) * stderr
    else:
        _, share = wilson(0.0, scored.sample_count, quantile(FEW_CLUSTERS))
        width = share * (metric.high - metric.low)
    mean = float(values.mean())
    return stderr, max(metric.low, mean - width), min(metric.high, mean + width)


def share_interval(scored: Scored, metric: Metric) -> Interval:
    """Standard error and Wilson's 95 % interval of a share, with the design effect."""
    values, clusters = scored.values, scored.clusters
    stderr = _clustered_stderr(values, clusters)
    n, share = len(values), float(values.mean())
    if stderr is None and n > 1:
        return None, None, None
    plain = share * (1 - share) / max(n - 1, 1)
    # Answers to one sample are no independent trials, even where all of them agree.
    repeats = n / scored.sample_count if not plain else 1.0
    design_effect = max(repeats, stderr**2 / plain if stderr and plain else 1.0)
    count = int(clusters.max()) + 1
    normal = quantile(count if count < scored.sample_count else FEW_CLUSTERS)
    return stderr, *wilson(share, n / design_effect, normal)


def _clustered_stderr(values: NDArray[np.float64], clusters: NDArray[np.intp]) -> float | None:
    """Standard error of the mean from the spread between clusters; None for a single cluster."""
    totals = np.bincount(clusters, weights=values - values.mean())
    count = len(totals)
    if count == 1:
        return None
    return sqrt(count / (count - 1) * float(totals @ totals)) / len(values)


def wilson(share: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval (1927) for a share of `n` trials; `n` need not be whole."""
    square = quantile**2 / n
    middle = share + square / 2
    half = quantile * sqrt(share * (1 - share) / n + square / (4 * n))
    return max(0.0, (middle - half) / (1 + square)), min(1.0, (middle + half) / (1 + square))


def quantile(clusters: int) -> float:
    """How many standard errors a 95 % interval reaches to each side."""
    from scipy.special import ndtri, stdtrit

    few = 1 < clusters < FEW_CLUSTERS
    return float(stdtrit(clusters - 1, 0.975) if few else ndtri(0.975))
