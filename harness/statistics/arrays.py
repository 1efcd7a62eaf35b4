"""The arrays that statistics take and give, and what is left of them without what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.types import Counts, Metric

if TYPE_CHECKING:
    from harness.types import Labels


Floats = NDArray[np.float64]
"""Numbers; NaN where one is missing."""
Columns = Mapping[str, Sequence[object]]
"""Facts about samples by name, an item a row."""


class Limits(NamedTuple):
    """What is known of values that could not be had, each of the shape of the values.

    >>> Limits(np.array([3.0, np.nan]), np.full(2, np.nan)).of(np.array([np.nan, np.nan])).tolist()
    [True, False]
    """

    at_least: Floats
    """NaN: no more than the metric's range says."""
    at_most: Floats

    def of(self, values: Floats) -> NDArray[np.bool_]:
        """Which of the values are missing and have a bound."""
        known: NDArray[np.bool_] = ~(np.isnan(self.at_least) & np.isnan(self.at_most))
        return known & np.isnan(values)

    def filled(self, metric: Metric) -> tuple[Floats, Floats]:
        """Both ends that each lies between."""
        return (
            np.where(np.isnan(self.at_least), metric.low, self.at_least),
            np.where(np.isnan(self.at_most), metric.high, self.at_most),
        )

    @classmethod
    def unknown(cls, count: int) -> Limits:
        """Of so many values of which nothing is known, to be filled."""
        return cls(np.full(count, np.nan), np.full(count, np.nan))

    def shaped(self, n: int) -> Limits:
        """A row a sample of `n` generations."""
        return Limits(self.at_least.reshape(-1, n), self.at_most.reshape(-1, n))

    def rows(self, numbers: NDArray[np.int64]) -> Limits:
        """Those of some rows."""
        return Limits(self.at_least[numbers], self.at_most[numbers])


def mean_of_rows(values: Floats) -> Floats:
    """The mean of each row's values that are not NaN; NaN where all are.

    >>> mean_of_rows(np.array([[1.0, 3.0], [2.0, np.nan]])).tolist()
    [2.0, 2.0]

    Args:
        values: shape (rows, columns).

    Returns:
        Shape (rows,), in the unit of the values.
    """
    present = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        means: Floats = np.where(present, values, 0.0).sum(axis=1) / present.sum(axis=1)
    return means


def mean_of_columns(values: Floats) -> Floats:
    """The mean of each column's values that are not NaN; NaN where all are; shape (columns,)."""
    return mean_of_rows(values.T)


def without_missing(values: Floats) -> Floats:
    """The values that are not NaN, in one row."""
    return values[~np.isnan(values)]


def counts_of(values: Floats, clusters: Labels) -> Counts:
    """How many values there are, are missing, and of how many clusters those are that are not.

    Args:
        values: shape (n,), NaN being missing.
        clusters: shape (n,), of each value.
    """
    present = ~np.isnan(values)
    n_scored = int(present.sum())
    count = len(np.unique(np.asarray(clusters)[present])) if n_scored else 0
    return Counts(len(values), n_scored, len(values) - n_scored, count)


def as_names(values: Sequence[object]) -> list[str]:
    """Levels of a factor as tables have them."""
    return [str(value) for value in values]
