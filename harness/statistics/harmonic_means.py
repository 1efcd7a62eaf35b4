"""The harmonic mean of several parts' means: one that is lost takes all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan, sqrt
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Columns, Floats, as_names, counts_of, mean_of_rows
from harness.statistics.intervals import quantile, squares_of_clusters, variance_of_sum
from harness.statistics.strata import codes_of
from harness.types import Direction, Estimate, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels


@dataclass(frozen=True, slots=True)
class HarmonicMean:
    """The harmonic mean of the means of a metric's parts, from 0 to 1.

    Its standard error is the delta method's: a part's mean m counts by H^2 / (k m^2), residuals are
    summed over clusters, which parts may share, before they are squared. A part whose mean is 0
    makes it 0, and then there is no interval: no residual moves it.

    >>> metric, facts = Metric(0.0, 1.0, Direction.HIGHER), {"part": ["a", "a", "b", "b"]}
    >>> values = np.array([[0.25], [0.25], [0.5], [1.0]])
    >>> made = HarmonicMean("part").compare(values, facts, np.arange(4), metric)
    >>> round(made["2 parts"].estimate, 3)
    0.375

    Args:
        of: the metadata column that says of which part a sample is.
    """

    of: str
    range: ClassVar[str] = "share"
    better: ClassVar[Direction | None] = None

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "harmonic mean"

    @property
    def by(self) -> str:
        """What it is over."""
        return f"parts of {self.of}"

    @property
    def fields(self) -> Sequence[str]:
        """The parts."""
        return (self.of,)

    def compare(
        self, values: Floats, facts: Columns, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """One estimate, whose name says of how many parts it is; NaN is missing."""
        names, parts = np.unique(as_names(facts[self.of]), return_inverse=True)
        of_rows = mean_of_rows(values)
        present = ~np.isnan(of_rows)
        worst, best = (
            _or_none(_harmonic(np.where(present, of_rows, end), parts, len(names))[0])
            for end in (metric.worst(), metric.best())
        )
        counts = counts_of(of_rows, clusters)
        value, means = _harmonic(of_rows[present], parts[present], len(names))
        key = f"{len(names)} parts"
        if isnan(value):
            return {key: Estimate.unknown(counts, worst, best)}
        if value == 0:
            return {key: Estimate(0.0, None, None, None, worst, best, *counts)}
        here = parts[present]
        weights = value**2 / (len(names) * means**2) / np.bincount(here)
        moved = weights[here] * (of_rows[present] - means[here])
        codes = codes_of(clusters, present)
        stderr = _or_none(sqrt(max(0.0, variance_of_sum(*squares_of_clusters(moved, codes)))))
        width = None if stderr is None else quantile(counts.clusters) * stderr
        low, high = (
            (None, None) if width is None else (max(0.0, value - width), min(1.0, value + width))
        )
        return {key: Estimate(value, stderr, low, high, worst, best, *counts)}


def _harmonic(values: Floats, parts: NDArray[np.intp], count: int) -> tuple[float, Floats]:
    """The harmonic mean of each part's mean, and those means; NaN where a part has no value."""
    sizes = np.bincount(parts, minlength=count)
    if not sizes.all():
        return nan, np.full(count, nan)
    means = np.bincount(parts, values, minlength=count) / sizes
    return (0.0 if (means <= 0).any() else float(count / (1 / means).sum())), means


def _or_none(value: float) -> float | None:
    return None if isnan(value) else value
