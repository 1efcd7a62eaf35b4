"""The arrays that statistics take and give, and what is left of them without what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.types import Counts

if TYPE_CHECKING:
    from harness.types import Labels


Floats = NDArray[np.float64]
"""Numbers; NaN where one is missing."""
Columns = Mapping[str, Sequence[object]]
"""Facts about samples by name, an item a row."""


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
