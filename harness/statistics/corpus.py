"""BLEU and chrF++ of all answers together, from the counts that each leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.bootstrap import times_drawn
from harness.statistics.labels import interval_of
from harness.types import Counts, Estimate, HarnessError, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels


RESAMPLES = 1000
ORDERS = 4
"""Longest sequence of words that BLEU counts."""
BETA = 2
"""How many times as much recall weighs in chrF as precision."""


def bleu(sums: Floats) -> Floats:
    """BLEU of summed counts (Papineni et al. 2002), smoothed as sacrebleu does by default.

    An order of which none is right counts 1 / 2 of one, the next such 1 / 4, and so on.

    >>> bleu(np.array([[4.0, 3, 2, 1, 4, 3, 2, 1, 4, 4]])).round(6).tolist()
    [1.0]

    Args:
        sums: shape (rows, 10): of orders 1 to 4 what is right, and what there is; the lengths of
            answers and of references, in words.

    Returns:
        Shape (rows,), from 0 to 1.
    """
    right, total = sums[:, :ORDERS], sums[:, ORDERS : 2 * ORDERS]
    length, reference_length = sums[:, -2], sums[:, -1]
    none = right == 0
    counted = np.where(none, 0.5 ** np.cumsum(none, axis=1), right)
    measured = (total > 0).all(axis=1) & ~none.all(axis=1)
    shares = counted / np.maximum(total, 1)
    brevity = np.exp(np.minimum(0.0, 1 - reference_length / np.maximum(length, 1)))
    whole: Floats = np.exp(np.log(shares).mean(axis=1)) * brevity
    return np.where(measured, np.minimum(whole, 1.0), 0.0)


def chrf(sums: Floats) -> Floats:
    """The chrF of summed counts (Popovic 2017), of the orders that occur, as sacrebleu has it.

    Args:
        sums: shape (rows, 3 x orders): of each order of characters and words what the answers
            have, what the references have, and what both have.

    Returns:
        Shape (rows,), from 0 to 1.
    """
    predicted, reference, both = (sums[:, place::3] for place in range(3))
    occur = (predicted > 0) & (reference > 0)
    orders = np.maximum(occur.sum(axis=1), 1)
    precision, recall = (
        np.where(occur, both / np.maximum(total, 1), 0.0).sum(axis=1) / orders
        for total in (predicted, reference)
    )
    under = BETA**2 * precision + recall
    score: Floats = np.divide(
        (1 + BETA**2) * precision * recall, under, out=np.zeros_like(under), where=under > 0
    )
    return score


MEASURES: Mapping[str, Callable[[Floats], Floats]] = {"BLEU": bleu, "chrF++": chrf}


@dataclass(frozen=True, slots=True)
class CorpusOverlap:
    """BLEU or chrF++ over all answers, from 0 to 1: the counts are summed, not the scores.

    It reads the counts that the scorer `rewrite_overlap` leaves as explanations. 95 % percentile
    interval over resampled clusters. Of what is missing not even the length is known, so that
    nothing bounds it.

    >>> counts, each = ["[4, 3, 2, 1, 4, 3, 2, 1, 4, 4]", None], np.arange(2)
    >>> values, metric = np.array(counts, object), Metric(0.0, 1.0, Direction.HIGHER)
    >>> row = CorpusOverlap("BLEU").estimate(values, each, each, metric)
    >>> round(row.estimate, 6), row.n_failed, row.worst
    (1.0, 1, 0.0)

    Args:
        measure: `BLEU` or `chrF++`.

    Raises:
        HarnessError: there is no such measure.
    """

    measure: str
    explained: ClassVar[bool] = True
    range: ClassVar[str] = "share"

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise HarnessError(f"measure={self.measure!r} is not one of {', '.join(MEASURES)}")

    @property
    def name(self) -> str:
        """Its name in tables."""
        return "of all texts"

    def estimate(
        self, values: NDArray[Any], samples: Labels, clusters: Labels, metric: Metric
    ) -> Estimate:
        """The measure of all counts; None is missing."""
        read = [json.loads(item) if isinstance(item, str) else None for item in values]
        present = np.array([item is not None for item in read], dtype=bool)
        table = np.array([item for item in read if item is not None], dtype=float)
        codes = np.unique(np.asarray(clusters)[present], return_inverse=True)[1]
        count = int(codes.max()) + 1 if len(codes) else 0
        counts = Counts(len(values), len(table), len(values) - len(table), count)
        if not len(table):
            return Estimate.unknown(counts, metric.worst(), metric.best())
        of_sums = MEASURES[self.measure]
        value = float(of_sums(table.sum(axis=0)[None])[0])
        bounds = (metric.worst(), metric.best()) if counts.n_failed else (value, value)
        if count < 2:
            return Estimate(value, None, None, None, *bounds, *counts)
        sums = np.zeros((count, table.shape[1]))
        np.add.at(sums, codes, table)
        drawn = np.vstack([block @ sums for block in times_drawn(count, RESAMPLES)])
        return Estimate(value, *interval_of(of_sums(drawn), value, count), *bounds, *counts)
