"""F1, precision and recall of labels: one of several, or any number of them at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.bootstrap import percentile_interval, times_drawn
from harness.types import Counts, Direction, Estimate, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels

RESAMPLES = 2000
Measure = Callable[[Any, Any, Any], Any]
MEASURES: Mapping[str, Measure] = {
    "F1": lambda hits, false, lost: (2 * hits, 2 * hits + false + lost),
    "precision": lambda hits, false, lost: (hits, hits + false),
    "recall": lambda hits, false, lost: (hits, hits + lost),
}
"""Of true positives, false positives and false negatives: numerator and denominator."""
ALWAYS = "always yes, macro"
"""The row of the baseline that finds every label in everything."""


def label_pairs(truth: Mapping[str, bool], predicted: Mapping[str, bool] | None) -> str:
    """Each label's truth and prediction (None: none could be had), as an explanation carries them.

    >>> label_pairs({"liver": True}, {"liver": False})
    '{"liver": [1, 0]}'
    """
    return json.dumps(
        {
            name: [int(known), None if predicted is None else int(predicted[name])]
            for name, known in truth.items()
        }
    )


@dataclass(frozen=True, slots=True)
class ClassScores:
    """F1 (or precision, or recall) of each class where every sample is of one, from 0 to 1.

    `macro` is the mean over classes that anybody gave or predicted, `micro` takes all decisions
    together. What predicts a class that is none of these is wrong in each. Intervals are the
    percentile bootstrap over clusters; bounds take what is missing as wrong, and as right.

    >>> values, facts = np.array([[1.0], [2.0], [1.0]]), {"kind": ["a", "b", "b"]}
    >>> scores = ClassScores("kind", (("a", 1.0), ("b", 2.0)))
    >>> rows = scores.compare(values, facts, "xyz", Metric(1, 2, Direction.LOWER))
    >>> [round(rows[name].estimate, 3) for name in ("a", "b", "macro", "micro")]
    [0.667, 0.667, 0.667, 0.667]
    """

    truth: str
    """The metadata column that holds the right class."""
    classes: tuple[tuple[str, float], ...]
    """Each class and the value of the metric that predicts it."""
    measure: str = "F1"
    range: ClassVar[str] = "share"
    better: ClassVar[Direction] = Direction.HIGHER

    @property
    def name(self) -> str:
        """Its name in tables."""
        return self.measure

    @property
    def by(self) -> str:
        """What its rows are of."""
        return "class"

    @property
    def fields(self) -> Sequence[str]:
        """The metadata that it reads."""
        return (self.truth,)

    def compare(
        self,
        values: Floats,
        facts: Mapping[str, Sequence[object]],
        clusters: Labels,
        metric: Metric,
    ) -> Mapping[str, Estimate]:
        """One estimate for each class, macro and micro."""
        flat, n = values.ravel(), values.shape[1]
        names = [name for name, _ in self.classes]
        truth = np.array([[str(fact) == name for name in names] for fact in facts[self.truth]])
        predicted = np.array([flat == value for _, value in self.classes], dtype=np.float64).T
        predicted[np.isnan(flat)] = np.nan
        units = np.repeat(np.asarray(list(clusters)), n)
        return _rows(names, np.repeat(truth, n, axis=0), predicted, units, self.measure)


@dataclass(frozen=True, slots=True)
class LabelScores:
    """F1 (or precision, or recall) of each of several labels that hold at once, from 0 to 1.

    Of a metric whose explanations are `label_pairs`. Beside them `macro`, `micro`, and the macro
    mean of one who says yes to everything, which a number must beat to mean anything.

    >>> pairs = [[label_pairs({"liver": True}, {"liver": yes})] for yes in (True, False)]
    >>> metric = Metric(0, 1, Direction.HIGHER)
    >>> rows = LabelScores(("liver",), "organ").compare(np.array(pairs), {}, "ab", metric)
    >>> round(rows["liver"].estimate, 3), rows["always yes, macro"].estimate
    (0.667, 1.0)
    """

    labels: tuple[str, ...]
    of: str
    """What they are: the column `by`."""
    measure: str = "F1"
    explained: ClassVar[bool] = True
    range: ClassVar[str] = "share"
    better: ClassVar[Direction] = Direction.HIGHER
    fields: ClassVar[Sequence[str]] = ()

    @property
    def name(self) -> str:
        """Its name in tables."""
        return self.measure

    @property
    def by(self) -> str:
        """What the labels are."""
        return self.of

    def compare(
        self,
        values: NDArray[Any],
        facts: Mapping[str, Sequence[object]],
        clusters: Labels,
        metric: Metric,
    ) -> Mapping[str, Estimate]:
        """One estimate for each label, macro and micro, and the baseline's."""
        flat = values.ravel()
        both = np.full((len(flat), len(self.labels), 2), np.nan)
        for place, value in enumerate(flat):
            if isinstance(value, str):
                pairs = json.loads(value)
                both[place] = [pairs[label] for label in self.labels]
        units = np.repeat(np.asarray(list(clusters)), values.shape[1])
        truth, predicted = both[..., 0], both[..., 1]
        rows = _rows(self.labels, truth, predicted, units, self.measure)
        always = np.where(np.isnan(predicted), np.nan, 1.0)
        baseline = _rows(self.labels, truth, always, units, self.measure)
        return {**rows, ALWAYS: baseline["macro"]}


