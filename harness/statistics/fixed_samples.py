"""Differences on fixed samples: these prompts and no others, the answers alone being drawn.

The second of NIST AI 800-3's two estimands (2025): accuracy on a benchmark as it stands, beside
what would come of prompts like its own. Each sample is a stratum of its own, so the variance of
the mean is the sum over samples of that between the answers to each, over both sides. The degrees
of freedom are Satterthwaite's (1946, Biometrics Bulletin 2). What no answer showed may have stayed
unseen, as in `differences`: as many draws count as the side has that gave fewer answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.differences import PAIRED_RESAMPLES, Paired, paired
from harness.statistics.intervals import critical_value, power_value
from harness.statistics.paired_data import PairedData, Scale, Tested
from harness.statistics.pooling import pooled_difference
from harness.statistics.rates import chance_below
from harness.statistics.strata import Design
from harness.statistics.widening import widened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.types import Labels

ONE_ANSWER = "these samples, one answer each"
"""The method of a difference whose uncertainty nobody knows: one answer shows no spread."""


@dataclass(frozen=True, slots=True)
class FixedSamples:
    """How far the answers to each sample vary, on both sides.

    >>> before, after = np.zeros((1, 2)), np.array([[0.0, 1.0]])
    >>> FixedSamples.of((before, after), (True, True)).variances.tolist()
    [[0.0], [0.25]]
    """

    variances: Floats
    """Shape (sides that are drawn, samples): of the sample's mean; NaN where fewer than two answers
    were scored."""
    freedom: Floats
    """Likewise: degrees of freedom of each."""
    answers: int
    """In all, of the side that has fewer; 0 where nothing is drawn."""

    @classmethod
    def of(cls, sides: tuple[Floats, Floats], drawn: tuple[bool, bool]) -> FixedSamples:
        """From the values of each answer.

        Args:
            sides: of the baseline and the candidate, shape (samples, answers), NaN missing.
            drawn: whether the answers of each side vary from one time to the next; greedy ones
                do not.
        """
        chosen = [side for side, varies in zip(sides, drawn, strict=True) if varies]
        spreads = [_spread(side) for side in chosen]
        n = len(sides[0])
        counts = [int((~np.isnan(side)).sum()) for side in chosen]
        return cls(
            np.stack([v for v, _ in spreads]) if spreads else np.zeros((0, n)),
            np.stack([f for _, f in spreads]) if spreads else np.zeros((0, n)),
            min(counts, default=0),
        )


def _spread(side: Floats) -> tuple[Floats, Floats]:
    """The variance of each sample's mean, and its degrees of freedom."""
    known = ~np.isnan(side)
    counts = known.sum(axis=1)
    means = np.where(known, side, 0.0).sum(axis=1) / np.maximum(counts, 1)
    squares = np.where(known, (side - means[:, None]) ** 2, 0.0).sum(axis=1)
    variances = squares / np.maximum(counts - 1, 1) / np.maximum(counts, 1)
    return np.where(counts > 1, variances, np.nan), np.maximum(counts - 1, 1).astype(float)


def difference_of(
    differences: Floats,
    design: Labels | Design | FixedSamples,
    scale: Scale,
    resamples: int = PAIRED_RESAMPLES,
) -> Paired:
    """Test the mean of differences against zero and a margin, whatever is drawn.

    >>> before, after = np.zeros((100, 1)), np.tile([0.0, 1.0], (100, 1))
    >>> design = FixedSamples.of((before, after), (False, True))
    >>> found = difference_of(np.full(100, 0.5), design, Scale(0.2, 1.0))
    >>> found.difference, found.stderr
    (0.5, 0.05)

    Args:
        differences: candidate less baseline of each sample, the worse the higher; NaN has no part.
            With a row an imputation they are of clusters that are drawn, a value each.
        design: what is drawn: clusters of samples, or of fixed samples the answers.
        scale: what they are held against.
        resamples: of the bootstrap, where there is one.
    """
    if differences.ndim > 1:
        return pooled_difference(differences, scale)
    if not isinstance(design, FixedSamples):
        return paired(differences, design, scale, resamples)
    present = ~np.isnan(differences)
    known = differences[present]
    if not len(known):
        return _paired(0, None, None, method=ONE_ANSWER)
    mean = float(known.mean())
    if not len(design.variances):
        exact = Tested(
            mean, mean, float(mean <= 0), float(mean >= scale.margin), "these samples, greedy"
        )
        return _paired(len(known), mean, exact, stderr=0.0)
    if np.isnan(design.variances[:, present]).all(axis=1).any():
        return _paired(len(known), mean, None, method=ONE_ANSWER)
    return _drawn(known, _filled(design, present), scale)


def _filled(design: FixedSamples, present: NDArray[np.bool_]) -> FixedSamples:
    """Of what is present, samples without a variance having that of the others."""
    variances = design.variances[:, present]
    known = np.nanmean(variances, axis=1, keepdims=True)
    return FixedSamples(
        np.where(np.isnan(variances), known, variances), design.freedom[:, present], design.answers
    )


def _drawn(known: Floats, design: FixedSamples, scale: Scale) -> Paired:
    """By Student's t, made as unsure as changes that nobody saw would make it."""
    pairs, mean = len(known), float(known.mean())
    total = float(design.variances.sum())
    stderr = sqrt(total) / pairs
    tested = Tested(mean, mean, float(mean <= 0), float(mean >= scale.margin), "answers all alike")
    if stderr:
        freedom = total**2 / float((design.variances**2 / design.freedom).sum())
        width = critical_value(freedom) * stderr
        tested = Tested(
            low=mean - width,
            high=mean + width,
            p_worse=chance_below(-mean / stderr, freedom),
            p_margin=chance_below((mean - scale.margin) / stderr, freedom),
            method="these samples, Student's t over answers",
        )
    each = np.ones(design.answers)
    data = PairedData(
        known, each, each, each, 1, scale.margin, scale.reach, stderr, uneven=True, effect=1.0
    )
    if scale.bounded:
        tested = widened(tested, data)
    needed = (critical_value(np.inf) + power_value()) * stderr / scale.margin
    enough = pairs * max(tested.enough / design.answers, needed**2)
    result = _paired(pairs, mean, tested, stderr=stderr, enough=int(np.ceil(enough)))
    return result if scale.bounded or stderr else _paired(pairs, mean, None, method=tested.method)


def _paired(
    pairs: int,
    mean: float | None,
    tested: Tested | None,
    stderr: float | None = None,
    enough: int = 0,
    method: str = "",
) -> Paired:
    """The record of a test; None: nothing is sure."""
    return Paired(
        difference=mean,
        stderr=stderr,
        low=tested.low if tested else None,
        high=tested.high if tested else None,
        p_worse=tested.p_worse if tested else 1.0,
        p_margin=tested.p_margin if tested else 1.0,
        method=tested.method if tested else method,
        pairs=pairs,
        clusters=pairs,
        enough=enough,
    )
