"""Corrects a mean of scores by human labels for a random part of what was scored."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, inf, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.statistics.arrays import Floats
from harness.statistics.intervals import Ends, critical_value, variance_of_sum, wilson

FEWEST_FREEDOM = 4
"""Degrees of freedom that an interval has at least where the spread of its labels is hardly known:
with fewer, Student's quantile grows beyond what the simulation in docs/statistics.md asks for."""
UNSEEN = 0.75
"""How frequent a kind of label is reckoned to be, beside all that are unlike the others, that may
have been missed: so much as the simulation asks for."""
TOO_FEW = "too few labels: there must be two of each stratum drawn from, and of two clusters"


@dataclass(frozen=True, slots=True)
class Corrected:
    """A mean as people would have it, with its 95 % interval; None where labels cannot say."""

    estimate: float | None
    low: float | None
    high: float | None
    n_labelled: int
    weight: float | None = None
    """How far the scores are trusted, from 0 (labels alone) to 1 (PPI's lambda)."""
    reason: str | None = None
    """Why there is no interval."""
    n: int = 0
    """Everything that was scored."""
    unavoidable: float = 0.0
    """The share of its variance, from 0 to 1, that labels for everything would leave."""

    @property
    def half_width(self) -> float | None:
        """Half of the interval's width, in the unit of the estimate."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    def labels_needed(self, half_width: float) -> int | None:
        """How many labels the same draw is expected to need for an interval as narrow as this.

        The variance is A (1 / n - 1 / N) + B, of which labels shrink the first part alone.

        Args:
            half_width: wanted, in the unit of the estimate.

        Returns:
            None where labels for everything are expected to leave it wider, or nothing is known.
        """
        if not self.half_width:
            return None
        if self.half_width <= half_width:
            return self.n_labelled
        allowed = (half_width / self.half_width) ** 2 - self.unavoidable
        if allowed <= 0 or self.unavoidable >= 1:
            return None
        gap = 1 / self.n_labelled - 1 / self.n
        return min(self.n, ceil(1 / (1 / self.n + allowed / (1 - self.unavoidable) * gap)))


@dataclass(frozen=True, slots=True)
class PartlyLabelled:
    """What was scored, and people's labels for a part of it that was drawn at random.

    >>> PartlyLabelled.of(np.array([0.5]), np.array([1.0]), np.array([0.0])).labels
    array([nan,  0.])

    Attributes:
        scores: shape (n,), none missing.
        labels: shape (n,), NaN where nobody labelled.
        clusters: shape (n,), which cluster each is of, labelled or not.
        strata: shape (n,), what it was drawn from: all of a stratum with the same chance, so that
            each labelled one stands for as many as its stratum has of each labelled one.
    """

    scores: Floats
    labels: Floats
    clusters: NDArray[np.intp]
    strata: NDArray[np.intp]

    @classmethod
    def of(cls, scores: Floats, labelled: Floats, labels: Floats) -> PartlyLabelled:
        """One stratum, each its own cluster.

        Args:
            scores: of what nobody labelled.
            labelled: scores of what people labelled.
            labels: of people, for the same.
        """
        n = len(scores) + len(labelled)
        known = np.concatenate([np.full(len(scores), np.nan), labels])
        alike = np.zeros(n, dtype=np.intp)
        return cls(np.concatenate([scores, labelled]), known, np.arange(n), alike)


def prediction_powered(part: PartlyLabelled, low: float, high: float) -> Corrected:
    """Prediction-powered mean: the scores' mean, moved by how far they are off where people looked.

    theta = l mean(scores of the rest) + mean(labels - l scores of the labelled), with the l that
    makes the variance smallest (PPI++, Angelopoulos et al. 2023, arXiv 2311.01453, section 6),
    between 0 and 1; over strata the same in each, weighted by their sizes.

    The interval is not the normal one, which lies too low where harm is rare: it is a score
    interval, as Wilson's (1927), for a variance that grows with the mean as m (1 - m) does over the
    metric's range. How many labels it is worth is the ratio of the two where the labels' own mean
    is, and the quantile is Student's by Satterthwaite's degrees of freedom (1946) of that ratio:
    infinitely many for labels of yes and no, few where few labels carry the spread. Where few
    labels are unlike the others and not at the far end, a part of what their spread lacks of the
    widest is added (`UNSEEN`): three levels of 2 among ones do not say that there is no 5.

    >>> scores, labels = np.array([0.0, 1.0] * 9), np.array([0.0, 1.0, 0.0, 1.0])
    >>> prediction_powered(PartlyLabelled.of(scores, labels, labels), 0.0, 1.0).estimate
    0.5

    Args:
        part: what was scored, and labels for a random part of it.
        low: end of the metric's range, which the estimate and its interval keep to.
        high: the other end.
    """
    labelled, n = ~np.isnan(part.labels), len(part.scores)
    n_labelled = int(labelled.sum())
    strata = np.unique(part.strata, return_inverse=True)[1]
    sizes = np.bincount(strata)
    counts = np.bincount(strata[labelled], minlength=len(sizes))
    few = (counts < 2) & (counts < sizes)
    if few.any() or len(np.unique(part.clusters[labelled])) < 2:
        return Corrected(None, None, None, n_labelled, reason=TOO_FEW, n=n)
    fit, width = _fit(part, labelled, strata, Ends(low, high)), high - low
    least, most = _ends(fit, part.clusters, labelled, strata)
    return Corrected(
        low + width * fit.mean,
        low + width * least,
        low + width * most,
        n_labelled,
        fit.weight * (1 - n_labelled / n),
        n=n,
        unavoidable=fit.unavoidable,
    )


class _Fit(NamedTuple):
    """A corrected mean on a range of 0 to 1, and what each answer adds to its error."""

    mean: float
    weight: float
    labels: Floats
    label_mean: float
    """Of the labels alone, weighted by their strata."""
    spread: float
    """The labels' variance, likewise."""
    influence: Floats
    """Shape (n,); their sum of squares is the variance of the mean where none share a cluster."""
    worth: float
    """How many labels of one stratum the labels are as good as."""
    unavoidable: float


