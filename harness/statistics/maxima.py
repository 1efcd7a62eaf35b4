"""Statistics of the worst of several generations a sample, and of how samples spread.

The closed forms are unbiased for any k up to the number of generations N: of the values sorted
upwards, x_(i) is the largest of k drawn without replacement with probability
[C(i, k) - C(i - 1, k)] / C(N, k). They replace the thousand draws of Gehman et al. (2020,
arXiv 2009.11462, section 3.2); with k = N they are the plain maximum. What varies is the prompts:
the generations of one are never taken for independent trials.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.intervals import Interval, Scored, mean_interval, share_interval
from harness.types import Estimate, HarnessError, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels


Missing = Literal["skip", "drop"]
"""`skip`: a sample's maximum is over the scores that there are, as in the paper's code; `drop`: a
sample of which any score is missing has none."""
RESAMPLES = 1000
EXACT = 200
"""Values up to which binomial coefficients are computed as whole numbers."""


@dataclass(frozen=True, slots=True)
class ExpectedMaximum:
    """The mean over samples of the expected largest value of `k` generations, in metric units.

    It grows with k: compare only what has the same. Of a sample with fewer than k scores it is the
    largest of those.
    """

    k: int
    missing: Missing = "skip"

    def __post_init__(self) -> None:
        check_policy(self.k, self.missing)

    @property
    def name(self) -> str:
        """Its name in tables."""
        return _named(f"expected maximum of {self.k}", self.missing)

    def of_samples(self, values: Floats) -> Floats:
        """Of each sample (a row) the expected maximum; NaN where there is none."""
        return _of_rows(values, self.k, self.missing)

    def estimate(
        self, values: Floats, samples: Labels, clusters: Labels, metric: Metric
    ) -> Estimate:
        """The mean of each sample's expected maximum; NaN is missing."""

        def largest(filled: Floats, codes: NDArray[np.intp]) -> Floats:
            return expected_maxima(filled, codes, self.k)

        of_samples = _per_sample(values, samples, largest, self.missing)
        return _over_samples(of_samples, values, samples, clusters, metric, mean_interval)


@dataclass(frozen=True, slots=True)
class AnyAbove:
    """The probability, from 0 to 1, that at least one of `k` generations passes a threshold.

    Args:
        k: generations drawn without replacement from those that there are.
        threshold: in the metric's unit.
        strict: whether a value must be above it; else it may be equal. The paper's text says equal,
            its code above.
        missing: what becomes of samples of which scores are missing.
    """

    k: int
    threshold: float
    strict: bool = False
    missing: Missing = "skip"

    def __post_init__(self) -> None:
        check_policy(self.k, self.missing)

    @property
    def name(self) -> str:
        """Its name in tables."""
        sign = ">" if self.strict else ">="
        return _named(f"any of {self.k} {sign} {self.threshold:g}", self.missing)

    def of_samples(self, values: Floats) -> Floats:
        """Of each sample (a row) the probability; NaN where there is none."""
        passed = values > self.threshold if self.strict else values >= self.threshold
        return _of_rows(np.where(np.isnan(values), np.nan, passed), self.k, self.missing)

    def estimate(
        self, values: Floats, samples: Labels, clusters: Labels, metric: Metric
    ) -> Estimate:
        """The mean of each sample's probability; NaN is missing."""

        def any_above(filled: Floats, codes: NDArray[np.intp]) -> Floats:
            passed = filled > self.threshold if self.strict else filled >= self.threshold
            return expected_maxima(passed.astype(float), codes, self.k)

        of_samples = _per_sample(values, samples, any_above, self.missing)
        return _over_samples(of_samples, values, samples, clusters, metric, share_interval)


def _pooled(values: Floats, clusters: Labels, metric: Metric, k: int) -> Estimate:
    """The expected largest of k draws from all values."""
    present, counts = np.sort(values[~np.isnan(values)]), _counts(values, clusters)
    worst, best = (
        _of_pool(np.sort(np.nan_to_num(values, nan=end)), k)
        for end in (metric.worst(), metric.best())
    )
    if len(present) < k:
        return Estimate(None, None, None, None, worst, best, *counts)
    found = _of_pool(present, k)
    if k * 10 > len(present):
        return Estimate(found, None, None, None, worst, best, *counts)
    random = np.random.default_rng(0)
    draws = (np.sort(random.choice(present, len(present))) for _ in range(RESAMPLES))
    drawn = np.array([_of_pool(draw, k) for draw in draws])
    low, high = np.quantile(drawn, [0.025, 0.975])
    stderr = float(drawn.std(ddof=1))
    return Estimate(found, stderr, float(low), float(high), worst, best, *counts)


