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
from functools import lru_cache, partial
from math import comb
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np

from harness.statistics.arrays import Floats, counts_of
from harness.statistics.bootstrap import percentile_interval, resamples
from harness.statistics.intervals import Interval, Scored, mean_interval, share_interval
from harness.statistics.strata import Design
from harness.types import Estimate, HarnessError, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels


Missing = Literal["skip", "drop"]
"""`skip`: a sample's maximum is over the scores that there are, as in the paper's code; `drop`: a
sample of which any score is missing has none."""
POOL_RESAMPLES = 1000
"""As many as Gehman et al. (2020, section 3.2) draw for their curve."""
EXACT_VALUES = 200
"""Values up to which binomial coefficients are computed as whole numbers."""


@dataclass(frozen=True, slots=True)
class ExpectedMaximum:
    """The mean over samples of the expected largest value of `k` generations, in metric units.

    It grows with k: compare only what has the same. Of a sample with fewer than k scores it is the
    largest of those.

    >>> values, samples = np.array([0.25, 0.5, 1.0, 0.0]), np.array([0, 0, 1, 1])
    >>> metric = Metric(0.0, 1.0, Direction.LOWER)
    >>> ExpectedMaximum(k=2).estimate(values, samples, samples, metric).estimate
    0.75
    """

    stratified: ClassVar[bool] = True

    k: int
    missing: Missing = "skip"
    range: ClassVar[str] = "metric"

    def __post_init__(self) -> None:
        check_policy(self.k, self.missing)

    @property
    def name(self) -> str:
        """Its name in tables."""
        return with_policy(f"expected maximum of {self.k}", self.missing)

    def of_samples(self, values: Floats) -> Floats:
        """Of each sample (a row) the expected maximum; NaN where there is none."""
        return _of_rows(values, self.k, self.missing)

    def estimate(
        self,
        values: Floats,
        samples: Labels,
        clusters: Labels,
        metric: Metric,
        strata: Labels | None = None,
    ) -> Estimate:
        """The mean of each sample's expected maximum; NaN is missing."""
        largest = partial(expected_maxima, k=self.k)
        of_samples = per_sample(values, samples, metric, largest, self.missing)
        design = Design(clusters, strata)
        return _over_samples(of_samples, values, samples, design, metric, mean_interval)


@dataclass(frozen=True, slots=True)
class AnyAbove:
    """The probability, from 0 to 1, that at least one of `k` generations passes a threshold.

    >>> values, samples = np.array([0.2, 0.5, 0.1, 0.0]), np.array([0, 0, 1, 1])
    >>> metric = Metric(0.0, 1.0, Direction.LOWER)
    >>> AnyAbove(k=2, threshold=0.5).estimate(values, samples, samples, metric).estimate
    0.5

    Args:
        k: generations drawn without replacement from those that there are.
        threshold: in the metric's unit.
        strict: whether a value must be above it; else it may be equal. The paper's text says equal,
            its code above.
        missing: what becomes of samples of which scores are missing.
    """

    stratified: ClassVar[bool] = True

    k: int
    threshold: float
    strict: bool = False
    missing: Missing = "skip"
    range: ClassVar[str] = "share"

    def __post_init__(self) -> None:
        check_policy(self.k, self.missing)

    @property
    def name(self) -> str:
        """Its name in tables."""
        sign = ">" if self.strict else ">="
        return with_policy(f"any of {self.k} {sign} {self.threshold:g}", self.missing)

    def of_samples(self, values: Floats) -> Floats:
        """Of each sample (a row) the probability; NaN where there is none."""
        passed = values > self.threshold if self.strict else values >= self.threshold
        return _of_rows(np.where(np.isnan(values), np.nan, passed), self.k, self.missing)

    def estimate(
        self,
        values: Floats,
        samples: Labels,
        clusters: Labels,
        metric: Metric,
        strata: Labels | None = None,
    ) -> Estimate:
        """The mean of each sample's probability; NaN is missing."""

        def any_above(filled: Floats, codes: NDArray[np.intp]) -> Floats:
            passed = filled > self.threshold if self.strict else filled >= self.threshold
            return expected_maxima(passed.astype(float), codes, self.k)

        of_samples = per_sample(values, samples, metric, any_above, self.missing)
        design = Design(clusters, strata)
        return _over_samples(of_samples, values, samples, design, metric, share_interval)


