"""Changes that a sample may not have shown."""

from __future__ import annotations

from math import log, sqrt
from typing import TYPE_CHECKING

import numpy as np

from harness.statistics.arrays import Floats

if TYPE_CHECKING:
    pass


LEVEL = 0.025
"""Of each one-sided test, and so beyond each end of the 95 % interval."""
POWER = 0.8
ALIKE = 1e-9
"""Of the reach: what differs by less is rounding."""
CORRELATION = 0.25
"""How far the samples of a cluster are taken to change together, while few are seen to change."""
LEAST = -700.0
"""A logarithm of which the exponential is still a number above zero."""


def unseen(share: float, sizes: Floats) -> float:
    """The chance that of no cluster any sample changed, where this share of samples changes.

    What changes in a cluster is taken to be alike by an intra-cluster correlation of up to
    `CORRELATION` (beta-binomial); of clusters of one it is (1 - share) ** n.
    """
    from scipy.special import gammaln

    if share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    strength = (1 - CORRELATION) / CORRELATION
    a, b = share * strength, (1 - share) * strength
    none = gammaln(b + sizes) - gammaln(a + b + sizes) + gammaln(a + b) - gammaln(b)
    return float(np.exp(max(none.sum(), LEAST)))


def _share_unseen(sizes: Floats) -> float:
    """The largest share of samples that could change unseen, but for one time in 40."""
    from scipy.optimize import brentq

    return float(brentq(lambda share: unseen(share, sizes) - LEVEL, 0.0, 1.0))


def _enough_unseen(margin: float, reach: float, stderr: float, sizes: Floats) -> float:
    """Samples of which four in five sets would show that nothing unseen makes up the margin."""
    from scipy.special import ndtri

    n = enough = float(sizes.sum())
    for _ in range(20):  # the more samples, the nearer to none is what they show
        shown = float(ndtri(POWER)) * stderr * sqrt(n / enough)
        share = min(max((margin - shown) / reach, ALIKE), 1 - ALIKE)
        enough = max(1.0, n * log(LEVEL) / log(unseen(share, sizes)))
    return enough


def _effect_unseen(share: float, sizes: Floats) -> float:
    """How many samples in clusters show as little as one alone, of a change this rare."""
    return float(sizes.sum()) * log(1 - share) / log(unseen(share, sizes))
