"""Whether two models' values are drawn alike: the Kolmogorov-Smirnov distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from harness.statistics.arrays import Columns, Floats, as_names, counts_of, mean_of_rows
from harness.statistics.bootstrap import times_drawn
from harness.types import Direction, Estimate, HarnessError, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels

SHOWN = ("distance", "p-value")
RESAMPLES = 2000
LEVEL = 0.95


class Distance(NamedTuple):
    """How far two distributions lie apart, from 0 (alike) to 1, with its 95 % band."""

    distance: float
    low: float
    high: float
    p: float
    """Of so large a distance where there is none; each value its own draw."""


def kolmogorov_smirnov(
    values: Floats, clusters: Sequence[str], others: Floats, other_clusters: Sequence[str]
) -> Distance:
    """The largest gap between two empirical distribution functions (Smirnov 1939).

    The p-value is scipy's, exact where it can be; it falls with n at the same distance, so that it
    compares models only at equal n. The band is the bootstrap's: clusters are drawn anew, those of
    both samples together where both have the same ones, and the distance lies no further from what
    was seen than the resampled difference of the two functions strays from its own in 95 of 100.
    So it holds where there is no distance too, which percentiles of a resampled distance do not.

    >>> kolmogorov_smirnov(np.arange(4.0), list("abcd"), np.arange(4.0) + 2, list("abcd")).distance
    0.5

    Args:
        values: of one model, none missing; one at least.
        clusters: of each.
        others: of the other model, likewise.
        other_clusters: of each.
    """
    from scipy.stats import ks_2samp

    tested = ks_2samp(values, others)
    grid = np.union1d(values, others)
    names, codes = np.unique(clusters, return_inverse=True)
    other_names, other_codes = np.unique(other_clusters, return_inverse=True)
    first, second = _steps(values, codes, grid), _steps(others, other_codes, grid)
    seen = _function(first, np.ones(len(names)))
    seen = seen - _function(second, np.ones(len(other_names)))
    drawn = _times(len(names))
    apart = not np.array_equal(names, other_names)
    again = _times(len(other_names))[::-1] if apart else drawn  # each with another's draws
    strays = np.abs(_function(first, drawn) - _function(second, again) - seen).max(axis=1)
    stray, distance = float(np.quantile(strays, LEVEL)), float(tested.statistic)
    low, high = max(0.0, distance - stray), min(1.0, distance + stray)
    return Distance(distance, low, high, float(tested.pvalue))


@dataclass(frozen=True, slots=True)
class SameDistribution:
    """How far a model's values are drawn otherwise than a reference model's.

    >>> values, facts = np.array([[1.0], [2.0]]), {"author": ["a", "b"]}
    >>> distance = SameDistribution("distance", "author", (2.0, 3.0), ("a", "b"))
    >>> metric = Metric(0.0, 9.0, Direction.HIGHER)
    >>> distance.compare(values, facts, ["a", "b"], metric)["the reference model"].estimate
    0.5

    Args:
        shown: `distance` (with its band) or `p-value` (of no distance; it has no interval).
        column: the metadata that clusters are named by.
        reference: the reference's values, of one generation a sample; none: there is no estimate.
        clusters: of each of them the name of its cluster.
    """

    shown: str
    column: str
    reference: Sequence[float] = ()
    clusters: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.shown not in SHOWN:
            raise HarnessError(f"shown={self.shown!r} is not one of {', '.join(SHOWN)}")

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"Kolmogorov-Smirnov {self.shown}"

    @property
    def by(self) -> str:
        """What it is held against."""
        return "against"

    @property
    def fields(self) -> Sequence[str]:
        """The clusters' names."""
        return (self.column,)

    @property
    def better(self) -> Direction:
        """A distance ought to be small, and its p-value large."""
        return Direction.LOWER if self.shown == "distance" else Direction.HIGHER

    @property
    def range(self) -> str:
        """Either is a share."""
        return "share"

    def compare(
        self, values: Floats, facts: Columns, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """One estimate; NaN is missing and has no part in it, and then no bound is known."""
        of_rows = mean_of_rows(values)
        present = ~np.isnan(of_rows)
        counts = counts_of(of_rows, clusters)
        if not present.any() or not self.reference:
            return {"the reference model": Estimate.unknown(counts)}
        names = np.array(as_names(facts[self.column]))[present].tolist()
        others = np.asarray(self.reference, np.float64)
        tested = kolmogorov_smirnov(of_rows[present], names, others, list(self.clusters))
        is_distance = self.shown == "distance"
        value, low, high = tested[:3] if is_distance else (tested.p, None, None)
        bound = value if present.all() else None
        estimate = Estimate(value, None, low, high, bound, bound, *counts)
        return {"the reference model": estimate}


def _steps(values: Floats, codes: NDArray[np.intp], grid: Floats) -> Floats:
    """Of each cluster how many of its values lie at or below each point; shape (clusters, grid)."""
    below = (values[:, None] <= grid[None, :]).astype(np.float64)
    steps = np.zeros((int(codes.max()) + 1, len(grid)))
    np.add.at(steps, codes, below)
    return steps


def _function(steps: Floats, times: NDArray[Any]) -> Floats:
    """The distribution function of clusters that are drawn so many times."""
    sums = np.asarray(times, np.float64) @ steps
    shares: Floats = sums / sums[..., -1:]
    return shares


def _times(count: int) -> NDArray[np.integer[Any]]:
    """How often each cluster is drawn in each resample; shape (resamples, clusters)."""
    return np.concatenate(list(times_drawn(count, RESAMPLES)))
