"""The largest gap between groups."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Columns, Floats
from harness.statistics.contrasts import ClusterMeans, _names, _on_other_half
from harness.types import Direction, Estimate, Metric

if TYPE_CHECKING:
    from harness.types import Labels


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
        self, values: Floats, facts: Columns, clusters: Labels, metric: Metric
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
