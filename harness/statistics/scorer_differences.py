"""Two scorers of the same labelled answers against each other: paired differences and tests."""

from __future__ import annotations

from math import isnan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.statistics.agreement import AGREEMENT_RESAMPLES, Statistic, auc
from harness.statistics.arrays import Floats
from harness.statistics.bootstrap import percentile_interval, resamples
from harness.statistics.intervals import clustered_stderr, degrees_of_freedom, quantile
from harness.statistics.rates import chance_below, mcnemar


class ScorerDifference(NamedTuple):
    """How far the first scorer lies above the second, and whether chance alone gives that."""

    value: float
    low: float | None
    """Lower end of the 95 % interval; None where the labels cannot say."""
    high: float | None
    p: float
    """Two-sided, of no difference; 1 where the labels cannot say."""
    method: str


def auc_difference(
    labels: Floats, scores: Floats, other: Floats, clusters: NDArray[np.intp]
) -> ScorerDifference:
    """The difference of two areas under the ROC curve of the same answers.

    DeLong et al. (1988), A nonparametric approach, Biometrics 44; where answers share a cluster
    their components are summed in it (Obuchowski 1997, Biometrics 53).

    >>> labels, scores = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 2.0, 3.0])
    >>> auc_difference(labels, scores, -scores, np.arange(4)).value
    1.0

    Args:
        labels: 1 where people say that the property is there, else 0.
        scores: values of the first scorer; higher ought to mean 1.
        other: of the second.
        clusters: which answers belong together.
    """
    value = auc(labels, scores) - auc(labels, other)
    counts = [int((labels == kind).sum()) for kind in (0, 1)]
    if min(counts) < 2:
        return ScorerDifference(value, None, None, 1.0, "DeLong")
    apart = _components(labels, scores) - _components(labels, other)
    numbers = np.unique(clusters, return_inverse=True)[1]
    if numbers.max() + 1 == len(labels):
        n = np.where(labels == 1, counts[1], counts[0])
        stderr = float(np.sqrt((apart**2 * n / (n - 1)).sum()))
        return _tested(value, stderr, len(labels), "DeLong")
    stderr = (clustered_stderr(apart, numbers) or 0.0) * len(labels)
    return _tested(value, stderr, int(numbers.max()) + 1, "DeLong, by clusters")


def accuracy_difference(
    right: Floats, other_right: Floats, clusters: NDArray[np.intp]
) -> ScorerDifference:
    """The difference of two accuracies on the same answers, by McNemar's exact test (1947).

    Where answers share a cluster, by the spread of the clusters' differences instead.

    >>> accuracy_difference(np.array([1.0] * 8), np.array([0.0] * 7 + [1.0]), np.arange(8)).p
    0.015625

    Args:
        right: 1 where the first scorer says what people say, else 0.
        other_right: likewise of the second.
        clusters: which answers belong together.
    """
    apart = right - other_right
    value, numbers = float(apart.mean()), np.unique(clusters, return_inverse=True)[1]
    count = int(numbers.max()) + 1
    tested = _tested(value, clustered_stderr(apart, numbers) or 0.0, count, "by clusters")
    if count < len(right):
        return tested
    first, second = int((apart > 0).sum()), int((apart < 0).sum())
    p = min(1.0, 2 * min(mcnemar(first, second), mcnemar(second, first)))
    return tested._replace(p=p, method="McNemar exact")


def bootstrap_difference(
    statistic: Statistic,
    labels: Floats,
    scores: Floats,
    other: Floats,
    clusters: NDArray[np.intp],
) -> ScorerDifference:
    """The difference of any statistic of agreement, from answers (clusters) drawn anew together.

    >>> labels = np.arange(40.0) % 5
    >>> difference = bootstrap_difference(auc, labels > 2, labels, -labels, np.arange(40))
    >>> difference.value, round(difference.p, 3)
    (1.0, 0.001)

    Args:
        statistic: of labels and values.
        labels: of people.
        scores: values of the first scorer.
        other: of the second.
        clusters: which answers belong together.
    """

    def difference(rows: NDArray[np.intp] | slice) -> float:
        return statistic(labels[rows], scores[rows]) - statistic(labels[rows], other[rows])

    value = difference(slice(None))
    drawn = np.array(
        [difference(rows) for rows in resamples(len(labels), AGREEMENT_RESAMPLES, clusters)]
    )
    ends, known = percentile_interval(drawn), drawn[~np.isnan(drawn)]
    if ends is None or isnan(value):
        return ScorerDifference(value, None, None, 1.0, "paired bootstrap")
    beyond = min((known <= 0).sum(), (known >= 0).sum())
    p = min(1.0, 2 * (float(beyond) + 1) / (len(known) + 1))
    return ScorerDifference(value, *ends, p, "paired bootstrap")


def _components(labels: Floats, values: Floats) -> Floats:
    """What each answer adds to the error of its scorer's area; their sum is zero.

    Of a yes the share of noes below it (ties count half), of a no that of yeses above it, each less
    the area and over how many there are of its kind.
    """
    from scipy.stats import rankdata

    yes = labels == 1
    n, m = int(yes.sum()), int((~yes).sum())
    ranks = rankdata(values)
    placed = np.empty(len(values))
    placed[yes] = (ranks[yes] - rankdata(values[yes])) / m
    placed[~yes] = 1 - (ranks[~yes] - rankdata(values[~yes])) / n
    components: Floats = (placed - placed[yes].mean()) / np.where(yes, n, m)
    return components


def _tested(value: float, stderr: float, count: int, method: str) -> ScorerDifference:
    if not stderr or isnan(value):
        return ScorerDifference(value, None, None, 1.0, method)
    half = quantile(count) * stderr
    p = 2 * chance_below(-abs(value) / stderr, degrees_of_freedom(count))
    return ScorerDifference(value, max(-1.0, value - half), min(1.0, value + half), p, method)
