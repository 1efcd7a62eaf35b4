"""Means whose interval is the percentile bootstrap's, as some papers report them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Floats, mean_of_rows, without_missing
from harness.statistics.bootstrap import percentile_interval, times_drawn
from harness.statistics.means import Mean
from harness.types import Estimate, Metric

if TYPE_CHECKING:
    from harness.types import Labels

RESAMPLES = 2000
"""Percentiles at 2.5 % then rest on 50 resamples beyond them."""


@dataclass(frozen=True, slots=True)
class BootstrapMean:
    """The mean of a metric, in its unit; items are drawn anew one by one, whatever they share.

    It is what MUSE (Shi et al. 2024, arXiv 2407.06460) logs. Items of one text are not independent,
    and where all values are the same the interval has no width: `Mean` stands beside it.

    >>> values, samples = np.array([0.0, 1.0, 1.0, 0.0]), np.arange(4)
    >>> made = BootstrapMean().estimate(values, samples, samples, Metric(0, 1, Direction.LOWER))
    >>> made.estimate, made.low, made.high
    (0.5, 0.0, 1.0)
    """

    range: ClassVar[str] = "metric"

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "mean, percentile bootstrap"

    def of_samples(self, values: Floats) -> Floats:
        """Of each sample (a row) the mean of what there is; NaN where there is nothing."""
        return mean_of_rows(values)

    def estimate(
        self, values: Floats, samples: Labels, clusters: Labels, metric: Metric
    ) -> Estimate:
        """The mean of `values`; NaN is missing."""
        plain = Mean().estimate(values, samples, samples, metric)
        present = without_missing(values)
        if len(present) < 2:
            return plain
        drawn = np.concatenate(
            [counts @ present / len(present) for counts in times_drawn(len(present), RESAMPLES)]
        )
        ends = percentile_interval(drawn)
        if ends is None:
            return replace(plain, stderr=None, low=None, high=None)
        return replace(plain, stderr=float(drawn.std(ddof=1)), low=ends.low, high=ends.high)
