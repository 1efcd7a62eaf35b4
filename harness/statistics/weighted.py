"""The mean of a metric where samples do not all count the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Floats, counts_of
from harness.statistics.intervals import Scored, mean_interval
from harness.types import Estimate, Metric

if TYPE_CHECKING:
    from harness.types import Labels


@dataclass(frozen=True, slots=True)
class WeightedMean:
    """The mean of a metric over parts of samples: each counts as many times as it has parts.

    So the share of a text's words that are gone becomes the share of all words. The standard error
    is that of a ratio of sums, by its linear terms (Cochran 1977, section 6.4), over clusters.

    >>> values, samples = np.array([1.0, 0.0]), np.array([0, 1])
    >>> metric, weights = Metric(0.0, 1.0, Direction.HIGHER), np.array([3.0, 1.0])
    >>> WeightedMean("words").estimate(values, samples, samples, metric, weights).estimate
    0.75

    Args:
        weight: the metadata column with the number of parts.
    """

    weight: str
    range: ClassVar[str] = "metric"

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"mean over {self.weight}"

    @property
    def fields(self) -> Sequence[str]:
        """The metadata that it reads."""
        return (self.weight,)

    def estimate(
        self,
        values: Floats,
        samples: Labels,
        clusters: Labels,
        metric: Metric,
        weights: Floats | None = None,
    ) -> Estimate:
        """The weighted mean of `values`; NaN is missing.

        Args:
            values: shape (n,).
            samples: of each value.
            clusters: of each value.
            metric: whose range missing values may fill.
            weights: shape (n,), none below 0; None: all alike.
        """
        counted = np.ones(len(values)) if weights is None else weights
        counts, present = counts_of(values, clusters), ~np.isnan(values)
        known, total = counted[present], counted.sum()
        if not total:
            return Estimate.unknown(counts)
        scored = float((values[present] * known).sum())
        lacking = float(total - known.sum())
        worst, best = ((scored + lacking * end) / total for end in (metric.worst(), metric.best()))
        if not known.sum():
            return Estimate.unknown(counts, worst, best)
        mean = scored / float(known.sum())
        linear = mean + known / known.mean() * (values[present] - mean)
        codes = (np.unique(np.asarray(labels)[present], return_inverse=True)[1]
                 for labels in (samples, clusters))  # fmt: skip
        interval = mean_interval(Scored(linear, *codes), metric)
        return Estimate(mean, *interval, worst, best, *counts)