def _fit(
    part: PartlyLabelled, labelled: NDArray[np.bool_], strata: NDArray[np.intp], whole: Ends
) -> _Fit:
    """The corrected mean, where each stratum has two labels or is labelled whole."""
    scores = (part.scores - whole.low) / (whole.high - whole.low)
    labels = (part.labels[labelled] - whole.low) / (whole.high - whole.low)
    beside = scores[labelled]
    size, stratum_of, n = np.bincount(strata), strata[labelled], len(scores)
    drawn = np.bincount(stratum_of)
    share: Floats = size / n
    means = np.bincount(strata, scores) / size
    label_means = np.bincount(stratum_of, labels) / drawn
    score_means = np.bincount(stratum_of, beside) / drawn
    price: Floats = share**2 * (1 / drawn - 1 / size)  # of a stratum's variance in that of the mean
    freedom = np.maximum(drawn - 1, 1)  # a stratum of one that is labelled has no spread
    apart = (labels - label_means[stratum_of]) * (beside - score_means[stratum_of])
    shared = float((price / freedom)[stratum_of] @ apart)
    spread = float((price / np.maximum(size - 1, 1))[strata] @ (scores - means[strata]) ** 2)
    most = n / max(n - len(labels), 1)  # which is PPI's 1: its scores are those of the rest alone
    weight = min(max(shared / spread, 0.0), most) if spread > 0 else 0.0
    errors = labels - weight * beside
    error_means = np.bincount(stratum_of, errors) / drawn
    of_strata = weight * means + error_means
    mean = float(share @ of_strata)
    influence = (weight * (scores - means[strata]) + of_strata[strata] - mean) / n
    exact = (share / drawn * np.sqrt(drawn / freedom))[stratum_of]
    influence[labelled] += exact * (errors - error_means[stratum_of])
    label_mean = float(share @ label_means)
    of_labels = float((share / drawn)[stratum_of] @ (labels - label_mean) ** 2)
    variance = float(influence @ influence)
    return _Fit(
        mean=min(max(mean, 0.0), 1.0),
        weight=weight,
        labels=labels,
        label_mean=min(max(label_mean, 0.0), 1.0),
        influence=influence,
        worth=1 / float(share**2 @ (1 / drawn)),
        spread=of_labels,
        unavoidable=min(of_labels / n / variance, 1.0) if variance > 0 else 0.0,
    )


def _ends(
    fit: _Fit, clusters: NDArray[np.intp], labelled: NDArray[np.bool_], strata: NDArray[np.intp]
) -> Ends:
    """The score interval of a corrected mean, from 0 to 1."""
    numbers = np.unique(clusters, return_inverse=True)[1]
    sums = np.bincount(numbers, fit.influence)
    units, firsts = np.unique(numbers[labelled], return_index=True)
    count, variance = len(units), float(sums @ sums)
    if len(sums) < len(clusters):
        variance = variance_of_sum(variance, count)
    binary = fit.label_mean * (1 - fit.label_mean)
    if variance <= np.finfo(float).eps ** 2 or binary == 0:
        return _none_differs(fit, count)
    alike = int(np.unique(fit.labels, return_counts=True)[1].max())
    unlike = fit.worth * (1 - alike / len(fit.labels))
    variance *= 1 + (binary / fit.spread - 1) * exp(-UNSEEN * unlike)  # the chance to see none
    unit_sums, of_stratum = sums[units], strata[labelled][firsts]
    squares = np.bincount(of_stratum, unit_sums**2) / np.maximum(np.bincount(of_stratum), 1)
    slope = (1 - 2 * fit.label_mean) / binary
    # of the ratio's logarithm
    noise = (unit_sums**2 - squares[of_stratum]) / variance - slope * unit_sums
    relative = float(noise @ noise)
    freedom = min(2 / relative if relative > 0 else inf, count - 1)
    freedom = max(freedom, min(FEWEST_FREEDOM, count - 1))
    return wilson(fit.mean, binary / variance, critical_value(freedom))


def _none_differs(fit: _Fit, count: int) -> Ends:
    """Of labels that are all the same: none of so many differs, by as much as the range allows."""
    worth = fit.worth * min(1.0, count / len(fit.labels))
    _, width = wilson(0.0, worth, critical_value(count - 1))
    return Ends(max(0.0, fit.mean - width), min(1.0, fit.mean + width))


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
