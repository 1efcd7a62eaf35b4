"""Groups compared within clusters: means, their differences, and what missing values could make.

A group's mean is taken within each cluster (a scenario, a template) and compared there, so that
what makes scenarios differ drops out. In a balanced grid the mean of these differences is the
difference of the cell means, and the spread between clusters gives its standard error.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from harness.statistics.arrays import Floats, Limits, without_missing
from harness.statistics.intervals import Bounds, WithInterval, quantile
from harness.types import Counts, Estimate, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels


def mean_over_clusters(differences: Floats) -> WithInterval:
    """The mean of one value a cluster, its standard error and its 95 % interval.

    >>> mean_over_clusters(np.array([1.0, 2.0, 3.0])).estimate
    2.0

    Args:
        differences: shape (clusters,), none missing.
    """
    count = len(differences)
    if not count:
        return WithInterval()
    mean = float(differences.mean())
    if count < 2:
        return WithInterval(mean)
    stderr = float(differences.std(ddof=1)) / sqrt(count)
    width = quantile(count) * stderr
    return WithInterval(mean, stderr, mean - width, mean + width)


class ClusterMeans:
    """The mean of every group in every cluster, as it stands and at both ends of what is missing.

    >>> values, metric = np.array([[0.25], [0.75]]), Metric(0.0, 1.0, Direction.LOWER)
    >>> ClusterMeans(values, ["a", "b"], ["one", "one"], metric).difference("b", "a").estimate
    0.5

    Args:
        values: shape (samples, generations), NaN is missing.
        groups: of each sample.
        clusters: of each sample.
        metric: whose range missing values may fill.
        limits: of missing values of which more is known.
    """

    def __init__(
        self,
        values: Floats,
        groups: Sequence[str],
        clusters: Labels,
        metric: Metric,
        limits: Limits | None = None,
    ) -> None:
        self.names = list(dict.fromkeys(groups))
        number_of = {name: number for number, name in enumerate(self.names)}
        rows = np.array([number_of[group] for group in groups], dtype=np.intp)
        units, codes = np.unique(np.asarray(clusters), return_inverse=True)
        self.shape = (len(units), len(self.names))
        cells = np.repeat(codes * len(self.names) + rows, values.shape[1])
        flat = values.ravel()
        present = ~np.isnan(flat)
        self.asked = self._count(cells)
        self.scored = self._count(cells[present])
        total = self._count(cells[present], flat[present])
        lacking = self.asked - self.scored
        least, most = lacking * metric.low, lacking * metric.high
        if limits is not None:
            least, most = (
                self._count(cells[~present], end.ravel()[~present]) for end in limits.filled(metric)
            )
        with np.errstate(invalid="ignore"):
            self.mean = total / self.scored
            self.lowest = (total + least) / self.asked
            self.highest = (total + most) / self.asked

    def difference(self, group: str, reference: str) -> Estimate:
        """The mean difference of a group from a reference, over the clusters that have both."""
        if reference not in self.names:
            return Estimate.unknown()
        at, base = self.names.index(group), self.names.index(reference)
        n, n_scored = (int(c[:, at].sum() + c[:, base].sum()) for c in (self.asked, self.scored))
        bounds = _bounds(
            without_missing(self.lowest[:, at] - self.highest[:, base]),
            without_missing(self.highest[:, at] - self.lowest[:, base]),
        )
        differences = without_missing(self.mean[:, at] - self.mean[:, base])
        counts = Counts(n, n_scored, n - n_scored, len(differences))
        return Estimate(*mean_over_clusters(differences), *bounds, *counts)

    def _count(self, cells: NDArray[np.intp], weights: Floats | None = None) -> Floats:
        size = self.shape[0] * self.shape[1]
        return np.bincount(cells, weights, minlength=size).reshape(self.shape).astype(float)


def _bounds(lows: Floats, highs: Floats) -> Bounds:
    """Of a mean difference between two ends: furthest from and nearest to zero."""
    if not len(lows) or not len(highs):
        return Bounds()
    low, high = float(lows.mean()), float(highs.mean())
    furthest = low if abs(low) > abs(high) else high
    nearest = 0.0 if low <= 0 <= high else min(low, high, key=abs)
    return Bounds(worst=furthest, best=nearest)
