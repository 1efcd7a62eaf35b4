"""Statistics that set the levels of a factor against each other, within each cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Columns, Floats, Limits, as_names
from harness.statistics.bounded import imputed
from harness.statistics.cluster_means import ClusterMeans, mean_over_clusters
from harness.statistics.factors import factor_of, fields_of
from harness.statistics.intervals import Bounds
from harness.statistics.pooling import pooled
from harness.types import Counts, Direction, Estimate, Metric

if TYPE_CHECKING:
    from harness.types import Labels


@dataclass(frozen=True, slots=True)
class Contrast:
    """How far each level of a factor lies from its reference level, in the metric's unit.

    The mean over clusters of the difference of the two levels' means; the standard error is the
    spread of these differences, the quantile t's where clusters are few. Clusters that lack either
    level have no part. Values with a bound are imputed (`bounded.py`) and count as scored. Worst is
    the difference furthest from zero that missing values could give, best the nearest.

    >>> values, facts = np.array([[0.25], [0.75]] * 2), {"age": [20, 60] * 2}
    >>> metric = Metric(0.0, 1.0, Direction.LOWER)
    >>> Contrast("age", "20").compare(values, facts, list("aabb"), metric)["60"].estimate
    0.5
    """

    factor: str
    reference: str
    better: ClassVar[Direction] = Direction.ZERO
    bounded: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"difference from {self.reference}"

    by = property(factor_of)
    fields = property(fields_of)

    def compare(
        self,
        values: Floats,
        facts: Columns,
        clusters: Labels,
        metric: Metric,
        limits: Limits | None = None,
    ) -> Mapping[str, Estimate]:
        """One estimate for each level but the reference."""
        levels = as_names(facts[self.factor])
        ends = ClusterMeans(values, levels, clusters, metric, limits)
        drawn = [
            ClusterMeans(draw, levels, clusters, metric)
            for draw in imputed(values, limits, levels, clusters, metric)
        ]
        return {
            level: pooled(
                [means.difference(level, self.reference) for means in drawn],
                ends.difference(level, self.reference),
            )
            for level in dict.fromkeys(levels)
            if level != self.reference
        }


@dataclass(frozen=True, slots=True)
class Reduction:
    """By how much each treatment brings a factor's contrasts nearer to zero; higher is better.

    |contrast untreated| - |contrast treated| of the same samples, in the metric's unit. Negative
    where the contrast has grown, or has come out further on the other side. The standard error is
    that of the paired difference over clusters, each contrast with the sign that it has.

    >>> facts = {"age": [20, 60] * 2, "prompt": ["plain", "plain", "law", "law"]}
    >>> values, metric = np.array([[0.0], [1.0], [0.25], [0.5]]), Metric(0.0, 1.0, Direction.LOWER)
    >>> rows = Reduction("age", "20", "prompt", "plain").compare(values, facts, ["a"] * 4, metric)
    >>> rows["law, 60"].estimate
    0.75
    """

    factor: str
    reference: str
    treatment: str
    untreated: str
    better: ClassVar[Direction] = Direction.HIGHER
    bounded: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"reduction of the difference from {self.reference}"

    @property
    def by(self) -> str:
        """Treatment and factor."""
        return f"{self.treatment}, {self.factor}"

    @property
    def fields(self) -> Sequence[str]:
        """Treatment and factor."""
        return (self.treatment, self.factor)

    def compare(
        self,
        values: Floats,
        facts: Columns,
        clusters: Labels,
        metric: Metric,
        limits: Limits | None = None,
    ) -> Mapping[str, Estimate]:
        """One estimate for each treatment and level but the reference."""
        treatments, levels = as_names(facts[self.treatment]), as_names(facts[self.factor])
        groups = [f"{t}, {level}" for t, level in zip(treatments, levels, strict=True)]
        ends = ClusterMeans(values, groups, clusters, metric)
        drawn = [
            ClusterMeans(draw, groups, clusters, metric)
            for draw in imputed(values, limits, groups, clusters, metric)
        ]
        return {
            f"{treatment}, {level}": pooled(
                [self._reduction(means, treatment, level) for means in drawn],
                self._reduction(ends, treatment, level),
            )
            for treatment in dict.fromkeys(treatments)
            for level in dict.fromkeys(levels)
            if treatment != self.untreated and level != self.reference
        }

    def _reduction(self, means: ClusterMeans, treatment: str, level: str) -> Estimate:
        cells = [
            f"{t}, {at}" for t in (self.untreated, treatment) for at in (level, self.reference)
        ]
        if any(cell not in means.names for cell in cells):
            return Estimate.unknown()
        columns = [means.names.index(cell) for cell in cells]
        n, n_scored = (int(c[:, columns].sum()) for c in (means.asked, means.scored))
        plain, treated = (means.mean[:, columns[i]] - means.mean[:, columns[i + 1]] for i in (0, 2))
        both = ~np.isnan(plain + treated)
        plain, treated = plain[both], treated[both]
        signs = [np.sign(side.mean()) if len(side) else 0.0 for side in (plain, treated)]
        mean = mean_over_clusters(signs[0] * plain - signs[1] * treated)
        bounds = Bounds(mean.estimate, mean.estimate) if n == n_scored else Bounds()
        counts = Counts(n, n_scored, n - n_scored, len(plain))
        return Estimate(*mean, *bounds, *counts)
