"""Precision, recall and F1 of spans, over all samples together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.statistics.arrays import Columns, Floats
from harness.statistics.bootstrap import times_drawn
from harness.statistics.labels import interval_of
from harness.types import Counts, Direction, Estimate, HarnessError, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels


RESAMPLES = 1000
MEASURES = ("precision", "recall", "F1")


@dataclass(frozen=True, slots=True)
class SpanMeasure:
    """Precision, recall or F1 over the spans of all samples: `all`, and each kind of span.

    It reads the counts that the scorer `spans` leaves as explanations: by kind the spans that were
    given and met one that is right, were given, were right and met, and are right. F1 is the
    harmonic mean of precision and recall, which is seqeval's where one span meets one. 95 %
    percentile interval over resampled clusters. Without spans a ratio is 0, as in seqeval.

    >>> counts, metric = [['{"drug": [1, 2, 1, 1]}'], [None]], Metric(0, 1, Direction.HIGHER)
    >>> rows = SpanMeasure("precision").compare(np.array(counts, object), {}, ["a", "b"], metric)
    >>> rows["all"].estimate, rows["drug"].n_failed
    (0.5, 1)

    Args:
        measure: `precision`, `recall` or `F1`.

    Raises:
        HarnessError: there is no such measure.
    """

    measure: str
    explained: ClassVar[bool] = True
    better: ClassVar[Direction] = Direction.HIGHER
    fields: ClassVar[Sequence[str]] = ()
    by: ClassVar[str] = "span"
    range: ClassVar[str] = "share"

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise HarnessError(f"measure={self.measure!r} is not one of {', '.join(MEASURES)}")

    @property
    def name(self) -> str:
        """Its name in tables."""
        return f"{self.measure} of spans"

    def compare(
        self, values: NDArray[Any], facts: Columns, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """One estimate for all spans, and one for each kind."""
        flat, units = values.ravel(), np.repeat(np.asarray(clusters), values.shape[1])
        read = [json.loads(item) if isinstance(item, str) else None for item in flat]
        present = np.array([item is not None for item in read], dtype=bool)
        items = [item for item in read if item is not None]
        codes = np.unique(units[present], return_inverse=True)[1]
        count = int(codes.max()) + 1 if len(codes) else 0
        counts = Counts(len(flat), len(items), len(flat) - len(items), count)
        kinds = sorted({kind for item in items for kind in item})
        rows = {}
        for name in ("all", *kinds):
            chosen = kinds if name == "all" else [name]
            table = np.array(
                [[sum(item[kind][i] for kind in chosen) for i in range(4)] for item in items]
            ).reshape(len(items), 4)
            rows[name] = self._row(table, codes, counts)
        return rows

    def _row(self, table: Floats, codes: NDArray[np.intp], counts: Counts) -> Estimate:
        if not len(table):
            return Estimate.unknown(counts)
        value = float(_ratio(table.sum(0)[None], self.measure)[0])
        bound = value if counts.n_failed == 0 else None
        bounds = (bound, bound) if counts.n_failed == 0 else (0.0, 1.0)
        if counts.clusters < 2:
            return Estimate(value, None, None, None, *bounds, *counts)
        sums = np.zeros((counts.clusters, 4))
        np.add.at(sums, codes, table)
        drawn = np.vstack([block @ sums for block in times_drawn(counts.clusters, RESAMPLES)])
        interval = interval_of(_ratio(drawn, self.measure), value, counts.clusters)
        return Estimate(value, *interval, *bounds, *counts)


def _ratio(sums: Floats, measure: str) -> Floats:
    met, predicted, reached, right = (sums[:, i].astype(float) for i in range(4))
    precision, recall = _per(met, predicted), _per(reached, right)
    if measure == "precision":
        return precision
    return recall if measure == "recall" else _per(2 * precision * recall, precision + recall)


def _per(top: Floats, under: Floats) -> Floats:
    return np.divide(top, under, out=np.zeros_like(top), where=under > 0)
