"""Intervals of means and shares, with clusters.

The one place of the clustered standard error, of the quantile that an interval reaches with, and
of how many clusters are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import inf, isinf, isnan, nan, sqrt
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.strata import degrees_lost, within_strata
from harness.types import Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray


ONE_SIDED_LEVEL = 0.025
"""Chance beyond each end of a 95 % interval, and so the level of each one-sided test."""
POWER = 0.8
"""The chance that enough samples show what is there: the customary one (Cohen 1988)."""
FEW_CLUSTERS = 30
"""Below this many clusters an interval takes Student's t instead of the normal quantile.

The customary bound: at 30 clusters the two quantiles differ by 4 %.
"""

Squares = TypeVar("Squares", float, Floats)


class Interval(NamedTuple):
    """How sure an estimate is, in its unit; None where the data cannot say."""

    stderr: float | None = None
    low: float | None = None
    """Lower end of the 95 % interval."""
    high: float | None = None


class WithInterval(NamedTuple):
    """An estimate and how sure it is, in its unit; None where the data cannot say."""

    estimate: float | None = None
    stderr: float | None = None
    low: float | None = None
    """Lower end of the 95 % interval."""
    high: float | None = None


class Bounds(NamedTuple):
    """What an estimate would be with all that is missing at its worst and at its best."""

    worst: float | None = None
    best: float | None = None


class Ends(NamedTuple):
    """The two ends of a 95 % interval, in the unit of the estimate.

    >>> Ends(0.25, 0.5).high
    0.5
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scored:
    """The values that there are, and by number which sample and which cluster each is of."""

    values: NDArray[np.float64]
    samples: NDArray[np.intp]
    clusters: NDArray[np.intp]
    strata: NDArray[np.intp] | None = None
    """Likewise; None: samples are drawn from all alike."""

    @property
    def spread(self) -> Floats:
        """The values as what is drawn makes them differ: about the mean of their stratum."""
        if self.strata is None:
            return self.values
        return within_strata(self.values, self.clusters, self.strata)

    @property
    def free_clusters(self) -> int:
        """Clusters, less one for each stratum but the first: what t's degrees of freedom are of."""
        count = int(self.clusters.max()) + 1
        return count + 1 - degrees_lost(self.clusters, self.strata)

    @property
    def sample_count(self) -> int:
        """How many different samples they are of."""
        return int(self.samples.max()) + 1


def mean_interval(scored: Scored, metric: Metric) -> Interval:
    """Standard error and 95 % interval of a mean, clustered."""
    values = scored.values
    stderr = clustered_stderr(scored.spread, scored.clusters)
    if stderr is None and len(values) > 1:
        return Interval()
    if not stderr:  # no spread between clusters: the spread between samples, if there is any
        stderr = clustered_stderr(values, scored.samples)
    if stderr:
        width = quantile(scored.free_clusters) * stderr
    else:
        _, share = wilson(0.0, scored.sample_count, quantile(FEW_CLUSTERS))
        width = share * (metric.high - metric.low)
    mean = float(values.mean())
    return Interval(stderr, max(metric.low, mean - width), min(metric.high, mean + width))


def share_interval(scored: Scored, metric: Metric) -> Interval:
    """Standard error and Wilson's 95 % interval of a share, with the design effect."""
    values, clusters = scored.values, scored.clusters
    stderr = clustered_stderr(scored.spread, clusters)
    n, share = len(values), float(values.mean())
    if stderr is None and n > 1:
        return Interval()
    plain = share * (1 - share) / max(n - 1, 1)
    # Answers to one sample are no independent trials, even where all of them agree.
    repeats = n / scored.sample_count if not plain else 1.0
    design_effect = max(repeats, stderr**2 / plain if stderr and plain else 1.0)
    count = int(clusters.max()) + 1
    normal = quantile(scored.free_clusters if count < scored.sample_count else FEW_CLUSTERS)
    return Interval(stderr, *wilson(share, n / design_effect, normal))


def clustered_stderr(values: Floats, clusters: NDArray[np.intp]) -> float | None:
    """Standard error of a mean, from the spread between clusters, in the unit of the values.

    The residuals of a cluster are summed before they are squared (Miller 2024, arXiv 2411.00640,
    section 2.2). With each value its own cluster it is the standard deviation (n - 1) / sqrt(n):

    >>> clustered_stderr(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1]))
    1.0

    Args:
        values: shape (n,), none missing.
        clusters: shape (n,); the number of each value's cluster, every one from 0 on occurring.

    Returns:
        None for a single cluster.
    """
    variance = variance_of_sum(*squares_of_clusters(values, clusters))
    return None if isnan(variance) else sqrt(variance) / len(values)


def squares_of_clusters(values: Floats, clusters: NDArray[np.intp]) -> tuple[float, int]:
    """The sum over clusters of the square of their summed residuals, and how many there are."""
    residuals = np.bincount(clusters, weights=values - values.mean())
    return float(residuals @ residuals), len(residuals)


def variance_of_sum(squares: Squares, clusters: int) -> Squares:
    """Variance of a sum over independent clusters: G / (G - 1) times the sum of squares.

    Args:
        squares: over clusters, of the sum of each one's residuals; one such sum or an array.
        clusters: G.

    Returns:
        In the squared unit of the residuals; NaN for a single cluster, which shows no spread.
    """
    return clusters / (clusters - 1) * squares if clusters > 1 else nan * squares


def wilson(share: float, n: float, quantile: float) -> Ends:
    """Wilson's score interval (1927) for a share of `n` trials.

    >>> low, high = wilson(0.0, 96.0, 2.0)
    >>> low, round(high, 3)
    (0.0, 0.04)

    Args:
        share: from 0 to 1.
        n: above zero; need not be whole.
        quantile: how many standard errors it reaches to each side.
    """
    square = quantile**2 / n
    middle = share + square / 2
    half = quantile * sqrt(share * (1 - share) / n + square / (4 * n))
    low, high = (middle - half) / (1 + square), (middle + half) / (1 + square)
    # Rounding may put an end at 1e-17 for a share of 0, past the share that it is to hold.
    return Ends(max(0.0, min(low, share)), min(1.0, max(high, share)))


def quantile(clusters: int) -> float:
    """How many standard errors a 95 % interval over so many clusters reaches to each side.

    >>> round(quantile(30), 2), round(quantile(5), 2)
    (1.96, 2.78)
    """
    return critical_value(degrees_of_freedom(clusters))


def degrees_of_freedom(clusters: int) -> float:
    """Those of Student's t where clusters are few, else infinitely many: the normal's."""
    return clusters - 1 if 1 < clusters < FEW_CLUSTERS else inf


@cache
def critical_value(freedom: float, level: float = ONE_SIDED_LEVEL) -> float:
    """What a standardised score exceeds by chance, by default once in 40 times.

    >>> round(critical_value(inf), 2), round(critical_value(4), 2)
    (1.96, 2.78)

    Args:
        freedom: degrees of freedom of Student's t; infinite: the normal.
        level: the chance, from 0 to 1.
    """
    from scipy.special import ndtri, stdtrit

    share = 1 - level
    return float(ndtri(share) if isinf(freedom) else stdtrit(freedom, share))


@cache
def power_value() -> float:
    """Standard errors beyond its critical value at which a test shows what is there, by `POWER`."""
    from scipy.special import ndtri

    return float(ndtri(POWER))
