"""Of which version of an item, its twins among them, a model knows the answer and of no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Columns, Floats, as_names, mean_of_rows
from harness.statistics.factors import factor_of
from harness.statistics.means import Share
from harness.types import Direction, Estimate, Metric

if TYPE_CHECKING:
    from harness.types import Labels

RIGHT = 0.5
"""Share of a version's answers that are right, above which it counts as right."""


@dataclass(frozen=True, slots=True)
class RightAlone:
    """For each version the share of items that are right in this version and in no other.

    A model that has no item by heart is right in one version alone as often by each of them, as far
    as they are alike hard; one that was trained on the published version is so by that one more
    often. An item counts for a version that it has. It is missing where its answers that are
    missing could decide.

    >>> facts = {"twin": ["original", "reworded"] * 2, "of": ["1", "1", "2", "2"]}
    >>> values, metric = np.array([[1.0], [0.0], [0.0], [0.0]]), Metric(0, 1, Direction.HIGHER)
    >>> rows = RightAlone("twin", "of").compare(values, facts, ["a", "a", "b", "b"], metric)
    >>> rows["original"].estimate, rows["reworded"].estimate
    (0.5, 0.0)
    """

    factor: str
    """The column that says which version a sample is."""
    item: str
    """The column that names the item."""
    better: ClassVar[Direction] = Direction.NEITHER
    range: ClassVar[str] = "share"

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "share right alone"

    by = property(factor_of)

    @property
    def fields(self) -> Sequence[str]:
        """Version and item."""
        return (self.factor, self.item)

    def compare(
        self, values: Floats, facts: Columns, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """One estimate for each version."""
        right = mean_of_rows(values)
        right = np.where(np.isnan(right), np.nan, right > RIGHT)
        versions, items = as_names(facts[self.factor]), as_names(facts[self.item])
        of_item: dict[str, list[int]] = {}
        for number, item in enumerate(items):
            of_item.setdefault(item, []).append(number)
        units = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)
        share = Metric(0.0, 1.0, Direction.LOWER)
        estimates = {}
        for version in dict.fromkeys(versions):
            rows = [n for n, each in enumerate(versions) if each == version]
            alone = np.array([_alone(right, n, of_item[items[n]]) for n in rows])
            estimates[version] = Share(at_least=1).estimate(
                alone, np.arange(len(rows)), units[rows], share
            )
        return estimates


def _alone(right: Floats, number: int, of_item: Sequence[int]) -> float:
    """1 where this row is right and no other of its item is, else 0; NaN where that is unknown."""
    others = [right[n] for n in of_item if n != number]
    if right[number] == 0 or 1.0 in others:
        return 0.0
    return float("nan") if np.isnan([right[number], *others]).any() else 1.0
