"""What a difference says however often one looks, at one checkpoint after another.

A gate at 2.5 % that is asked after each of 50 checkpoints is wrong about some of them sooner or
later. Here each look's p-value is made an e-value (Vovk and Wang 2021, E-values: calibration,
combination and applications, Annals of Statistics 49, equation 2). Their sum, the k-th weighted by
1 / (k (k + 1)), is an e-value too, whatever the looks have in common: its mean is 1 at the most
where nothing is worse, since the weights sum to 1. So it reaches 20 in one training of 20 at the
most (Markov), over all looks together. Each interval is at its weight's share of the level, so that
all of them hold together in 95 of 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import inf, log

from harness.statistics import FEW_CLUSTERS, Ends, Paired

LEVEL = 0.05
"""The chance that any look of a training is a false alarm, or that any interval misses."""
ALARM = 1 / LEVEL
LEAST_CHANCE = 1e-300


def running(looks: Sequence[Paired]) -> list[float]:
    """The evidence so far after each look that a checkpoint is worse: 20 or more is an alarm.

    Args:
        looks: how each checkpoint differs from the first, in the order in which they were looked
            at.
    """
    shares = [weight(k) * e_value(look.p_worse) for k, look in enumerate(looks, 1)]
    return list(accumulate(shares))


def e_value(p: float) -> float:
    """A p-value as evidence: the mean of k p^(k - 1) over k from 0 to 1, which is 1 on average.

    >>> round(e_value(1.0), 3), round(e_value(0.01), 1)
    (0.5, 4.5)
    """
    p = max(p, LEAST_CHANCE)
    if p > 1 - 1e-4:
        return 0.5  # its limit at 1
    return (1 - p + p * log(p)) / (p * log(p) ** 2)


def weight(k: int) -> float:
    """What the k-th look counts; all of them together sum to 1.

    >>> weight(1), weight(4)
    (0.5, 0.05)
    """
    return 1 / (k * (k + 1))


def interval_at(k: int, look: Paired) -> Ends | None:
    """The interval of the k-th look: all of a training's hold together in 95 of 100.

    It is the look's own 95 % interval, stretched as Student's t or the normal is at its level.

    Returns:
        In the unit of the difference; None where the look has none.
    """
    from scipy.special import ndtri, stdtrit

    if look.difference is None or look.low is None or look.high is None:
        return None
    freedom = look.clusters - 1 if look.clusters < FEW_CLUSTERS else inf
    levels = (1 - LEVEL / 2, 1 - LEVEL * weight(k) / 2)
    once, always = (
        float(ndtri(level) if freedom == inf else stdtrit(freedom, level)) for level in levels
    )
    below, above = look.difference - look.low, look.high - look.difference
    return Ends(look.difference - below * always / once, look.difference + above * always / once)
