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
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.estimates import Interval, quantile
from harness.types import Direction, Estimate, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels

    Floats = NDArray[np.float64]
    Facts = Mapping[str, Sequence[object]]

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
        self, values: Floats, facts: Facts, clusters: Labels, metric: Metric
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
        self, values: Floats, facts: Facts, clusters: Labels, metric: Metric
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
        self, values: Floats, facts: Facts, clusters: Labels, metric: Metric
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


@dataclass(frozen=True, slots=True)
class LargestGap:
    """The largest group mean less the smallest, corrected for having been chosen.

    The largest of many noisy means lies above the truth. So the two groups are chosen on one half
    of the clusters and compared on the other, both ways, and this is averaged over 100 random
    halvings (`re-estimated`); the uncorrected gap stands beside it (`as it stands`). The standard
    error of the first is the mean of those of the halves, which is the larger for taking both
    halves as one.
    """

    factor: str
    better: ClassVar[Direction] = Direction.ZERO

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "largest less smallest"

    @property
    def by(self) -> str:
        """The factor."""
        return self.factor

    @property
    def fields(self) -> Sequence[str]:
        """The factor."""
        return (self.factor,)

    def compare(
        self, values: Floats, facts: Facts, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """The gap as it stands and re-estimated."""
        table = ClusterMeans(values, _names(facts[self.factor]), clusters, metric)
        n, n_scored = int(table.asked.sum()), int(table.scored.sum())
        counts = n, n_scored, n - n_scored, table.shape[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a group without any score
            of_groups = np.nanmean(table.mean, axis=0)
            ends = np.nanmean(table.lowest, axis=0), np.nanmean(table.highest, axis=0)
        if np.isnan(of_groups).all() or len(table.names) < 2:
            empty = Estimate(None, None, None, None, None, None, *counts)
            return {"as it stands": empty, "re-estimated": empty}
        gap = float(np.nanmax(of_groups) - np.nanmin(of_groups))
        # The gap is at least that between the two ends that must differ, if any.
        bounds = float(ends[1].max() - ends[0].min()), float(max(0, ends[0].max() - ends[1].min()))
        found = _on_other_half(table.mean)
        end = found[0] if n == n_scored else None  # else what is missing could change the choice
        return {
            "as it stands": Estimate(gap, None, None, None, *bounds, *counts),
            "re-estimated": Estimate(*found, end, end, *counts),
        }


@dataclass(frozen=True, slots=True)
class MixedModel:
    """The linear mixed model of Tamkin et al. (2023, arXiv 2312.03689, section 4.1).

    Fixed effects of one scaled number (in its standard deviations, n - 1) and of factors against
    their references; an intercept and all slopes vary by cluster. Restricted maximum likelihood
    by statsmodels, fitted once, and not at all where there are no more clusters than effects. The
    row `converged` is 1 where the fit did. Missing values are left out, and what they could have
    changed is not known: the contrasts beside it say that.
    """

    number: str
    references: tuple[tuple[str, str], ...]
    """Each factor with its reference level."""
    better: ClassVar[Direction] = Direction.ZERO

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "mixed model"

    @property
    def by(self) -> str:
        """What the rows are."""
        return "fixed effect"

    @property
    def fields(self) -> Sequence[str]:
        """The number and the factors."""
        return (self.number, *(factor for factor, _ in self.references))

    def compare(
        self, values: Floats, facts: Facts, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """One estimate for each fixed effect, and whether the fit converged."""
        means = _row_means(values)
        present = ~np.isnan(means)
        n, n_scored = values.size, int((~np.isnan(values)).sum())
        names, columns = self._design(facts, present)
        units = np.asarray(clusters)[present]
        counts = n, n_scored, n - n_scored, len(np.unique(units))
        # As many effects as there are columns vary by cluster: so many clusters do not show it.
        if counts[-1] <= len(names) or np.linalg.matrix_rank(columns) < len(names):
            nothing = Estimate(None, None, None, None, None, None, *counts)
            return dict.fromkeys((*names[1:], "converged"), nothing)
        found, errors, converged = fit_mixed(means[present], columns, units)
        width, whole = quantile(counts[-1]), n == n_scored
        rows = {}
        for name, value, stderr in list(zip(names, found, errors, strict=True))[1:]:
            end = value if whole else None
            known = converged and np.isfinite(stderr)
            interval: Interval = (
                (stderr, value - width * stderr, value + width * stderr)
                if known
                else (None, None, None)
            )
            rows[name] = Estimate(value, *interval, end, end, *counts)
        done = float(converged)
        return {**rows, "converged": Estimate(done, None, None, None, done, done, *counts)}

    def _design(self, facts: Facts, present: NDArray[np.bool_]) -> tuple[list[str], Floats]:
        number = np.array(facts[self.number], dtype=float)[present]
        spread = number.std(ddof=1) if len(number) > 1 else 0.0
        names, columns = ["intercept", f"{self.number}, per sd"], [np.ones(len(number))]
        columns.append((number - number.mean()) / (spread or 1.0) if len(number) else number)
        for factor, reference in self.references:
            levels = np.array(_names(facts[factor]))[present]
            for level in dict.fromkeys(levels.tolist()):
                if level != reference:
                    names.append(level)
                    columns.append((levels == level).astype(float))
        return names, np.stack(columns, axis=1)


def fit_mixed(
    values: Floats, columns: Floats, clusters: Labels
) -> tuple[list[float], list[float], bool]:
    """Coefficients and standard errors of the fixed effects, and whether the fit converged.

    The optimiser starts from the moments of the clusters' own least squares fits: from its own
    start it can stop far below the maximum and say that it has converged.

    Args:
        values: of each sample.
        columns: of the fixed effects, all of which vary by cluster too.
        clusters: of each sample.
    """
    from statsmodels.regression.mixed_linear_model import MixedLM

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say stands in `converged`
        fit = MixedLM(values, columns, groups=clusters, exog_re=columns).fit(
            reml=True,
            method="lbfgs",
            maxiter=200,
            start_params=_moments(values, columns, np.asarray(clusters)),
        )
    count = columns.shape[1]
    return fit.params[:count].tolist(), fit.bse[:count].tolist(), bool(fit.converged)


def _moments(values: Floats, columns: Floats, clusters: NDArray[Any]) -> Any:
    """Where to start: means, covariance and residual of the least squares fit of each cluster."""
    from statsmodels.regression.mixed_linear_model import MixedLMParams

    count, found, noise, inverses = columns.shape[1], [], [], []
    for cluster in np.unique(clusters):
        own = clusters == cluster
        x, y = columns[own], values[own]
        if len(y) <= count or np.linalg.matrix_rank(x) < count:
            continue  # a cluster of which too much is missing
        coefficients, *_ = np.linalg.lstsq(x, y, rcond=None)
        found.append(coefficients)
        noise.append(((y - x @ coefficients) ** 2).sum() / (len(y) - count))
        inverses.append(np.linalg.inv(x.T @ x))
    if len(found) <= count or not np.mean(noise):
        return None
    residual = float(np.mean(noise))
    covariance = np.cov(np.array(found).T) - residual * np.mean(inverses, axis=0)
    sizes, axes = np.linalg.eigh(covariance / residual)
    relative = (axes * np.maximum(sizes, 1e-6)) @ axes.T
    return MixedLMParams.from_components(np.mean(found, axis=0), cov_re=relative)


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
