"""Statistics of agreement between a scorer and people, and among people, with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.statistics.bootstrap import percentile_interval, resamples
from harness.statistics.intervals import Ends

Values = NDArray[np.float64]
AGREEMENT_RESAMPLES = 2000
"""Percentiles at 2.5 % then rest on 50 resamples beyond them."""
Statistic = Callable[..., float]
Measurement = Literal["nominal", "ordinal", "interval"]


def auc(labels: Values, values: Values) -> float:
    """Area under the ROC curve, from 0 to 1; .5 is chance, ties count half (Mann and Whitney 1947).

    >>> labels, values = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])
    >>> auc(labels, values)
    0.75

    Args:
        labels: 1 where people say that the property is there, else 0.
        values: of the scorer; higher ought to mean 1.

    Returns:
        NaN where all labels are the same.
    """
    from scipy.stats import rankdata

    positive = labels == 1
    n = np.count_nonzero(positive)
    m = len(positive) - n
    if not n or not m:
        return nan
    return float((rankdata(values)[positive].sum() - n * (n + 1) / 2) / (n * m))


def pearson(ratings: Values, others: Values) -> float:
    """Linear correlation, from -1 to 1; NaN where either does not vary.

    >>> labels, values = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])
    >>> round(pearson(labels, values), 3)
    0.577
    """
    if np.ptp(ratings) == 0 or np.ptp(others) == 0:
        return nan
    return float(np.corrcoef(ratings, others)[0, 1])


def spearman(ratings: Values, others: Values) -> float:
    """Rank correlation, from -1 to 1, ties at their mean rank; NaN where either does not vary.

    >>> labels, values = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])
    >>> round(spearman(labels, values), 3)
    0.577
    """
    from scipy.stats import rankdata

    return pearson(rankdata(ratings), rankdata(others))


def kappa(ratings: Values, others: Values, quadratic: bool = False) -> float:
    """Cohen's kappa, at most 1; 0 is the agreement of chance (Cohen 1960, weighted 1968).

    >>> labels, values = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])
    >>> kappa(labels, values)
    0.5

    Args:
        ratings: a rater's categories.
        others: another's, of the same items.
        quadratic: weigh a disagreement by its squared distance, for ordered levels.

    Returns:
        NaN where both always give one and the same category.
    """
    disagreement = (ratings - others) ** 2 if quadratic else (ratings != others).astype(float)
    levels, first = np.unique(ratings, return_counts=True)
    other_levels, second = np.unique(others, return_counts=True)
    pairs = levels[:, None] - other_levels[None, :]
    cost = pairs**2 if quadratic else (pairs != 0).astype(float)
    expected = float(first @ cost @ second) / len(ratings) ** 2
    return 1 - float(disagreement.mean()) / expected if expected else nan


def quadratic_kappa(ratings: Values, others: Values) -> float:
    """Cohen's kappa for ordered levels, at most 1; 0 is chance.

    >>> labels, values = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])
    >>> quadratic_kappa(labels, values)
    0.5
    """
    return kappa(ratings, others, quadratic=True)


def accuracy(labels: Values, predicted: Values) -> float:
    """The share that is said as people say it, from 0 to 1.

    >>> labels, values = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])
    >>> accuracy(labels, values)
    0.75
    """
    return float((labels == predicted).mean())


def precision(labels: Values, predicted: Values) -> float:
    """The share of what is predicted 1 that is 1, from 0 to 1; NaN where nothing is.

    >>> labels, values = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])
    >>> round(precision(labels, values), 3)
    0.667
    """
    flagged = predicted == 1
    count = np.count_nonzero(flagged)
    return float(np.count_nonzero(flagged & (labels == 1)) / count) if count else nan


def recall(labels: Values, predicted: Values) -> float:
    """The share of what is 1 that is predicted so, from 0 to 1; NaN where nothing is 1.

    >>> labels, values = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])
    >>> recall(labels, values)
    1.0
    """
    return precision(predicted, labels)


def f1(labels: Values, predicted: Values) -> float:
    """Harmonic mean of precision and recall, from 0 to 1; NaN where nothing is or is said to be 1.

    It is 2 TP / (2 TP + FP + FN).

    >>> labels, values = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])
    >>> f1(labels, values)
    0.8
    """
    yes, flagged = labels == 1, predicted == 1
    both, either = (
        np.count_nonzero(yes & flagged),
        np.count_nonzero(yes) + np.count_nonzero(flagged),
    )
    return float(2 * both / either) if either else nan


def macro_f1(labels: Values, predicted: Values) -> float:
    """Unweighted mean of the F1 of each label, from 0 to 1."""
    levels = np.unique(labels)
    return float(np.mean([f1((labels == x) * 1.0, (predicted == x) * 1.0) for x in levels]))


def krippendorff_alpha(ratings: Values, level: Measurement) -> float | None:
    """Krippendorff's alpha, at most 1; 0 is chance (Krippendorff 2011, Computing alpha).

    >>> krippendorff_alpha(np.array([[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]), "nominal")
    1.0

    Args:
        ratings: shape (raters, items); NaN where a rater did not rate.
        level: how far two values are apart: whether they differ, in ranks, or in value.

    Returns:
        None where no item has two ratings, or all ratings are the same.
    """
    ratings = ratings[:, (~np.isnan(ratings)).sum(axis=0) >= 2]
    values = np.unique(ratings[~np.isnan(ratings)])
    if len(values) < 2:
        return None
    counts = np.stack([(ratings == value).sum(axis=0) for value in values], axis=1).astype(float)
    of_item = counts.sum(axis=1, keepdims=True)
    weighted = counts / (of_item - 1)
    coincidences = weighted.T @ counts - np.diag(weighted.sum(axis=0))
    totals = coincidences.sum(axis=0)
    distance = _distances(values, totals, level)
    expected = np.outer(totals, totals) - np.diag(totals)
    observed = float((coincidences * distance).sum())
    return 1 - float(totals.sum() - 1) * observed / float((expected * distance).sum())


def _distances(values: Values, totals: Values, level: Measurement) -> Values:
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    if level == "interval":
        apart: Values = (values[:, None] - values[None, :]) ** 2
        return apart
    reached = np.cumsum(totals) - totals / 2  # of each value half its own and all below
    ranks: Values = (reached[:, None] - reached[None, :]) ** 2
    return ranks


def interval(
    statistic: Statistic, *arrays: Values, clusters: NDArray[np.intp] | None = None
) -> Ends | tuple[None, None]:
    """95 % percentile bootstrap interval of a statistic of paired arrays (Efron 1979).

    >>> low, high = interval(accuracy, np.array([0.0, 1.0] * 20), np.ones(40))
    >>> 0.3 < low < 0.5 < high < 0.7
    True

    Args:
        statistic: of the arrays.
        arrays: of one length, resampled together.
        clusters: which items belong together, as several answers to one request do; None: none.

    Returns:
        The ends; None where a tenth or more of the resamples cannot say, or all say the same: no
        spread in the sample, as of a perfect agreement, is no proof that there is none.
    """
    return intervals_of([(statistic, arrays)], clusters)[0]


def intervals_of(
    asked: Sequence[tuple[Statistic, Sequence[Values]]], clusters: NDArray[np.intp] | None = None
) -> list[Ends | tuple[None, None]]:
    """`interval` of several statistics, each with its arrays: all over the same resamples.

    >>> labels, guesses = np.array([0.0, 1.0] * 20), np.ones(40)
    >>> ends = intervals_of([(accuracy, (labels, guesses)), (accuracy, (guesses, labels))])
    >>> ends == [interval(accuracy, labels, guesses)] * 2
    True

    Args:
        asked: each statistic, and its arrays; all arrays are of one length.
        clusters: as `interval` takes them.

    Returns:
        The ends of each, as `interval` gives them.
    """
    n = len(asked[0][1][0])
    if clusters is not None and len(np.unique(clusters)) == n:  # each is its own
        clusters = None
    values = np.empty((len(asked), AGREEMENT_RESAMPLES))
    for number, rows in enumerate(resamples(n, AGREEMENT_RESAMPLES, clusters)):
        for drawn, (statistic, arrays) in zip(values, asked, strict=True):
            drawn[number] = statistic(*(array[rows] for array in arrays))
    return [_ends(drawn) for drawn in values]


def _ends(values: Values) -> Ends | tuple[None, None]:
    ends = percentile_interval(values)
    return ends if ends is not None and np.ptp(values[~np.isnan(values)]) > 0 else (None, None)
