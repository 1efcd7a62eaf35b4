"""Corrects a mean of scores by human labels for a random part of what was scored."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from harness.statistics.arrays import Floats
from harness.statistics.intervals import (
    critical_value,
    quantile,
    squares_of_clusters,
    variance_of_sum,
)


@dataclass(frozen=True, slots=True)
class Corrected:
    """A mean as people would have it, with its 95 % interval; None where labels cannot say."""

    estimate: float | None
    low: float | None
    high: float | None
    n_labelled: int
    weight: float | None = None
    """How far the scores are trusted, from 0 (labels alone) to 1 (PPI's lambda)."""


def prediction_powered(
    scores: Floats,
    labelled: Floats,
    labels: Floats,
    clusters: NDArray[np.intp],
    labelled_clusters: NDArray[np.intp],
    low: float,
    high: float,
) -> Corrected:
    """Prediction-powered mean: the scores' mean, moved by how far they are off where people looked.

    theta = l mean(scores of the rest) + mean(labels - l scores of the labelled), with the l that
    makes the variance smallest (PPI++, Angelopoulos et al. 2023, arXiv 2311.01453, section 6),
    between 0 and 1. The rest and the labelled are what a random draw made of one population.

    >>> scores, labels = np.array([0.0, 1.0] * 9), np.array([0.0, 1.0, 0.0, 1.0])
    >>> units = np.arange(18), np.arange(4)
    >>> prediction_powered(scores, labels, labels, *units, 0.0, 1.0).estimate
    0.5

    Args:
        scores: of what nobody labelled, none missing.
        labelled: scores of what people labelled.
        labels: of people, for the same.
        clusters: which cluster each unlabelled score is of, from 0 on.
        labelled_clusters: likewise of the labelled; clusters of the two are counted apart.
        low: end of the metric's range, which the estimate and its interval keep to.
        high: the other end.
    """
    n, rest = len(labels), len(scores)
    if n < 2 or rest < 2:
        return Corrected(None, None, None, n)
    covariance = float(np.cov(labels, labelled)[0, 1])
    spread = float(np.var(np.concatenate([scores, labelled]), ddof=1))
    weight = covariance / ((1 + n / rest) * spread) if spread > 0 else 0.0
    weight = min(max(weight, 0.0), 1.0)
    errors = labels - weight * labelled
    theta = weight * float(scores.mean()) + float(errors.mean())
    variance = _variance_of_mean(weight * scores, clusters) + _variance_of_mean(
        errors, labelled_clusters
    )
    if variance == 0:  # no spread among the labels is no proof that there is none
        return Corrected(min(max(theta, low), high), None, None, n, weight)
    units = max(2, len(np.unique(labelled_clusters)))  # one cluster is no more sure than two
    half = quantile(units) * sqrt(variance)
    middle, least, most = (
        min(max(value, low), high) for value in (theta, theta - half, theta + half)
    )
    return Corrected(middle, least, most, n, weight)


def rogan_gladen(scores: Floats, labelled: Floats, labels: Floats) -> Corrected:
    """Share of a property from a binary scorer whose errors are known (Rogan and Gladen 1978).

    p = (q + specificity - 1) / (sensitivity + specificity - 1), q the scorer's share; the interval
    is the delta method's, and all are kept to 0 to 1. There is none where nothing varies, which is
    no proof that nothing can.

    >>> labels = np.array([0.0, 0.0, 1.0, 1.0])
    >>> rogan_gladen(np.array([0.0, 1.0] * 9), labels, labels).estimate
    0.5

    Args:
        scores: 0 or 1, of everything that was scored.
        labelled: 0 or 1, the scores of what people labelled.
        labels: 0 or 1, of people, for the same.
    """
    positive, negative = labels == 1, labels == 0
    n = len(labels)
    if not positive.any() or not negative.any():
        return Corrected(None, None, None, n)
    sensitivity = float(labelled[positive].mean())
    specificity = float((labelled[negative] == 0).mean())
    youden = sensitivity + specificity - 1
    if youden <= 0:  # the scorer says nothing of the property, or the opposite
        return Corrected(None, None, None, n)
    share = float(scores.mean())
    theta = (share + specificity - 1) / youden
    variance = (
        share * (1 - share) / len(scores)
        + theta**2 * sensitivity * (1 - sensitivity) / int(positive.sum())
        + (1 - theta) ** 2 * specificity * (1 - specificity) / int(negative.sum())
    ) / youden**2
    if variance == 0:
        return Corrected(min(max(theta, 0.0), 1.0), None, None, n)
    half = critical_value(inf) * sqrt(variance)
    middle, least, most = (
        min(max(value, 0.0), 1.0) for value in (theta, theta - half, theta + half)
    )
    return Corrected(middle, least, most, n)


def _variance_of_mean(values: Floats, clusters: NDArray[np.intp]) -> float:
    """The square of the clustered standard error; 0 for a single cluster, which shows none."""
    squares, count = squares_of_clusters(values, np.unique(clusters, return_inverse=True)[1])
    return variance_of_sum(squares, count) / len(values) ** 2 if count > 1 else 0.0
