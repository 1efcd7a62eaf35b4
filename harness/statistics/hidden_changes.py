"""Changes that a sample may not have shown."""

from __future__ import annotations

from math import log

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.intervals import ONE_SIDED_LEVEL

ALIKE = 1e-9
"""Of the reach: what differs by less is rounding."""
CORRELATION = 0.25
"""How far the samples of a cluster are taken to change together, while few are seen to change.

A cautious choice of this project's, not a measured one: changes that nobody saw have no correlation
to measure. `python -m benchmarks.gate` simulates clusters of 8 that change together by as much.
"""
LEAST_LOGARITHM = -700.0
"""Of which the exponential is still a number above zero."""


def unseen(share: float, sizes: Floats) -> float:
    """The chance that of no cluster any sample changed, where this share of samples changes.

    What changes in a cluster is taken to be alike by an intra-cluster correlation of up to
    `CORRELATION` (beta-binomial); of clusters of one it is (1 - share) ** n.

    >>> round(unseen(0.1, np.ones(20)), 6) == round(0.9**20, 6)
    True

    Args:
        share: from 0 to 1.
        sizes: shape (clusters,), how many samples each holds.
    """
    from scipy.special import gammaln

    if share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    strength = (1 - CORRELATION) / CORRELATION
    a, b = share * strength, (1 - share) * strength
    counts = np.bincount(sizes.astype(np.intp))  # clusters of one size say the same
    size = np.flatnonzero(counts)
    none = gammaln(b + size) - gammaln(a + b + size) + gammaln(a + b) - gammaln(b)
    return float(np.exp(max(none @ counts[size], LEAST_LOGARITHM)))


def design_effect_of_unseen(share: float, sizes: Floats) -> float:
    """How many samples in clusters show as little as one alone, of a change this rare."""
    return float(sizes.sum()) * log(1 - share) / log(unseen(share, sizes))


def share_unseen(sizes: Floats) -> float:
    """The largest share of samples that could change unseen, but for one time in 40."""
    from scipy.optimize import brentq

    return float(brentq(lambda share: unseen(share, sizes) - ONE_SIDED_LEVEL, 0.0, 1.0))
