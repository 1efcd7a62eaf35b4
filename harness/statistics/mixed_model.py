"""The mixed model of discrim-eval."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from harness.statistics.arrays import Columns, Floats, as_names, mean_of_rows
from harness.statistics.intervals import Interval, quantile
from harness.types import Counts, Direction, Estimate, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels


@dataclass(frozen=True, slots=True)
class MixedModel:
    """The linear mixed model of Tamkin et al. (2023, arXiv 2312.03689, section 4.1).

    Fixed effects of one scaled number (in its standard deviations, n - 1) and of factors against
    their references; an intercept and all slopes vary by cluster. Restricted maximum likelihood
    by statsmodels, fitted once, and not at all where there are no more clusters than effects. The
    row `converged` is 1 where the fit did. Missing values are left out, those with a bound too, and
    what they could have changed is not known: the contrasts beside it say that.

    >>> model = MixedModel("age", (("race", "white"),))
    >>> model.name, model.by, model.fields
    ('mixed model', 'fixed effect', ('age', 'race'))
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
        means = mean_of_rows(values)
        present = ~np.isnan(means)
        n, n_scored = values.size, int((~np.isnan(values)).sum())
        names, columns = self._design(facts, present)
        units = np.asarray(clusters)[present]
        counts = Counts(n, n_scored, n - n_scored, len(np.unique(units)))
        # As many effects as there are columns vary by cluster: so many clusters do not show it.
        if counts.clusters <= len(names) or np.linalg.matrix_rank(columns) < len(names):
            return dict.fromkeys((*names[1:], "converged"), Estimate.unknown(counts))
        fit = fit_mixed(means[present], columns, units)
        if fit is None:
            failed = Estimate(0.0, None, None, None, 0.0, 0.0, *counts)
            return dict.fromkeys(names[1:], Estimate.unknown(counts)) | {"converged": failed}
        width, whole = quantile(counts.clusters), n == n_scored
        rows = {}
        for name, value, stderr in list(zip(names, fit.effects, fit.stderrs, strict=True))[1:]:
            end = value if whole else None
            known = fit.converged and np.isfinite(stderr)
            interval = Interval()
            if known:
                interval = Interval(stderr, value - width * stderr, value + width * stderr)
            rows[name] = Estimate(value, *interval, end, end, *counts)
        done = float(fit.converged)
        return {**rows, "converged": Estimate(done, None, None, None, done, done, *counts)}

    def _design(self, facts: Columns, present: NDArray[np.bool_]) -> tuple[list[str], Floats]:
        number = np.array(facts[self.number], dtype=float)[present]
        spread = number.std(ddof=1) if len(number) > 1 else 0.0
        names, columns = ["intercept", f"{self.number}, per sd"], [np.ones(len(number))]
        columns.append((number - number.mean()) / (spread or 1.0) if len(number) else number)
        for factor, reference in self.references:
            levels = np.array(as_names(facts[factor]))[present]
            for level in dict.fromkeys(levels.tolist()):
                if level != reference:
                    names.append(level)
                    columns.append((levels == level).astype(float))
        return names, np.stack(columns, axis=1)


class MixedFit(NamedTuple):
    """What a mixed model says, an item a fixed effect, in the unit of the values."""

    effects: list[float]
    stderrs: list[float]
    converged: bool


def fit_mixed(values: Floats, columns: Floats, clusters: Labels) -> MixedFit | None:
    """Coefficients and standard errors of the fixed effects, and whether the fit converged.

    The optimiser starts from the moments of the clusters' own least squares fits: from its own
    start it can stop far below the maximum and say that it has converged.

    Args:
        values: shape (samples,), none missing.
        columns: shape (samples, effects), all of which vary by cluster too.
        clusters: shape (samples,).

    Returns:
        None where the likelihood has no value on the optimiser's way.
    """
    from statsmodels.regression.mixed_linear_model import MixedLM

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they say stands in `converged`
            fit = MixedLM(values, columns, groups=clusters, exog_re=columns).fit(
                reml=True,
                method="lbfgs",
                maxiter=200,
                start_params=_moments(values, columns, np.asarray(clusters)),
            )
    except np.linalg.LinAlgError:  # nothing varies that the optimiser could follow
        return None
    count = columns.shape[1]
    return MixedFit(fit.params[:count].tolist(), fit.bse[:count].tolist(), bool(fit.converged))


def _moments(values: Floats, columns: Floats, clusters: NDArray[Any]) -> Any:
    """Where to start: means, covariance and residual of the least squares fit of each cluster."""
    from statsmodels.regression.mixed_linear_model import MixedLMParams

    count, fits, noise, inverses = columns.shape[1], [], [], []
    for cluster in np.unique(clusters):
        members = clusters == cluster
        x, y = columns[members], values[members]
        if len(y) <= count or np.linalg.matrix_rank(x) < count:
            continue  # a cluster of which too much is missing
        coefficients, *_ = np.linalg.lstsq(x, y, rcond=None)
        fits.append(coefficients)
        noise.append(((y - x @ coefficients) ** 2).sum() / (len(y) - count))
        inverses.append(np.linalg.inv(x.T @ x))
    if len(fits) <= count or not np.mean(noise):
        return None
    residual = float(np.mean(noise))
    covariance = np.cov(np.array(fits).T) - residual * np.mean(inverses, axis=0)
    sizes, axes = np.linalg.eigh(covariance / residual)
    relative = (axes * np.maximum(sizes, 1e-6)) @ axes.T
    return MixedLMParams.from_components(np.mean(fits, axis=0), cov_re=relative)
