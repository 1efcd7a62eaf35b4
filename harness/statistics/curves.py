"""The expected maximum as a curve over the number of generations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.maxima import ExpectedMaximum, pooled_maximum
from harness.types import Direction, Estimate, Metric

if TYPE_CHECKING:
    from harness.types import Labels


@dataclass(frozen=True, slots=True)
class CurveOfMaxima:
    """The expected maximum for growing numbers of generations: the paper's figure 2.

    Pooled, it draws from the generations of all samples together, as for those without a prompt;
    else from each sample's, and is their mean. Numbers larger than what there is have no row. The
    interval of a pooled maximum resamples generations (percentiles of 1,000 resamples), and is not
    known where k is more than a tenth of them: the bootstrap of a maximum over nearly all does not
    hold.

    >>> values, metric = np.array([[0.0, 1.0], [1.0, 1.0]]), Metric(0.0, 1.0, Direction.LOWER)
    >>> rows = CurveOfMaxima((1, 2)).compare(values, {}, ["a", "b"], metric)
    >>> rows["1"].estimate, rows["2"].estimate
    (0.75, 1.0)
    """

    ks: tuple[int, ...]
    pooled: bool = False
    better: ClassVar[Direction | None] = None
    fields: ClassVar[Sequence[str]] = ()
    range: ClassVar[str] = "metric"

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "expected maximum, pooled" if self.pooled else "expected maximum"

    @property
    def by(self) -> str:
        """What the rows are of."""
        return "generations"

    def compare(
        self,
        values: Floats,
        facts: Mapping[str, Sequence[object]],
        clusters: Labels,
        metric: Metric,
    ) -> Mapping[str, Estimate]:
        """One estimate for each number of generations."""
        most = values.size if self.pooled else values.shape[1]
        samples = np.repeat(np.arange(len(values)), values.shape[1])
        units = np.repeat(np.asarray(clusters), values.shape[1])
        return {
            str(k): pooled_maximum(values.ravel(), units, metric, k)
            if self.pooled
            else ExpectedMaximum(k).estimate(values.ravel(), samples, units, metric)
            for k in self.ks
            if k <= most
        }
