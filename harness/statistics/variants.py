"""How far an estimate moves with the wording of a prompt, kept apart from sampling error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Columns, Floats, as_names
from harness.statistics.bootstrap import times_drawn
from harness.statistics.labels import ALL, RESAMPLES, LabelMeasure
from harness.types import Counts, Direction, Estimate, HarnessError, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels

OBSERVED, BEYOND, SAMPLING = "observed", "beyond sampling", "of sampling"
PARTS = (OBSERVED, BEYOND, SAMPLING)


@dataclass(frozen=True, slots=True)
class SpreadOverVariants:
    """The standard deviation of a measure of labels over wordings of one question.

    `observed` is the plain one (n - 1) over the variants' values, which Mental-LLM (Xu et al. 2024)
    gives behind its plus-minus; the chance of which posts were drawn is in it too. `of sampling`
    is the standard error of the mean over variants, from resampled clusters, which all variants
    share. `beyond sampling` is what is left of the observed one: with C the covariance of the
    variants' values over resamples, the square root of s^2 - (tr C - sum C / V) / (V - 1), and 0
    where that is below zero. It has no interval: V is small.

    >>> spread = SpreadOverVariants(LabelMeasure("accuracy"))
    >>> facts = {"label_number": [1, 2, 1, 2], "variant": [1, 1, 2, 2]}
    >>> values, metric = np.array([[1.0], [2.0], [1.0], [1.0]]), Metric(0, 2, Direction.LOWER)
    >>> round(spread.compare(values, facts, ["a", "b"] * 2, metric)["all"].estimate, 3)  # 1 and 1/2
    0.354

    Args:
        of: the measure.
        variant: the metadata that says which wording was asked.
        part: `observed`, `beyond sampling` or `of sampling`.

    Raises:
        HarnessError: there is no such part.
    """

    of: LabelMeasure
    variant: str = "variant"
    part: str = OBSERVED
    better: ClassVar[Direction] = Direction.LOWER

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise HarnessError(f"part={self.part!r} is not one of {', '.join(PARTS)}")

    @property
    def name(self) -> str:
        """Its name in tables."""
        spread = "standard error" if self.part == SAMPLING else "sd over wordings"
        return f"{spread} of {self.of.name}, {self.part}"

    @property
    def by(self) -> str:
        """What groups are of."""
        return self.of.by

    @property
    def fields(self) -> Sequence[str]:
        """The variant, and what the measure reads."""
        return (*self.of.fields, self.variant)

    def compare(
        self, values: Floats, facts: Columns, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """One estimate a group of the measure."""
        names = as_names(facts[self.of.groups]) if self.of.groups else [ALL] * len(values)
        variants, units = np.array(as_names(facts[self.variant])), np.asarray(clusters)
        targets = np.array(facts[self.of.target], dtype=float)
        rows = {}
        for group in dict.fromkeys(names):
            at = np.array(names) == group
            rows[group] = self._row(values[at], targets[at], variants[at], units[at])
        return rows

    def _row(
        self,
        values: Floats,
        targets: Floats,
        variants: NDArray[np.str_],
        clusters: NDArray[np.generic],
    ) -> Estimate:
        times, flat = values.shape[1], values.ravel()
        present = ~np.isnan(flat)
        variant_of, known = np.repeat(variants, times)[present], np.unique(variants)
        units, codes = np.unique(np.repeat(clusters, times)[present], return_inverse=True)
        counts = Counts(len(flat), int(present.sum()), int((~present).sum()), len(units))
        if len(known) < 2 or len(set(variant_of.tolist())) < len(known) or len(units) < 2:
            return Estimate.unknown(counts)
        hits = self.of.hits(flat[present], np.repeat(targets, times)[present])
        hits = np.hstack([hits, np.ones((len(hits), 1))])
        sums = np.zeros((len(known), len(units), hits.shape[1]))
        np.add.at(sums, (np.searchsorted(known, variant_of), codes), hits)
        means = self.of.of_hits(sums.sum(1)[:, :-1], sums.sum(1)[:, -1])[:, 0]
        drawn = np.concatenate(
            [
                np.einsum("bc,vch->bvh", block.astype(float), sums)
                for block in times_drawn(len(units), RESAMPLES)
            ]
        )
        resampled = self.of.of_hits(drawn[..., :-1], drawn[..., -1])[..., 0]
        whole = resampled[~np.isnan(resampled).any(axis=1)]
        if np.isnan(means).any() or len(whole) < RESAMPLES / 2:
            return Estimate.unknown(counts)
        value = apart(means, np.cov(whole, rowvar=False))[self.part]
        bound = value if counts.n_failed == 0 else None
        return Estimate(value, None, None, None, bound, bound, *counts)


def apart(means: Floats, covariance: Floats) -> dict[str, float]:
    """The spread of variants' values, what of it is beyond sampling, and the error of their mean.

    >>> parts = apart(np.array([0.4, 0.6]), np.array([[0.01, 0.0], [0.0, 0.01]]))
    >>> {name: round(value, 3) for name, value in parts.items()}
    {'observed': 0.141, 'beyond sampling': 0.1, 'of sampling': 0.071}

    Args:
        means: shape (variants,), two at least.
        covariance: of their sampling errors, shape (variants, variants).
    """
    wordings, total = len(means), float(covariance.sum())
    observed = float(means.var(ddof=1))
    noise = (float(np.trace(covariance)) - total / wordings) / (wordings - 1)
    return {
        OBSERVED: sqrt(observed),
        BEYOND: sqrt(max(0.0, observed - noise)),
        SAMPLING: sqrt(max(0.0, total)) / wordings,
    }
