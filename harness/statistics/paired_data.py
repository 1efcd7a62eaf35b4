"""What tests of paired differences start from, counted once."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.hidden_changes import ALIKE, design_effect_of_unseen
from harness.statistics.intervals import FEW_CLUSTERS, variance_of_sum
from harness.statistics.strata import Design, degrees_lost, within_strata

FEW_CHANGES = 10
"""Samples with a difference, below which they are counted: Student's t and the bootstrap both need
a spread that so few do not show."""
MOST_HIDDEN = 0.5
"""Share of samples that hidden changes are reckoned for at the most: were more than half to change,
independent or together, a handful of clusters would show it."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What a difference is held against, in its own unit."""

    margin: float
    """Above zero."""
    reach: float
    """The most that it can be."""
    rate: bool = False
    """Whether what differs is yes or no."""
    bounded: bool = True
    """Whether values may lie anywhere on their scale, up to its ends; False where they come nowhere
    near them, as log-odds: nothing unseen is then taken to lie there."""


@dataclass(frozen=True, slots=True)
class PairedData:
    """Differences of pairs that there are, more being worse, with their clusters."""

    known: Floats
    """Shape (pairs,), none missing."""
    sums: Floats
    """Shape (clusters,): of each cluster's differences."""
    sizes: Floats
    """Shape (clusters,): of each cluster's pairs."""
    away: Floats
    """Shape (clusters,): of how far each cluster's differences are from their mean, or within
    strata from that of their stratum."""
    lost: int
    """Degrees of freedom that means take: one, or one a stratum."""
    margin: float
    reach: float
    """The most that a difference can be."""
    stderr: float
    """Of the mean, in its unit; 0 where nothing varies."""
    uneven: bool
    """Whether clusters differ in what their sums say."""
    effect: float
    """Design effect, at least 1: so many pairs count as one."""

    @classmethod
    def of(cls, differences: Floats, design: Design, margin: float, reach: float) -> PairedData:
        """Of differences, shape (pairs,), NaN having no part, and what each is of."""
        present = ~np.isnan(differences)
        known = differences[present]
        codes, strata = design.codes(present)
        sums, sizes = np.bincount(codes, known).astype(float), np.bincount(codes).astype(float)
        count = len(sums)
        if count < 2:
            return cls(known, sums, sizes, sums, 1, margin, reach, 0.0, uneven=False, effect=1.0)
        spread = known if strata is None else within_strata(known, codes, strata)
        plain = float(spread.std(ddof=1)) / sqrt(len(known))
        away = np.bincount(codes, spread) - float(known.mean()) * sizes
        stderr = sqrt(variance_of_sum(float((away**2).sum()), count)) / len(known)
        uneven = stderr > ALIKE * reach
        if not uneven:  # all clusters alike: the spread between samples, if there is any
            stderr = plain if plain > ALIKE * reach else 0.0
        alone = count == len(known)
        effect = max(1.0, (stderr / plain) ** 2) if stderr and not alone else 1.0
        changed = len(np.unique(codes[known != 0]))
        if not alone and changed < FEW_CHANGES and 2 * changed <= count:
            effect = max(effect, design_effect_of_unseen(min(margin / reach, MOST_HIDDEN), sizes))
        lost = degrees_lost(codes, strata)
        return cls(known, sums, sizes, away, lost, margin, reach, stderr, uneven, effect)

    @property
    def pairs(self) -> int:
        """How many differences there are."""
        return len(self.known)

    @property
    def clusters(self) -> int:
        """How many clusters they come in."""
        return len(self.sums)

    @property
    def alone(self) -> bool:
        """Whether each pair is its own cluster."""
        return self.clusters == self.pairs

    @property
    def mean(self) -> float:
        """The mean difference."""
        return float(self.known.mean())

    @property
    def worse(self) -> float:
        """How many pairs got worse, each counting 1 / effect."""
        return int((self.known > 0).sum()) / self.effect

    @property
    def better(self) -> float:
        """How many pairs got better, each counting 1 / effect."""
        return int((self.known < 0).sum()) / self.effect

    @property
    def trials(self) -> float:
        """How many independent pairs these are worth."""
        return self.pairs / self.effect

    @property
    def freedom(self) -> float:
        """Degrees of freedom of a score whose spread is taken from clusters."""
        few = not self.alone and self.clusters < FEW_CLUSTERS
        return self.clusters - self.lost if few and self.stderr else inf


@dataclass(frozen=True, slots=True)
class Tested:
    """What one method says of paired data."""

    low: float
    """Lower end of the 95 % interval of the mean difference, in its unit."""
    high: float
    p_worse: float
    """Of no difference or less (one-sided)."""
    p_margin: float
    """Of a difference of the margin or more (one-sided)."""
    method: str
    enough: float = 0.0
    """Pairs that would do, as far as this method knows more than the standard error says."""
