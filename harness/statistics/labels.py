"""How well labels were given: precision, recall, F1, balanced accuracy, Matthews' correlation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from harness.statistics.arrays import Columns, Floats, as_names
from harness.statistics.bootstrap import percentile_interval, times_drawn
from harness.statistics.intervals import Interval, quantile, wilson
from harness.types import Counts, Direction, Estimate, HarnessError, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels


RESAMPLES = 1000
ALL = "all"
"""The row over every answer, where there are no groups."""
BITS = 16
"""Labels of which one sample can have several, at most."""


class Hits(NamedTuple):
    """How often each label was right, predicted, and both; the last axis is labels."""

    both: Floats
    predicted: Floats
    right: Floats
    exact: Floats
    """Answers that were right altogether; one axis less."""
    n: Floats


def _per(hits: Floats, totals: Floats) -> Floats:
    """A ratio, 0 where there is nothing that it could be of (scikit-learn's convention)."""
    return np.divide(hits, totals, out=np.zeros(np.broadcast(hits, totals).shape), where=totals > 0)


def _over_labels(values: Floats, counted: NDArray[np.bool_]) -> Floats:
    """The mean over the labels that count; NaN where none does."""
    with np.errstate(invalid="ignore"):
        mean: Floats = np.where(counted, values, 0.0).sum(-1) / counted.sum(-1)
    return mean


def _occurring(hits: Hits) -> NDArray[np.bool_]:
    return (hits.predicted + hits.right) > 0


def _one_against_rest(hits: Hits) -> Floats:
    n = hits.n[..., None]
    top = hits.both * n - hits.predicted * hits.right
    under = hits.predicted * (n - hits.predicted) * hits.right * (n - hits.right)
    return _per(top, np.sqrt(np.maximum(under, 0.0)))


def _matthews(hits: Hits) -> Floats:
    """Of several classes (Gorodkin 2004); what was no label is a class that is never right."""
    none = hits.n - hits.predicted.sum(-1)
    top = hits.both.sum(-1) * hits.n - (hits.predicted * hits.right).sum(-1)
    predicted = hits.n**2 - (hits.predicted**2).sum(-1) - none**2
    right = hits.n**2 - (hits.right**2).sum(-1)
    return _per(top, np.sqrt(np.maximum(predicted * right, 0.0)))


EACH: Mapping[str, Callable[[Hits], Floats]] = {
    "precision": lambda h: _per(h.both, h.predicted),
    "recall": lambda h: _per(h.both, h.right),
    "F1": lambda h: _per(2 * h.both, h.predicted + h.right),
    "MCC": _one_against_rest,
}
"""What can be said of one label, against all others."""
MEASURES: Mapping[str, Callable[[Hits], Floats]] = {
    "accuracy": lambda h: _per(h.exact, h.n),
    "balanced accuracy": lambda h: _over_labels(EACH["recall"](h), h.right > 0),
    "macro precision": lambda h: _over_labels(EACH["precision"](h), _occurring(h)),
    "macro recall": lambda h: _over_labels(EACH["recall"](h), _occurring(h)),
    "macro F1": lambda h: _over_labels(EACH["F1"](h), _occurring(h)),
    "macro MCC": lambda h: _over_labels(EACH["MCC"](h), _occurring(h)),
    "micro precision": lambda h: _per(h.both.sum(-1), h.predicted.sum(-1)),
    "micro recall": lambda h: _per(h.both.sum(-1), h.right.sum(-1)),
    "micro F1": lambda h: _per(2 * h.both.sum(-1), (h.predicted + h.right).sum(-1)),
    "MCC": _matthews,
}
"""What can be said of all labels: macro is over those that occur, balanced over those that are
right of some sample; each is 0 where it would divide by nothing."""


@dataclass(frozen=True, slots=True)
class LabelMeasure:
    """A measure of the labels that answers give, against those that are right.

    The metric is the number of the label given (0: an answer, but none of the labels) and the
    metadata `target` that of the right one; with `several` both are sums of powers of two, one for
    each label (-1: an answer that names nothing). With `each` there is a row for each label,
    against the others, else one for each value of the metadata `groups`.

    95 % percentile interval over resampled clusters. Worst and best: each missing answer as none of
    the labels, and as right.

    >>> facts = {"label_number": [1, 1, 1, 2]}
    >>> values, metric = np.array([[1.0], [1.0], [2.0], [2.0]]), Metric(0, 2, Direction.LOWER)
    >>> rows = LabelMeasure("balanced accuracy").compare(values, facts, list("abcd"), metric)
    >>> round(rows["all"].estimate, 3)  # 2 of 3 and 1 of 1
    0.833

    Args:
        measure: one of `MEASURES`; with `each` precision, recall, F1 or MCC.
        groups: a metadata column.
        each: the labels' names, in the order of their numbers.
        always: give this label instead of what was answered: `commonest` of those that are right,
            the `first`, which is what the order of labels alone would give, or with `several`
            `all` that are right of any sample.

    Raises:
        HarnessError: there is no such measure.
    """

    measure: str
    target: str = "label_number"
    groups: str | None = None
    each: tuple[str, ...] = ()
    several: bool = False
    always: str | None = None
    better: ClassVar[Direction] = Direction.HIGHER

    def __post_init__(self) -> None:
        known = EACH if self.each else MEASURES
        if self.measure not in known:
            raise HarnessError(f"measure={self.measure!r} is not one of {', '.join(known)}")

    @property
    def name(self) -> str:
        """Its name in tables."""
        if self.always == "all":
            return f"{self.measure} of all labels"
        return f"{self.measure} of the {self.always} label" if self.always else self.measure

    @property
    def range(self) -> str | None:
        """A share, but for Matthews' correlation, which goes down to -1."""
        return None if "MCC" in self.measure else "share"

    @property
    def by(self) -> str:
        """The labels, or what groups are of."""
        return "label" if self.each else self.groups or "answers"

    @property
    def fields(self) -> Sequence[str]:
        """The right labels, and the groups."""
        return (self.target, *([self.groups] if self.groups else []))

    def compare(
        self, values: Floats, facts: Columns, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """One estimate a group, or a label."""
        times = values.shape[1]
        targets = np.repeat(np.array(facts[self.target], dtype=float), times)
        names = as_names(facts[self.groups]) if self.groups else [ALL] * len(values)
        groups, units = np.repeat(names, times), np.repeat(np.asarray(clusters), times)
        rows: dict[str, Estimate] = {}
        for group in dict.fromkeys(names):
            at = groups == group
            rows |= self._rows(group, values.ravel()[at], targets[at], units[at])
        return rows

    def _rows(
        self, group: str, values: Floats, targets: Floats, clusters: NDArray[np.generic]
    ) -> dict[str, Estimate]:
        present = ~np.isnan(values)
        counts = Counts(
            *(len(values), int(present.sum()), int((~present).sum())),
            len(np.unique(clusters[present])),
        )
        predicted = np.where(present, values, -1.0 if self.several else 0.0)
        if self.always and counts.n_scored:
            predicted = np.where(present, self._constant(targets[present]), predicted)
        names = self.each or (group,)
        whole = [_estimates(self, predicted, targets, rows) for rows in (slice(None), present)]
        best = _estimates(self, np.where(present, predicted, targets), targets, slice(None))
        measured = whole[1] if counts.n_scored else np.full(len(names), np.nan)
        intervals = self._intervals(
            predicted[present], targets[present], clusters[present], measured
        )
        return {
            name: Estimate(
                None if np.isnan(measured[i]) else float(measured[i]),
                *intervals[i],
                _known(whole[0][i]),
                _known(best[i]),
                *counts,
            )
            for i, name in enumerate(names)
        }

    def _constant(self, targets: Floats) -> float:
        if self.always == "first":
            return 1.0
        if self.always == "all":
            return float(np.bitwise_or.reduce(targets.astype(int)))
        kinds, times = np.unique(targets, return_counts=True)
        return float(kinds[times.argmax()])

    def hits(self, predicted: Floats, targets: Floats) -> Floats:
        """Of each answer: both, predicted and right by label; whether it is right altogether."""
        if self.several:
            size = len(self.each) or BITS
            bits = 2 ** np.arange(size)
            chosen, right = (
                (np.maximum(codes, 0).astype(int)[:, None] & bits) > 0
                for codes in (predicted, targets)
            )
        else:
            kinds = np.unique(targets) if not self.each else np.arange(len(self.each)) + 1.0
            if not self.each:
                kinds = np.union1d(kinds, predicted[predicted != 0])
            chosen, right = (codes[:, None] == kinds for codes in (predicted, targets))
        exact = (predicted == targets)[:, None]
        return np.hstack([chosen & right, chosen, right, exact]).astype(float)

    def of_hits(self, sums: Floats, n: Floats) -> Floats:
        """The measure of summed hits, shape (..., rows)."""
        both, predicted, right = np.split(sums[..., :-1], 3, axis=-1)
        hits = Hits(both, predicted, right, sums[..., -1], n)
        if self.each:  # of a label that neither is right nor was predicted there is nothing to say
            return np.where(_occurring(hits), EACH[self.measure](hits), np.nan)
        return MEASURES[self.measure](hits)[..., None]

    def _intervals(
        self, predicted: Floats, targets: Floats, clusters: NDArray[np.generic], measured: Floats
    ) -> list[Interval]:
        units = np.unique(clusters, return_inverse=True)[1] if len(clusters) else np.zeros(0, int)
        count = int(units.max()) + 1 if len(units) else 0
        if count < 2:
            return [Interval()] * len(measured)
        hits = np.hstack([self.hits(predicted, targets), np.ones((len(predicted), 1))])
        sums = np.zeros((count, hits.shape[1]))
        np.add.at(sums, units, hits)
        drawn = np.vstack([block @ sums for block in times_drawn(count, RESAMPLES)])
        values = self.of_hits(drawn[:, :-1], drawn[:, -1])
        least = 0.0 if self.range else -1.0
        return [interval_of(values[:, i], value, count, least) for i, value in enumerate(measured)]


def interval_of(values: Floats, estimate: float, count: int, least: float = 0.0) -> Interval:
    """The percentile interval of an estimate; of one that never varies Wilson's for none of n.

    Args:
        values: over resamples, NaN where one cannot say.
        estimate: of all.
        count: of clusters.
        least: the lower end of its range, whose upper is 1.
    """
    ends = None if np.isnan(estimate) else percentile_interval(values)
    if ends is None:
        return Interval()
    stderr = float(np.nanstd(values, ddof=1))
    low, high = min(ends.low, estimate), max(ends.high, estimate)
    if low == high:
        _, width = wilson(0.0, count, quantile(count))
        low, high = max(least, estimate - width), min(1.0, estimate + width)
    return Interval(stderr, float(low), float(high))


def _estimates(
    measure: LabelMeasure, predicted: Floats, targets: Floats, rows: slice | NDArray[np.bool_]
) -> Floats:
    hits = measure.hits(predicted, targets)[rows]
    return np.asarray(measure.of_hits(hits.sum(0), np.array(float(len(hits)))))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
