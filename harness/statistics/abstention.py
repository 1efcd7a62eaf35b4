"""Accuracy where a model may leave out what it is least sure of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from harness.statistics.arrays import Columns, Floats, counts_of
from harness.statistics.bootstrap import times_drawn
from harness.statistics.intervals import Interval
from harness.statistics.labels import interval_of
from harness.types import Direction, Estimate, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels


RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class AccuracyAtCoverage:
    """The accuracy among the share of answers of which the model is surest, from 0 to 1.

    The metric is the confidence of an answer, above zero where it is right and below where it is
    wrong. Answers that are equally sure are kept or left out together, in part where the cut falls
    among them. Missing ones are left out of all coverages; worst and best have them as wrong and as
    right with full confidence.

    >>> values, metric = np.array([[0.9], [0.8], [-0.6], [-0.5]]), Metric(-1, 1, Direction.HIGHER)
    >>> rows = AccuracyAtCoverage((1.0, 0.5)).compare(values, {}, list("abcd"), metric)
    >>> rows["1"].estimate, rows["0.5"].estimate
    (0.5, 1.0)
    """

    coverages: tuple[float, ...] = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75)
    better: ClassVar[Direction] = Direction.HIGHER
    fields: ClassVar[Sequence[str]] = ()
    by: ClassVar[str] = "coverage"
    range: ClassVar[str] = "share"

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "accuracy at coverage"

    def compare(
        self, values: Floats, facts: Columns, clusters: Labels, metric: Metric
    ) -> Mapping[str, Estimate]:
        """One estimate a coverage."""
        flat, units = values.ravel(), np.repeat(np.asarray(clusters), values.shape[1])
        present = ~np.isnan(flat)
        counts = counts_of(flat, units)
        ends = [_at(np.where(present, flat, end), self.coverages) for end in (-1.0, 1.0)]
        known = flat[present]
        measured = _at(known, self.coverages)
        drawn = self._resampled(known, np.unique(units[present], return_inverse=True)[1])
        rows = {}
        for i, coverage in enumerate(self.coverages):
            if not len(known):
                rows[f"{coverage:g}"] = Estimate.unknown(counts)
                continue
            interval = Interval()
            if drawn is not None:
                interval = interval_of(drawn[:, i], float(measured[i]), counts.clusters)
            worst, best = (float(end[i]) for end in ends)
            value = float(measured[i])
            rows[f"{coverage:g}"] = Estimate(value, *interval, worst, best, *counts)
        return rows

    def _resampled(self, values: Floats, units: NDArray[np.intp]) -> Floats | None:
        count = int(units.max()) + 1 if len(units) else 0
        if count < 2:
            return None
        sureness, order = np.unique(-np.abs(values), return_inverse=True)
        blocks = []
        for block in times_drawn(count, RESAMPLES):
            weights = block[:, units].astype(float)
            total, right = (np.zeros((len(block), len(sureness))) for _ in range(2))
            for row, level in enumerate(order):
                total[:, level] += weights[:, row]
                right[:, level] += weights[:, row] * (values[row] > 0)
            blocks.append(_accuracies(total, right, self.coverages))
        return np.vstack(blocks)


def _at(values: Floats, coverages: Sequence[float]) -> Floats:
    sureness, order = np.unique(-np.abs(values), return_inverse=True)
    total = np.bincount(order, minlength=len(sureness)).astype(float)
    right = np.bincount(order, weights=values > 0, minlength=len(sureness)).astype(float)
    shares: Floats = _accuracies(total[None], right[None], coverages)[0]
    return shares


def _accuracies(total: Floats, right: Floats, coverages: Sequence[float]) -> Floats:
    """Accuracy of what is kept at each coverage, from counts by falling sureness.

    Args:
        total: shape (resamples, levels).
        right: of them, likewise.
        coverages: shares that are kept.
    """
    before = np.cumsum(total, axis=1) - total
    n = total.sum(axis=1, keepdims=True)
    columns = []
    with np.errstate(invalid="ignore", divide="ignore"):
        for coverage in coverages:
            answered = np.clip(coverage * n - before, 0.0, total)
            share = np.where(total > 0, answered / total, 0.0)
            columns.append((share * right).sum(axis=1) / answered.sum(axis=1))
    return np.stack(columns, axis=1)