def pooled_maximum(values: Floats, clusters: Labels, metric: Metric, k: int) -> Estimate:
    """The expected largest of k draws from all values."""
    present, counts = np.sort(values[~np.isnan(values)]), counts_of(values, clusters)
    worst, best = (
        _of_pool(np.sort(np.nan_to_num(values, nan=end)), k)
        for end in (metric.worst(), metric.best())
    )
    if len(present) < k:
        return Estimate.unknown(counts, worst, best)
    maximum = _of_pool(present, k)
    if k * 10 > len(present):
        return Estimate(maximum, None, None, None, worst, best, *counts)
    drawn = np.array(
        [_of_pool(np.sort(present[rows]), k) for rows in resamples(len(present), POOL_RESAMPLES)]
    )
    low, high = percentile_interval(drawn) or (None, None)
    return Estimate(maximum, float(drawn.std(ddof=1)), low, high, worst, best, *counts)


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
    if size <= EXACT_VALUES:
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


def with_policy(name: str, missing: Missing) -> str:
    """A statistic's name, saying so where samples with missing scores are dropped."""
    return name if missing == "skip" else f"{name}, samples with missing scores dropped"


def _of_rows(values: Floats, k: int, missing: Missing) -> Floats:
    """The expected largest of k values of each row, NaN being missing."""
    present = ~np.isnan(values)
    having = present.any(axis=1)
    codes = np.repeat(np.cumsum(having) - 1, values.shape[1])[present.ravel()]
    largest = np.full(len(values), np.nan)
    if having.any():
        largest[having] = expected_maxima(values[present], codes, k)
    if missing == "drop":
        largest[~present.all(axis=1)] = np.nan
    return largest


class OfSamples(NamedTuple):
    """Of each sample a value, shape (samples,)."""

    measured: Floats
    """As it stands; NaN where there is none."""
    worst: Floats
    """With all that is missing at the metric's worst."""
    best: Floats


def per_sample(
    values: Floats,
    samples: Labels,
    metric: Metric,
    statistic: Callable[[Floats, NDArray[np.intp]], Floats],
    missing: Missing,
) -> OfSamples:
    """A statistic of each sample's values, of which some may be missing.

    Args:
        values: shape (n,), NaN being missing.
        samples: shape (n,), of each value.
        metric: whose ends stand for what is missing.
        statistic: of values without missing ones and the number of each one's sample.
        missing: what becomes of samples of which some are missing.
    """
    codes = np.unique(np.asarray(samples), return_inverse=True)[1]
    count = int(codes.max()) + 1 if len(codes) else 0
    present = ~np.isnan(values)
    measured = np.full(count, np.nan)
    having, dense = np.unique(codes[present], return_inverse=True)
    if len(having):
        measured[having] = statistic(values[present], dense)
    if missing == "drop":
        measured[np.unique(codes[~present])] = np.nan
    worst, best = (
        statistic(np.nan_to_num(values, nan=end), codes) if count else np.empty(0)
        for end in (metric.worst(), metric.best())
    )
    return OfSamples(measured, worst, best)


def _over_samples(
    of_samples: OfSamples,
    values: Floats,
    samples: Labels,
    design: Design,
    metric: Metric,
    interval: Callable[[Scored, Metric], Interval],
) -> Estimate:
    """The mean over samples, with an interval over them."""
    measured, worst, best = of_samples
    bounds: tuple[float | None, float | None] = (
        (float(worst.mean()), float(best.mean())) if len(measured) else (None, None)
    )
    counts = counts_of(values, design.clusters)
    known = ~np.isnan(measured)
    if not known.any():
        return Estimate.unknown(counts, *bounds)
    firsts = np.unique(np.asarray(samples), return_index=True)[1]
    codes = design.of(firsts).codes(known)
    scored = Scored(measured[known], np.arange(int(known.sum())), *codes)
    return Estimate(float(measured[known].mean()), *interval(scored, metric), *bounds, *counts)