def _rows(
    names: Sequence[str], truth: NDArray[Any], predicted: Floats, clusters: Any, measure: str
) -> dict[str, Estimate]:
    """Estimates by label; arrays of shape (answers, labels), a row without prediction being NaN."""
    present: NDArray[np.bool_] = np.asarray(np.isfinite(predicted).all(axis=1))
    codes: NDArray[np.intp] = np.unique(clusters[present], return_inverse=True)[1]
    count = len(np.unique(codes))
    counts = Counts(len(predicted), int(present.sum()), int((~present).sum()), count)
    titles = [*names, "macro", "micro"]
    worst, best = _bounds(truth, predicted, present, measure)
    if not counts.n_scored:
        ends = zip(titles, worst, best, strict=True)
        return {t: Estimate.unknown(counts, _known(low), _known(high)) for t, low, high in ends}
    cells = _cells(truth[present].astype(np.float64), predicted[present])
    of_clusters = np.zeros((count, *cells.shape[1:]))
    np.add.at(of_clusters, codes, cells)
    values = _measured(cells.sum(axis=0), measure)
    flat = of_clusters.reshape(count, -1)
    drawn = [
        _measured(np.asarray(times @ flat).reshape(len(times), *cells.shape[1:]), measure)
        for times in (times_drawn(count, RESAMPLES) if count > 1 else ())
    ]
    resampled = np.concatenate(drawn) if drawn else np.full((2, len(titles)), np.nan)
    return {
        title: _estimate(values[i], resampled[:, i], worst[i], best[i], counts)
        for i, title in enumerate(titles)
    }


def _cells(truth: Floats, predicted: Floats) -> Floats:
    """True positives, false positives, false negatives: shape (answers, labels, 3)."""
    return np.stack([truth * predicted, (1 - truth) * predicted, truth * (1 - predicted)], axis=-1)


def _measured(cells: NDArray[Any], measure: str) -> Floats:
    """The measure of each label, then macro and micro; NaN where nothing is to be found."""
    together = np.concatenate([cells, cells.sum(axis=-2, keepdims=True)], axis=-2)
    above, below = MEASURES[measure](together[..., 0], together[..., 1], together[..., 2])
    with np.errstate(invalid="ignore"):
        values = np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)
        known = ~np.isnan(values[..., :-1])
        macro = np.where(known, values[..., :-1], 0).sum(axis=-1) / known.sum(axis=-1)
    return np.concatenate([values[..., :-1], macro[..., None], values[..., -1:]], axis=-1)


def _bounds(
    truth: NDArray[Any], predicted: Floats, present: NDArray[np.bool_], measure: str
) -> tuple[Floats, Floats]:
    """With all that is missing wrong, and right; not known where its truth is not."""
    known = np.isfinite(truth.astype(np.float64)).all()
    if not known:
        nothing = np.full(truth.shape[1] + 2, np.nan)
        return nothing, nothing
    whole = truth.astype(np.float64)
    filled = [np.where(present[:, None], predicted, other) for other in (1 - whole, whole)]
    worst, best = (_measured(_cells(whole, f).sum(axis=0), measure) for f in filled)
    return worst, best


def _estimate(
    value: float, resampled: Floats, worst: float, best: float, counts: Counts
) -> Estimate:
    ends_of_all = (_known(worst), _known(best))
    if np.isnan(value):
        return Estimate.unknown(counts, *ends_of_all)
    ends = percentile_interval(resampled)
    if ends is None:
        return Estimate(float(value), None, None, None, *ends_of_all, *counts)
    stderr = float(np.nanstd(resampled, ddof=1))
    low, high = min(ends.low, float(value)), max(ends.high, float(value))
    return Estimate(float(value), stderr, low, high, *ends_of_all, *counts)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