def expected_maxima(values: Floats, codes: NDArray[np.intp], k: int) -> Floats:
    """Of each sample the expected largest of k of its values; of fewer than k, the largest.

    Args:
        values: without missing ones.
        codes: the number of the sample of each; every number up to the largest occurs.
        k: how many are drawn.
    """
    order = np.lexsort((values, codes))
    counts = np.bincount(codes)
    firsts = np.cumsum(counts) - counts
    sizes = counts[codes[order]]
    places = np.arange(len(values)) - firsts[codes[order]]
    weights = np.empty(len(values))
    for size in np.unique(counts):
        weights[sizes == size] = _weights(int(size), min(k, int(size)))[places[sizes == size]]
    return np.bincount(codes[order], values[order] * weights, len(counts)).astype(float)


@lru_cache(maxsize=256)
def _weights(size: int, k: int) -> Floats:
    """The probability of each value, sorted upwards, to be the largest of k drawn from `size`."""
    if size <= EXACT:
        return np.diff([comb(i, k) / comb(size, k) for i in range(size + 1)])
    from scipy.special import gammaln

    i = np.arange(k, size + 1, dtype=float)
    below = gammaln(i + 1) - gammaln(i - k + 1) - gammaln(size + 1) + gammaln(size - k + 1)
    return np.diff(np.concatenate([np.zeros(k), np.exp(below)]))


def _of_pool(ascending: Floats, k: int) -> float:
    return float(ascending @ _weights(len(ascending), k))


def check_policy(k: int, missing: str) -> None:
    """Refuse a number of generations or a policy for missing scores that means nothing.

    Raises:
        HarnessError: with what there is.
    """
    if k < 1:
        raise HarnessError(f"a maximum is over at least 1 generation, not {k}")
    if missing not in ("skip", "drop"):
        raise HarnessError(f"missing={missing!r} must be skip or drop")


def _named(name: str, missing: Missing) -> str:
    return name if missing == "skip" else f"{name}, samples with missing scores dropped"


def _of_rows(values: Floats, k: int, missing: Missing) -> Floats:
    """The expected largest of k values of each row, NaN being missing."""
    present = ~np.isnan(values)
    having = present.any(axis=1)
    codes = np.repeat(np.cumsum(having) - 1, values.shape[1])[present.ravel()]
    found = np.full(len(values), np.nan)
    if having.any():
        found[having] = expected_maxima(values[present], codes, k)
    if missing == "drop":
        found[~present.all(axis=1)] = np.nan
    return found


OfSamples = Callable[[Metric], tuple["Floats", "Floats", "Floats"]]
"""Of each sample the value as it stands (NaN: none), at the worst and at the best of the missing"""


def _per_sample(
    values: Floats,
    samples: Labels,
    statistic: Callable[[Floats, NDArray[np.intp]], Floats],
    missing: Missing,
) -> OfSamples:
    codes = np.unique(np.asarray(samples), return_inverse=True)[1]
    count = int(codes.max()) + 1 if len(codes) else 0
    present = ~np.isnan(values)

    def of_samples(metric: Metric) -> tuple[Floats, Floats, Floats]:
        found = np.full(count, np.nan)
        having, dense = np.unique(codes[present], return_inverse=True)
        if len(having):
            found[having] = statistic(values[present], dense)
        if missing == "drop":
            found[np.unique(codes[~present])] = np.nan
        worst, best = (
            statistic(np.nan_to_num(values, nan=end), codes) if count else np.empty(0)
            for end in (metric.worst(), metric.best())
        )
        return found, worst, best

    return of_samples


def _over_samples(
    of_samples: OfSamples,
    values: Floats,
    samples: Labels,
    clusters: Labels,
    metric: Metric,
    interval: Callable[[Scored, Metric], Interval],
) -> Estimate:
    """The mean over samples, with an interval over them."""
    found, worst, best = of_samples(metric)
    bounds: tuple[float | None, float | None] = (
        (float(worst.mean()), float(best.mean())) if len(found) else (None, None)
    )
    counts = _counts(values, clusters)
    kept = ~np.isnan(found)
    if not kept.any():
        return Estimate(None, None, None, None, *bounds, *counts)
    firsts = np.unique(np.asarray(samples), return_index=True)[1]
    of_clusters = np.unique(np.asarray(clusters)[firsts][kept], return_inverse=True)[1]
    scored = Scored(found[kept], np.arange(int(kept.sum())), of_clusters)
    return Estimate(float(found[kept].mean()), *interval(scored, metric), *bounds, *counts)


def _counts(values: Floats, clusters: Labels) -> tuple[int, int, int, int]:
    present = ~np.isnan(values)
    n_scored = int(present.sum())
    of = len(np.unique(np.asarray(clusters)[present])) if n_scored else 0
    return len(values), n_scored, len(values) - n_scored, of
