"""Statistics that set groups of samples against each other: contrasts, gaps, a mixed model.

A group's mean is taken within each cluster (a scenario, a template) and compared there, so that
what makes scenarios differ drops out. In a balanced grid the mean of these differences is the
difference of the cell means, and the spread between clusters gives its standard error.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import atanh, sqrt, tanh
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Columns, Floats
from harness.statistics.intervals import quantile
from harness.types import Direction, Estimate, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels


HALVINGS = 100
"""Random halves over which a selected gap is averaged."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """How far each level of a factor lies from its reference level, in the metric's unit.

    The mean over clusters of the difference of the two levels' means; the standard error is the
    spread of these differences, the quantile t's where clusters are few. Clusters that lack either
    level have no part. Worst is the difference furthest from zero that missing values could give,
    best the nearest.
    """

    factor: str
    reference: str
    better: ClassVar[Direction] = Direction.ZERO

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"difference from {self.reference}"

    @property
    def by(self) -> str:
        """The factor."""
        return self.factor

    @property
    def fields(self) -> Sequence[str]:
        """The factor."""
        return (self.factor,)

    def compare(
        self, values: Floats, facts: Columns, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """One estimate for each level but the reference."""
        levels = _names(facts[self.factor])
        means = ClusterMeans(values, levels, clusters, metric)
        return {
            level: means.difference(level, self.reference)
            for level in dict.fromkeys(levels)
            if level != self.reference
        }


class ClusterMeans:
    """The mean of every group in every cluster, as it stands and at both ends of what is missing.

    Args:
        values: a row a sample, NaN is missing.
        groups: of each row.
        clusters: of each row.
        metric: whose range missing values may fill.
    """

    def __init__(
        self, values: Floats, groups: Sequence[str], clusters: Labels, metric: Metric
    ) -> None:
        self.names = list(dict.fromkeys(groups))
        place = {name: number for number, name in enumerate(self.names)}
        rows = np.array([place[group] for group in groups], dtype=np.intp)
        units, codes = np.unique(np.asarray(clusters), return_inverse=True)
        self.shape = (len(units), len(self.names))
        cells = np.repeat(codes * len(self.names) + rows, values.shape[1])
        flat = values.ravel()
        present = ~np.isnan(flat)
        self.asked = self._count(cells)
        self.scored = self._count(cells[present])
        total = self._count(cells[present], flat[present])
        lacking = self.asked - self.scored
        with np.errstate(invalid="ignore"):
            self.mean = total / self.scored
            self.lowest = (total + lacking * metric.low) / self.asked
            self.highest = (total + lacking * metric.high) / self.asked

    def difference(self, group: str, reference: str) -> Estimate:
        """The mean difference of a group from a reference, over the clusters that have both."""
        if reference not in self.names:
            return Estimate(None, None, None, None, None, None, 0, 0, 0, 0)
        at, base = self.names.index(group), self.names.index(reference)
        n, n_scored = (int(c[:, at].sum() + c[:, base].sum()) for c in (self.asked, self.scored))
        bounds = _bounds(
            _mean(self.lowest[:, at] - self.highest[:, base]),
            _mean(self.highest[:, at] - self.lowest[:, base]),
        )
        differences = self.mean[:, at] - self.mean[:, base]
        found = differences[~np.isnan(differences)]
        return Estimate(*interval_of(found), *bounds, n, n_scored, n - n_scored, len(found))

    def _count(self, cells: NDArray[np.intp], weights: Floats | None = None) -> Floats:
        size = self.shape[0] * self.shape[1]
        return np.bincount(cells, weights, minlength=size).reshape(self.shape).astype(float)


@dataclass(frozen=True, slots=True)
class Reduction:
    """By how much each treatment brings a factor's contrasts nearer to zero; higher is better.

    |contrast untreated| - |contrast treated| of the same samples, in the metric's unit. Negative
    where the contrast has grown, or has come out further on the other side. The standard error is
    that of the paired difference over clusters, each contrast with the sign that it has.
    """

    factor: str
    reference: str
    treatment: str
    untreated: str
    better: ClassVar[Direction] = Direction.HIGHER

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
        self, values: Floats, facts: Columns, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """One estimate for each treatment and level but the reference."""
        treatments, levels = _names(facts[self.treatment]), _names(facts[self.factor])
        groups = [f"{t}, {level}" for t, level in zip(treatments, levels, strict=True)]
        means = ClusterMeans(values, groups, clusters, metric)
        return {
            f"{treatment}, {level}": self._reduction(means, treatment, level)
            for treatment in dict.fromkeys(treatments)
            for level in dict.fromkeys(levels)
            if treatment != self.untreated and level != self.reference
        }

    def _reduction(self, means: ClusterMeans, treatment: str, level: str) -> Estimate:
        cells = [
            f"{t}, {at}" for t in (self.untreated, treatment) for at in (level, self.reference)
        ]
        if any(cell not in means.names for cell in cells):
            return Estimate(None, None, None, None, None, None, 0, 0, 0, 0)
        columns = [means.names.index(cell) for cell in cells]
        n, n_scored = (int(c[:, columns].sum()) for c in (means.asked, means.scored))
        plain, treated = (means.mean[:, columns[i]] - means.mean[:, columns[i + 1]] for i in (0, 2))
        both = ~np.isnan(plain + treated)
        plain, treated = plain[both], treated[both]
        signs = [np.sign(side.mean()) if len(side) else 0.0 for side in (plain, treated)]
        found = interval_of(signs[0] * plain - signs[1] * treated)
        bounds = (found[0], found[0]) if n == n_scored else (None, None)
        return Estimate(*found, *bounds, n, n_scored, n - n_scored, len(plain))


@dataclass(frozen=True, slots=True)
class Correlation:
    """Pearson's correlation of treated with untreated values of the same cells, from -1 to 1.

    Higher: the treatment leaves decisions as they were. The interval is Fisher's z with the
    standard error of a jackknife over clusters.
    """

    treatment: str
    untreated: str
    cell: tuple[str, ...]
    """The metadata that, within a cluster, say which samples are the same but for the treatment."""
    better: ClassVar[Direction] = Direction.HIGHER

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"correlation with {self.untreated}"

    @property
    def by(self) -> str:
        """The treatment."""
        return self.treatment

    @property
    def fields(self) -> Sequence[str]:
        """The treatment and what makes a cell."""
        return (self.treatment, *self.cell)

    def compare(
        self, values: Floats, facts: Columns, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """One estimate for each treatment."""
        treatments = _names(facts[self.treatment])
        units = np.unique(np.asarray(clusters), return_inverse=True)[1]
        keys = list(zip(units.tolist(), *(facts[name] for name in self.cell), strict=True))
        means = _row_means(values)
        plain = {k: means[i] for i, k in enumerate(keys) if treatments[i] == self.untreated}
        return {
            treatment: self._correlation(
                [
                    (units[i], plain.get(keys[i], np.nan), means[i])
                    for i, name in enumerate(treatments)
                    if name == treatment
                ]
            )
            for treatment in dict.fromkeys(treatments)
            if treatment != self.untreated
        }

    @staticmethod
    def _correlation(pairs: Sequence[tuple[int, float, float]]) -> Estimate:
        rows = np.array(pairs, dtype=float)
        both = rows[~np.isnan(rows).any(axis=1)]
        counts = len(rows), len(both), len(rows) - len(both), len(np.unique(both[:, 0]))
        whole = _pearson(both)
        if whole is None:
            return Estimate(None, None, None, None, None, None, *counts)
        end = whole if len(both) == len(rows) else None
        held_out = [_pearson(both[both[:, 0] != cluster]) for cluster in np.unique(both[:, 0])]
        around = np.arctanh(np.clip([r for r in held_out if r is not None], -0.999999, 0.999999))
        count = len(around)
        if count < 2:
            return Estimate(whole, None, None, None, end, end, *counts)
        stderr = sqrt((count - 1) / count * float(((around - around.mean()) ** 2).sum()))
        middle, width = atanh(max(-0.999999, min(0.999999, whole))), quantile(count) * stderr
        scale = (1 - whole**2) * stderr
        return Estimate(whole, scale, tanh(middle - width), tanh(middle + width), end, end, *counts)


def interval_of(
    differences: Floats,
) -> tuple[float | None, float | None, float | None, float | None]:
    """The mean of one value a cluster, its standard error and its 95 % interval."""
    count = len(differences)
    if not count:
        return None, None, None, None
    mean = float(differences.mean())
    if count < 2:
        return mean, None, None, None
    stderr = float(differences.std(ddof=1)) / sqrt(count)
    width = quantile(count) * stderr
    return mean, stderr, mean - width, mean + width


def _on_other_half(
    means: Floats,
) -> tuple[float | None, float | None, float | None, float | None]:
    """The gap between groups chosen on one half of the clusters, taken on the other half."""
    count = len(means)
    if count < 4:
        return None, None, None, None
    random, gaps, errors = np.random.default_rng(0), [], []
    for _ in range(HALVINGS):
        order = random.permutation(count)
        halves = order[: count // 2], order[count // 2 :]
        for chosen, other in (halves, halves[::-1]):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                of_groups = np.nanmean(means[chosen], axis=0)
            if np.isnan(of_groups).all():
                continue
            apart = means[other, np.nanargmax(of_groups)] - means[other, np.nanargmin(of_groups)]
            found, stderr, _, _ = interval_of(apart[~np.isnan(apart)])
            if found is not None and stderr is not None:
                gaps.append(found)
                errors.append(stderr)
    if not gaps:
        return None, None, None, None
    gap, error = float(np.mean(gaps)), float(np.mean(errors))
    width = quantile(count // 2) * error
    return gap, error, gap - width, gap + width


def _bounds(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    """Of a difference that may lie anywhere between two ends: furthest from and nearest to zero."""
    if low is None or high is None:
        return None, None
    furthest = low if abs(low) > abs(high) else high
    nearest = 0.0 if low <= 0 <= high else min(low, high, key=abs)
    return furthest, nearest


def _mean(differences: Floats) -> float | None:
    found = differences[~np.isnan(differences)]
    return float(found.mean()) if len(found) else None


def _row_means(values: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a sample without any score
        means: Floats = np.nanmean(values, axis=1)
    return means


def _pearson(rows: Floats) -> float | None:
    if len(rows) < 3 or not rows[:, 1].std() or not rows[:, 2].std():
        return None
    return float(np.corrcoef(rows[:, 1], rows[:, 2])[0, 1])


def _names(values: Sequence[object]) -> list[str]:
    return [str(value) for value in values]
