"""Intervals of means and shares, with clusters."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from harness.types import Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray


FEW_CLUSTERS = 30
"""Below this many clusters an interval takes Student's t instead of the normal quantile."""

Interval = tuple[float | None, float | None, float | None]
"""Standard error, lower and upper end; None where the data cannot say."""


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
