"""Ranges of ranks that the data allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.statistics.arrays import Floats
from harness.statistics.intervals import FEW_CLUSTERS, degrees_of_freedom, quantile
from harness.statistics.multiple import holm
from harness.types import Direction, Estimate

FAMILY_LEVEL = 0.05
"""Chance that any of all the pairs is put in a wrong order."""


class RankRange(NamedTuple):
    """The ranks that a model may have; 1 is the best of all."""

    best: int
    worst: int


def rank_ranges(estimates: Sequence[Estimate], better: Direction) -> list[RankRange]:
    """Of each model the best and the worst rank that the data allow; 1 is the best.

    A model ranks surely above another where it is better even with all that it lacks at its worst
    and all that the other lacks at its best, by a difference that holds among all pairs (Holm 1979,
    at 5 % for the whole table; the ranges are then a joint confidence set for the ranks, as in
    Mogstad, Romano, Shaikh and Wilhelm 2024). The error of a difference is put together from the
    ends of both intervals (Zou and Donner 2008), so that a rate near 0 or 1 keeps its lopsided one;
    below 30 clusters it is held against Student's t. The models are taken as independent, which is
    cautious where they were asked the same.

    >>> sure = [Estimate(x, 0.01, x - 0.02, x + 0.02, x, x, 99, 99, 0, 99) for x in (0.5, 0.1)]
    >>> [ranks.best for ranks in rank_ranges(sure, Direction.LOWER)]
    [2, 1]

    Args:
        estimates: of each model; without an interval it may have any rank.
        better: `LOWER`, `HIGHER`, or `ZERO`, where the nearer to zero ranks higher.

    Raises:
        ValueError: there is no better end.
    """
    from scipy.special import stdtr
    from scipy.stats import norm

    if better is Direction.NEITHER:
        raise ValueError("what has no good end has no ranks")
    count = len(estimates)
    value, low, high, worst, best = (
        np.array([getattr(estimate, name) for estimate in estimates], dtype=np.float64)
        for name in ("estimate", "low", "high", "worst", "best")
    )
    up, down = np.abs(high - value), np.abs(value - low)
    if better is Direction.ZERO:
        up = down = np.maximum(up, down)
        value, worst, best = np.abs(value), *_nearness(worst, best)
    elif better is Direction.HIGHER:
        value, worst, best, up, down = -value, -worst, -best, down, up
    # From here on less is better.
    worst, best = np.fmax(worst, value), np.fmin(best, value)
    difference = best[None, :] - worst[:, None]  # by how much the row's is surely less
    # An end lies as many standard errors off as the quantile says that it was made with.
    made_with = np.array([quantile(estimate.clusters) for estimate in estimates])
    error = np.sqrt((up / made_with)[:, None] ** 2 + (down / made_with)[None, :] ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(difference > 0, difference, 0) / error
    freedom = np.array([degrees_of_freedom(estimate.clusters) for estimate in estimates])
    few = np.minimum(freedom[:, None], freedom[None, :])
    chance = 2 * np.where(
        np.isinf(few), norm.sf(score), stdtr(np.minimum(few, FEW_CLUSTERS), -score)
    )
    np.fill_diagonal(chance, 1.0)
    chance = np.where(np.isnan(chance), 1.0, chance)
    above = _surely_above(chance)
    return [
        RankRange(1 + int(above[:, model].sum()), count - int(above[model].sum()))
        for model in range(count)
    ]


def _surely_above(chance: Floats) -> NDArray[np.bool_]:
    """Which rows rank surely above which columns; of each pair one chance at most is below 1."""
    count = len(chance)
    smallest = np.argsort(chance, axis=None)[: count * (count - 1) // 2]
    above = np.zeros(chance.size, np.bool_)
    above[smallest] = np.array(holm(chance.ravel()[smallest])) <= FAMILY_LEVEL
    return above.reshape(chance.shape)


def _nearness(worst: Floats, best: Floats) -> tuple[Floats, Floats]:
    """How far from zero what is between the two can be at the most and at the least."""
    farthest = np.maximum(np.abs(worst), np.abs(best))
    nearest = np.where(worst * best < 0, 0.0, np.minimum(np.abs(worst), np.abs(best)))
    return farthest, nearest
