"""The mixed model of discrim-eval."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.statistics.arrays import Columns, Floats
from harness.statistics.contrasts import _names, _row_means
from harness.statistics.intervals import Interval, quantile
from harness.types import Direction, Estimate, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels


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
        self, values: Floats, facts: Columns, clusters: Labels, metric: Metric
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

    def _design(self, facts: Columns, present: NDArray[np.bool_]) -> tuple[list[str], Floats]:
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
