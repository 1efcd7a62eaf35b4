"""Which difference a comparison could show, before it is made."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np

from harness.statistics.arrays import Floats
from harness.statistics.hidden_changes import share_unseen
from harness.statistics.intervals import FEW_CLUSTERS, critical_value, power_value
from harness.statistics.paired_data import PairedData
from harness.statistics.strata import Design, degrees_lost


def could_show(
    design: Design, reach: float, spread: float | None, *, bounded: bool = True
) -> float:
    """The smallest difference that such pairs would show with 80 % power, `reach` at the most.

    However alike they come out, a share of them that change as far as the scale allows may stay
    unseen, and what that would undo cannot be shown either.

    >>> round(could_show(Design(np.arange(100)), 4.0, 1.0), 3)  # 2.80 x 1 / 10
    0.28

    Args:
        design: of the pairs, the clusters that are drawn and what is fixed.
        reach: the most that a difference can be.
        spread: as `spread_of` gives it; None: the worst that the scale allows, half of all going
            from one end to the other and half back, whole clusters alike.
        bounded: as in `Scale`: whether what is unseen may lie at the ends of the scale.
    """
    everything = np.ones(len(design.clusters), dtype=np.bool_)
    codes, strata = design.codes(everything)
    sizes = np.bincount(codes).astype(float)
    clusters, n = len(sizes), len(codes)
    if clusters < 2:
        return reach
    freedom = clusters - degrees_lost(codes, strata)
    if freedom < 1:
        return reach
    stderr = reach * sqrt(float((sizes**2).sum())) / n
    if spread is not None:
        stderr = min(stderr, spread / sqrt(clusters))
    reached = critical_value(freedom if clusters < FEW_CLUSTERS else inf) + power_value()
    unseen = share_unseen(sizes)
    hidden = reach * min(1.0, unseen / (1 - unseen)) if unseen < 1 else reach
    return min(reach, max(reached * stderr, hidden if bounded else 0.0))


def spread_of(values: Floats, design: Design, reach: float) -> float | None:
    """How far a difference of two such sides would vary from cluster to cluster.

    They are taken to be as unlike on a sample as chance alone makes them, which overstates it where
    both sides answer alike. None: the values show no spread.

    >>> spread = spread_of(np.array([0.0, 1.0] * 50), Design(np.arange(100)), 1.0)
    >>> round(spread, 3)  # sqrt(2) x .503
    0.711

    Args:
        values: of each sample of one side; NaN is missing.
        design: of the samples.
        reach: the most that a difference can be.
    """
    data = PairedData.of(values, design, reach, reach)
    return sqrt(2) * data.stderr * sqrt(data.clusters) if data.stderr else None
