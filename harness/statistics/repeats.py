"""How far the same sample's score moves from one repeat to another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.intervals import Scored, mean_interval
from harness.statistics.spread import largest_sd, smallest_sd
from harness.statistics.strata import Design, codes_of
from harness.types import Counts, Estimate, Metric

if TYPE_CHECKING:
    from harness.types import Labels


@dataclass(frozen=True, slots=True)
class SpreadOverRepeats:
    """The standard deviation of a metric over repeats of a sample, samples' variances averaged.

    Each sample's variance (n - 1) over its generations is unbiased for the chance within it, so the
    root of their mean is what repeats add: of a greedy model, what the person's model does. Its
    interval is the root of the mean variance's, clustered; samples with fewer than two scores say
    nothing. Worst and best take each missing value at what spreads its sample most and least.

    >>> values, samples = np.array([0.0, 1.0, 1.0, 1.0]), np.array([0, 0, 1, 1])
    >>> metric = Metric(0.0, 1.0, Direction.HIGHER)
    >>> SpreadOverRepeats().estimate(values, samples, samples, metric).estimate  # of .5 and 0
    0.5
    """

    name: ClassVar[str] = "sd over repeats"

    def estimate(
        self, values: Floats, samples: Labels, clusters: Labels, metric: Metric
    ) -> Estimate:
        """The spread over repeats; NaN is missing."""
        present = ~np.isnan(values)
        n, n_scored = len(values), int(present.sum())
        units, codes = np.unique(np.asarray(samples), return_inverse=True)
        rows = [np.flatnonzero(codes == unit) for unit in range(len(units))]
        repeated = [row for row in rows if len(row) > 1]
        known = [row[present[row]] for row in repeated if present[row].sum() > 1]
        ends = _bounds([values[row] for row in repeated], metric)
        if not known:
            return Estimate.unknown(Counts(n, n_scored, n - n_scored, 0), *ends)
        variances = np.array([values[row].var(ddof=1) for row in known])
        at = np.array([row[0] for row in known])
        every = np.ones(len(at), dtype=bool)
        of_samples, of_clusters = np.asarray(samples)[at], np.asarray(clusters)[at]
        design = Design(of_clusters, None).codes(every)
        scored = Scored(variances, codes_of(of_samples, every), *design)
        most = max(len(row) for row in known)
        width = (metric.high - metric.low) ** 2 * most / (4 * (most - 1))
        of_variance = replace(metric, low=0.0, high=width)
        _, low, high = mean_interval(scored, of_variance)
        return Estimate(
            sqrt(float(variances.mean())),
            None,
            None if low is None else sqrt(low),
            None if high is None else sqrt(high),
            *ends,
            n,
            n_scored,
            n - n_scored,
            int(scored.clusters.max()) + 1,
        )


def _bounds(rows: list[Floats], metric: Metric) -> tuple[float | None, float | None]:
    """The largest and the smallest spread that missing values could give."""
    if not rows:
        return None, None
    most, least = [], []
    for row in rows:
        low = np.where(np.isnan(row), metric.low, row)
        high = np.where(np.isnan(row), metric.high, row)
        whole = not np.isnan(row).any()
        most.append(float(row.std(ddof=1)) if whole else largest_sd(low, high))
        least.append(most[-1] if whole else smallest_sd(low, high))
    return tuple(sqrt(sum(sd**2 for sd in sds) / len(rows)) for sds in (most, least))  # type: ignore[return-value]
