"""How far a treatment leaves the values of the same cells as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import atanh, sqrt, tanh
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Columns, Floats, as_names, mean_of_rows
from harness.statistics.intervals import quantile
from harness.types import Counts, Direction, Estimate, Metric

if TYPE_CHECKING:
    from harness.types import Labels


MOST = 0.999999
"""A correlation of which Fisher's z is still finite."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """Pearson's correlation of treated with untreated values of the same cells, from -1 to 1.

    Higher: the treatment leaves decisions as they were. The interval is Fisher's z with the
    standard error of a jackknife over clusters.

    >>> facts = {"cell": [0, 1, 2] * 2, "prompt": ["plain"] * 3 + ["law"] * 3}
    >>> values = np.array([[0.0], [0.5], [1.0]] * 2)
    >>> metric = Metric(0.0, 1.0, Direction.LOWER)
    >>> correlation = Correlation("prompt", "plain", ("cell",))
    >>> round(correlation.compare(values, facts, ["a"] * 6, metric)["law"].estimate, 6)
    1.0
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
        treatments = as_names(facts[self.treatment])
        units = np.unique(np.asarray(clusters), return_inverse=True)[1]
        keys = list(zip(units.tolist(), *(facts[name] for name in self.cell), strict=True))
        means = mean_of_rows(values)
        plain = {k: means[i] for i, k in enumerate(keys) if treatments[i] == self.untreated}
        return {
            treatment: _correlation(
                [
                    (units[i], plain.get(keys[i], np.nan), means[i])
                    for i, name in enumerate(treatments)
                    if name == treatment
                ]
            )
            for treatment in dict.fromkeys(treatments)
            if treatment != self.untreated
        }


def _correlation(pairs: Sequence[tuple[int, float, float]]) -> Estimate:
    """Of cells with their cluster, untreated and treated value (NaN: missing)."""
    rows = np.array(pairs, dtype=float)
    both = rows[~np.isnan(rows).any(axis=1)]
    clusters = np.unique(both[:, 0])
    counts = Counts(len(rows), len(both), len(rows) - len(both), len(clusters))
    whole = _pearson(both)
    if whole is None:
        return Estimate.unknown(counts)
    bound = whole if len(both) == len(rows) else None
    held_out = [_pearson(both[both[:, 0] != cluster]) for cluster in clusters]
    around = np.arctanh(np.clip([r for r in held_out if r is not None], -MOST, MOST))
    count = len(around)
    if count < 2:
        return Estimate(whole, None, None, None, bound, bound, *counts)
    stderr = sqrt((count - 1) / count * float(((around - around.mean()) ** 2).sum()))
    middle, width = atanh(max(-MOST, min(MOST, whole))), quantile(count) * stderr
    ends = tanh(middle - width), tanh(middle + width)
    return Estimate(whole, (1 - whole**2) * stderr, *ends, bound, bound, *counts)


def _pearson(rows: Floats) -> float | None:
    if len(rows) < 3 or not rows[:, 1].std() or not rows[:, 2].std():
        return None
    return float(np.corrcoef(rows[:, 1], rows[:, 2])[0, 1])
