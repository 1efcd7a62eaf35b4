"""The largest gap between groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import (
    Columns,
    Floats,
    as_names,
    mean_of_columns,
    without_missing,
)
from harness.statistics.cluster_means import ClusterMeans, mean_over_clusters
from harness.statistics.factors import factor_of, fields_of
from harness.statistics.intervals import WithInterval, quantile
from harness.types import Counts, Direction, Estimate, Metric

if TYPE_CHECKING:
    from harness.types import Labels


HALVINGS = 100
"""Random halves over which a selected gap is averaged."""
LEAST_TO_HALVE = 4
"""Clusters, so that each half has two and so a standard error."""


@dataclass(frozen=True, slots=True)
class LargestGap:
    """The largest group mean less the smallest, corrected for having been chosen.

    The largest of many noisy means lies above the truth. So the two groups are chosen on one half
    of the clusters and compared on the other, both ways, and this is averaged over 100 random
    halvings (`re-estimated`); the uncorrected gap stands beside it (`as it stands`). The standard
    error of the first is the mean of those of the halves, which is the larger for taking both
    halves as one.

    >>> values, facts = np.array([[0.25], [0.75]] * 2), {"age": [20, 60] * 2}
    >>> metric = Metric(0.0, 1.0, Direction.LOWER)
    >>> LargestGap("age").compare(values, facts, list("aabb"), metric)["as it stands"].estimate
    0.5
    """

    factor: str
    better: ClassVar[Direction] = Direction.ZERO

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "largest less smallest"

    by = property(factor_of)
    fields = property(fields_of)

    def compare(
        self, values: Floats, facts: Columns, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """The gap as it stands and re-estimated."""
        table = ClusterMeans(values, as_names(facts[self.factor]), clusters, metric)
        n, n_scored = int(table.asked.sum()), int(table.scored.sum())
        counts = Counts(n, n_scored, n - n_scored, table.shape[0])
        of_groups = mean_of_columns(table.mean)
        lows, highs = mean_of_columns(table.lowest), mean_of_columns(table.highest)
        if np.isnan(of_groups).all() or len(table.names) < 2:
            return dict.fromkeys(("as it stands", "re-estimated"), Estimate.unknown(counts))
        gap = float(np.nanmax(of_groups) - np.nanmin(of_groups))
        # The gap is at least that between the two ends that must differ, if any.
        bounds = float(highs.max() - lows.min()), float(max(0, lows.max() - highs.min()))
        corrected = _on_other_half(table.mean)
        # What is missing could change the choice.
        bound = corrected.estimate if n == n_scored else None
        return {
            "as it stands": Estimate(gap, None, None, None, *bounds, *counts),
            "re-estimated": Estimate(*corrected, bound, bound, *counts),
        }


def _on_other_half(means: Floats) -> WithInterval:
    """The gap between groups chosen on one half of the clusters, taken on the other half.

    Args:
        means: shape (clusters, groups), NaN where a cluster lacks a group.
    """
    count = len(means)
    if count < LEAST_TO_HALVE:
        return WithInterval()
    random, gaps, errors = np.random.default_rng(0), [], []
    for _ in range(HALVINGS):
        order = random.permutation(count)
        halves = order[: count // 2], order[count // 2 :]
        for chosen, other in (halves, halves[::-1]):
            of_groups = mean_of_columns(means[chosen])
            if np.isnan(of_groups).all():
                continue
            apart = means[other, np.nanargmax(of_groups)] - means[other, np.nanargmin(of_groups)]
            gap, stderr, _, _ = mean_over_clusters(without_missing(apart))
            if gap is not None and stderr is not None:
                gaps.append(gap)
                errors.append(stderr)
    if not gaps:
        return WithInterval()
    mean, error = float(np.mean(gaps)), float(np.mean(errors))
    width = quantile(count // 2) * error
    return WithInterval(mean, error, mean - width, mean + width)
