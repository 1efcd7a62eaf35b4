"""What tests of a model alone come to: whether it is accused, and what they cannot tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.evidence.contamination.orders import chance_of_places, place_of_first
from harness.statistics import ONE_SIDED_LEVEL, Ends, Floats, Mean, area_interval, auc
from harness.types import Direction, Metric

SHARE = Metric(0.0, 1.0, Direction.NEITHER)
BLIND = {
    "min_k": "Min-k% cannot tell having been trained on an item from finding it easy: held-out "
    "texts must be of the same kind, length and hand; of texts that were read once in a large "
    "training it finds next to nothing (Duan et al. 2024, arXiv 2402.07841)",
    "orders": "the order of options tells nothing where their author had a reason for it (numbers "
    "in order, the right one last), nor of a model that read them in another order or layout",
    "both": "not being accused does not show that a model is clean, and being accused does not "
    "show how it came to know the items",
}
"""What each test cannot tell."""


@dataclass(frozen=True)
class Likelier:
    """Whether items are likelier to a model than what they are held against."""

    against: str
    """What that is, in words."""
    items: Floats
    """Min-k% of each; NaN is missing."""
    others: Floats
    """Likewise of what they are held against; of twins in the items' order."""
    share: float
    """The k of Min-k%, from 0 to 1."""
    units: tuple[int, int]
    """Independent ones among the items, and among the others."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Why some are missing, with how many."""

    @property
    def area(self) -> float:
        """The chance that an item is likelier than another text, from 0 to 1; NaN: none known."""
        known, other = (values[~np.isnan(values)] for values in (self.items, self.others))
        labels = np.concatenate([np.ones(len(known)), np.zeros(len(other))])
        return auc(labels, np.concatenate([known, other]))

    @property
    def interval(self) -> Ends:
        """95 % interval of the area; nothing known: all of it."""
        area = self.area
        return Ends(0.0, 1.0) if np.isnan(area) else area_interval(area, *self.units)

    @property
    def accused(self) -> bool:
        """Whether the interval lies above an even chance."""
        return self.interval.low > 0.5

    def lines(self) -> Iterator[str]:
        """What it comes to, as a person reads it."""
        lost = int(np.isnan(self.items).sum() + np.isnan(self.others).sum())
        low, high = self.interval
        yield (
            f"Min-{self.share:.0%}: {len(self.items):,} items against {self.against}: AUC "
            f"{self.area:.3f} (95 % interval {low:.3f} to {high:.3f}; .5 is chance)"
        )
        yield f"  {_verdict(self.accused)}"
        if lost:
            why = "; ".join(f"{words} ({count})" for words, count in self.reasons.items())
            yield f"  {lost:,} texts have no value and are in no figure: {why}"
        yield f"  {BLIND['min_k']}"


@dataclass(frozen=True)
class Ordered:
    """Whether the published order of options is likelier to a model than others."""

    values: Sequence[Floats]
    """Of each item the log-probability of each order, the published one first; NaN is missing."""
    clusters: Sequence[str]
    """Of each item what of one is not independent."""
    unlisted: int = 0
    """Items that list no options, and so cannot be tested."""

    @property
    def places(self) -> Floats:
        """Of each item the share of other orders that are less probable, NaN where unknown."""
        return np.array([place_of_first(values) for values in self.values])

    @property
    def p(self) -> float:
        """One-sided, exact, of orders that are alike."""
        known = [(p, len(v)) for p, v in zip(self.places, self.values, strict=True) if p == p]
        return chance_of_places([p for p, _ in known], [n for _, n in known]) if known else 1.0

    @property
    def accused(self) -> bool:
        """Whether the published order is likelier than chance would have it."""
        return self.p <= ONE_SIDED_LEVEL

    def lines(self) -> Iterator[str]:
        """What it comes to, as a person reads it."""
        if not self.values:
            yield "orders of options: no item lists options, so that none could be tested"
            return
        places, names = self.places, np.unique(self.clusters, return_inverse=True)[1]
        estimate = Mean().estimate(places, np.arange(len(places)), names.astype(np.int64), SHARE)
        if estimate.estimate is None or estimate.low is None or estimate.high is None:
            yield f"orders of options: none of {len(places):,} items could be weighed"
            return
        yield (
            f"orders of options: the published one is likelier than {estimate.estimate:.1%} of "
            f"others (95 % interval {estimate.low:.1%} to {estimate.high:.1%}; 50 % is chance), "
            f"over {estimate.n_scored:,} items; exact p {self.p:.3g}"
        )
        yield f"  {_verdict(self.accused)}"
        if estimate.n_failed:
            yield f"  {estimate.n_failed:,} items could not be weighed and are in no figure"
        if self.unlisted:
            yield f"  {self.unlisted:,} items list no options and cannot be tested by this"
        yield f"  {BLIND['orders']}"


@dataclass(frozen=True)
class Alone:
    """All that was asked of a model alone."""

    ids: Sequence[str]
    likelier: Sequence[Likelier]
    ordered: Ordered | None
    min_k: Floats
    """Of each item."""

    def lines(self) -> Iterator[str]:
        """What it comes to, as a person reads it."""
        for each in self.likelier:
            yield from each.lines()
        if not self.likelier:
            yield (
                "Min-k%: nothing to hold the items against; name held_out=FILE (texts of the same "
                "kind that the model cannot have read), or a task with twins (task.twins=true)"
            )
        if self.ordered is not None:
            yield from self.ordered.lines()
        yield BLIND["both"]

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row an item."""
        for name, value in zip(self.ids, self.min_k, strict=True):
            yield {"id": name, "min_k": None if np.isnan(value) else round(float(value), 6)}


def _verdict(accused: bool) -> str:
    if accused:
        return "ACCUSED: more than chance explains (one-sided 2.5 %)"
    return "not accused: no more than chance explains"
