"""Several scorers of one labelled file against each other, pair by pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.agreement.figures import LabelKind, Values, clusters_of
from harness.data import Labelled
from harness.statistics import (
    ScorerDifference,
    accuracy_difference,
    auc_difference,
    bootstrap_difference,
    holm,
    quadratic_kappa,
    spearman,
)


@dataclass(frozen=True)
class ScorerValues:
    """What a scorer gave to the labelled answers, and how it is read."""

    values: Values
    """NaN where it gave none."""
    kind: LabelKind


@dataclass(frozen=True)
class Pair:
    """Two scorers by one statistic, on the answers that both gave a value."""

    first: str
    second: str
    statistic: str
    difference: ScorerDifference
    p_adjusted: float
    """By Holm, over the pairs of this statistic."""
    n: int
    n_left_out: int
    """Answers that one of the two gave no value: more of them may be the harder ones."""


def compared(labelled: Sequence[Labelled], scorers: Mapping[str, ScorerValues]) -> list[Pair]:
    """Every two scorers by each statistic that the labels allow, with Holm's adjustment.

    Of labels of yes and no the area under the ROC curve (DeLong) and the accuracy at each one's
    threshold (McNemar); of levels the weighted kappa, of all that is ordered Spearman's
    correlation, by a paired bootstrap.

    Args:
        labelled: answers with labels.
        scorers: by name.
    """
    labels, clusters = np.array([item.label for item in labelled]), clusters_of(labelled)
    kind = next(iter(scorers.values())).kind
    pairs = list(combinations(scorers, 2))
    rows = []
    for name, difference in _statistics(kind):
        differences, known = [], []
        for pair in pairs:
            first, second = (scorers[scorer] for scorer in pair)
            both = ~np.isnan(first.values + second.values)
            known.append(int(both.sum()))
            parts = [ScorerValues(side.values[both], side.kind) for side in (first, second)]
            differences.append(difference(labels[both], *parts, clusters[both]))
        adjusted = holm([each.p for each in differences])
        for pair, each, p, n in zip(pairs, differences, adjusted, known, strict=True):
            rows.append(Pair(*pair, name, each, p, n, len(labels) - n))
    return rows


Clusters = NDArray[np.intp]
Compare = Callable[..., ScorerDifference]


def _statistics(kind: LabelKind) -> Iterator[tuple[str, Compare]]:
    if kind.binary:
        yield "auc", _auc
        yield "accuracy", _accuracy
    if kind.levels:
        yield "quadratic_kappa", _kappa
    if kind.ordered:
        yield "spearman", _spearman


def _auc(
    labels: Values, first: ScorerValues, second: ScorerValues, clusters: Clusters
) -> ScorerDifference:
    yes = (labels >= first.kind.positive).astype(float)
    return auc_difference(yes, first.values, second.values, clusters)


def _accuracy(
    labels: Values, first: ScorerValues, second: ScorerValues, clusters: Clusters
) -> ScorerDifference:
    yes = labels >= first.kind.positive
    right = [
        (yes == (side.values >= side.kind.threshold)).astype(float) for side in (first, second)
    ]
    return accuracy_difference(right[0], right[1], clusters)


def _kappa(
    labels: Values, first: ScorerValues, second: ScorerValues, clusters: Clusters
) -> ScorerDifference:
    sides = np.round(first.values), np.round(second.values)
    return bootstrap_difference(quadratic_kappa, labels, *sides, clusters)


def _spearman(
    labels: Values, first: ScorerValues, second: ScorerValues, clusters: Clusters
) -> ScorerDifference:
    return bootstrap_difference(spearman, labels, first.values, second.values, clusters)


def readings(scorers: Mapping[str, ScorerValues]) -> dict[str, Values]:
    """What each scorer says of each answer: 1 for yes and 0 for no, or the nearest level.

    NaN where it gave no value.
    """
    rounded = {}
    for name, scorer_values in scorers.items():
        values, kind = scorer_values.values, scorer_values.kind
        read = (values >= kind.threshold).astype(float) if kind.binary else np.round(values)
        rounded[name] = np.where(np.isnan(values), np.nan, read)
    return rounded


def alike(values_of: Mapping[str, Values]) -> dict[tuple[str, str], float]:
    """The share of answers of which two scorers say the same, of those that both read.

    >>> values_of = {"a": np.array([1.0, 0.0, np.nan]), "b": np.array([1.0, 1.0, 1.0])}
    >>> alike(values_of)["a", "b"]
    0.5
    """
    shares = {}
    for first, second in combinations(values_of, 2):
        both = ~np.isnan(values_of[first] + values_of[second])
        same = (values_of[first] == values_of[second])[both]
        shares[first, second] = shares[second, first] = float(same.mean()) if len(same) else np.nan
    return shares


def flips(values_of: Mapping[str, Values]) -> list[int]:
    """The places of the answers of which not all scorers say the same; none is unlike any."""
    rows = np.stack(list(values_of.values()))
    first = rows[0]
    same = ((rows == first) | (np.isnan(rows) & np.isnan(first))).all(axis=0)
    return np.flatnonzero(~same).tolist()
