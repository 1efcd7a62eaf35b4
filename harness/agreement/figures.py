"""Measures a scorer against labels of people, and people against each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from math import isnan, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data import Labelled
from harness.statistics import (
    Measurement,
    Statistic,
    accuracy,
    auc,
    f1,
    intervals_of,
    kappa,
    krippendorff_alpha,
    pearson,
    precision,
    quadratic_kappa,
    recall,
    spearman,
)
from harness.types import Metric
from harness.validity import Figure

Values = NDArray[np.float64]
Asked = tuple[str, Statistic, Sequence[Values]]
"""A figure's name, what it is, and of what."""
LEVELS = 10
"""Distinct whole labels that are still levels; more are a measure."""


def figures(
    labelled: Sequence[Labelled], values: Values, metric: Metric, kind: LabelKind
) -> list[Figure]:
    """The agreement of a scorer's values with labels, over all answers and in each group.

    Args:
        labelled: answers with labels.
        values: of the scorer, NaN where it gave none: those are left out.
        metric: that the values are of.
        kind: how labels and values are read.
    """
    known = ~np.isnan(values)
    items = [item for item, has in zip(labelled, known, strict=True) if has]
    values, labels = values[known], np.array([item.label for item in items])
    clusters = clusters_of(items)
    agreement = _all(labels, values, metric, kind, clusters, None)
    groups = sorted({item.group for item in items if item.group is not None})
    for group in groups if len(groups) > 1 else []:
        chosen = np.array([item.group == group for item in items])
        agreement += _all(labels[chosen], values[chosen], metric, kind, clusters[chosen], group)
    return agreement


def people(labelled: Sequence[Labelled]) -> list[Figure]:
    """The agreement of raters: mean kappa over pairs, its quadratic form, and Krippendorff's alpha.

    Both on answers that two people or more labelled; none where no two did.
    """
    raters = max((len(item.raters) for item in labelled), default=0)
    if raters < 2:
        return []
    ratings = np.array([item.raters for item in labelled]).T
    both = ratings[:, (~np.isnan(ratings)).sum(axis=0) >= 2]
    levels = set(np.unique(both[~np.isnan(both)]).tolist())
    ordered = len(levels) > 2
    statistics: dict[str, Statistic] = {"kappa": _pairs(kappa)}
    if ordered:
        statistics["quadratic_kappa"] = _pairs(quadratic_kappa)
    level: Measurement = "ordinal" if ordered else "nominal"

    def alpha(*rows: Values) -> float:
        value = krippendorff_alpha(np.stack(rows), level)
        return nan if value is None else value

    statistics[f"alpha_{level}"] = alpha
    return _figures([(name, each, list(both)) for name, each in statistics.items()], None, None)


def confusion(
    labels: Values, values: Values, metric: Metric, kind: LabelKind
) -> list[dict[str, Any]]:
    """Counts of each label with each thing that the scorer said; empty for labels of no levels."""
    known = ~np.isnan(values)
    labels, values = labels[known], values[known]
    if kind.binary:
        verdicts = (values >= kind.threshold).astype(float)
        labels = (labels >= kind.positive).astype(float)
    elif kind.levels:
        verdicts = np.round(values)
    else:
        return []
    pairs, counts = np.unique(np.stack([labels, verdicts]), axis=1, return_counts=True)
    return [
        {"label": float(label), "scorer": float(verdict), "n": int(count)}
        for label, verdict, count in zip(*pairs, counts, strict=True)
    ]


class LabelKind:
    """What kind the labels are, and where yes begins in labels and values.

    Args:
        labels: of people.
        metric: that they are labels of.
        positive: label from which on an answer is a yes; None: 1 where labels are 0 and 1.
        threshold: value from which on the scorer says yes; None: the middle of the range.
    """

    def __init__(
        self, labels: Values, metric: Metric, positive: float | None, threshold: float | None
    ) -> None:
        kinds = np.unique(labels)
        zero_one = set(kinds.tolist()) <= {0.0, 1.0}
        self.levels = (
            not zero_one and len(kinds) <= LEVELS and bool((kinds == np.round(kinds)).all())
        )
        self.binary = zero_one or positive is not None
        self.ordered = not zero_one
        self.positive = 1.0 if positive is None else positive
        self.threshold = (metric.low + metric.high) / 2 if threshold is None else threshold


def _all(
    labels: Values,
    values: Values,
    metric: Metric,
    kind: LabelKind,
    clusters: NDArray[np.intp],
    group: str | None,
) -> list[Figure]:
    asked: list[Asked] = []
    if kind.binary:
        yes = (labels >= kind.positive).astype(float)
        verdicts = (values >= kind.threshold).astype(float)
        asked.append(("auc", auc, [yes, values]))
        asked += [(name, statistic, [yes, verdicts]) for name, statistic in BINARY.items()]
    if kind.levels:
        rounded = [labels, np.round(values)]
        asked.append(("quadratic_kappa", quadratic_kappa, rounded))
        asked.append(("accuracy_of_levels", accuracy, rounded))
    if kind.ordered:
        asked += [(name, statistic, [labels, values]) for name, statistic in CORRELATIONS.items()]
    return _figures(asked, clusters, group) if asked else []


BINARY: Mapping[str, Statistic] = {
    "kappa": kappa,
    "f1": f1,
    "precision": precision,
    "recall": recall,
    "accuracy": accuracy,
    "share_of_yes": lambda labels, _verdicts: float(labels.mean()),
}
CORRELATIONS: Mapping[str, Statistic] = {
    "pearson": pearson,
    "spearman": spearman,
}


def _figures(
    asked: Sequence[Asked], clusters: NDArray[np.intp] | None, group: str | None
) -> list[Figure]:
    n = len(asked[0][2][0])
    values = [statistic(*arrays) if n else nan for _, statistic, arrays in asked]
    ends: Sequence[tuple[float | None, float | None]] = [(None, None)] * len(asked)
    if n > 1:
        ends = intervals_of([(statistic, arrays) for _, statistic, arrays in asked], clusters)
    return [
        Figure(name, None if isnan(value) else value, low, high, n, group)
        for (name, *_), value, (low, high) in zip(asked, values, ends, strict=True)
    ]


def _pairs(statistic: Callable[[Values, Values], float]) -> Statistic:
    """The mean of a statistic of two raters over all pairs that rated something together."""

    def mean(*rows: Values) -> float:
        values = []
        for first, second in combinations(rows, 2):
            both = ~np.isnan(first) & ~np.isnan(second)
            if both.any():
                values.append(statistic(first[both], second[both]))
        return float(np.mean(values)) if values else nan

    return mean


def clusters_of(items: Sequence[Labelled]) -> NDArray[np.intp]:
    """Answers to one request belong together."""
    names = [item.prompt or f"\0{number}" for number, item in enumerate(items)]
    return np.unique(names, return_inverse=True)[1]
