"""Which ranks the data allow, and one estimate from several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr
from scipy.stats import norm

from harness.estimates import FEW_CLUSTERS, quantile
from harness.types import Direction, Estimate

LEVEL = 0.05
"""Chance that any of all the pairs is put in a wrong order."""
QUANTILE = float(norm.ppf(0.975))


def combine(runs: Sequence[Estimate], within_range: tuple[float, float] = (-inf, inf)) -> Estimate:
    """One estimate from runs that differ in their seed alone.

    The prompts are the same in each, so that more seeds make the noise of sampling answers smaller
    and leave that of sampling prompts as it is. With within the mean of the squared standard errors
    (both noises) and between the variance of the estimates (the answers' alone), the variance of
    their mean over k seeds is within - between (k - 1) / k, and at the least between / k. The
    interval keeps the runs' own form, lopsided where theirs are.

    Args:
        runs: at least one; each over the same samples.
        within_range: the least and the most that an estimate can be, which no interval passes.

    Returns:
        With scores counted over all runs. Where a run has no estimate there is none: what is
        missing is no reason to look at the rest alone.
    """
    if len(runs) == 1:
        return runs[0]
    n, n_scored, n_failed = (
        sum(getattr(run, name) for run in runs) for name in ("n", "n_scored", "n_failed")
    )
    clusters = max(run.clusters for run in runs)
    worst, best = (_mean([getattr(run, name) for run in runs]) for name in ("worst", "best"))
    estimate = _mean([run.estimate for run in runs])
    if estimate is None:
        return Estimate(None, None, None, None, worst, best, n, n_scored, n_failed, clusters)
    k = len(runs)
    # Plain numbers: a leaderboard does this tens of thousands of times.
    values, errors = ([_number(getattr(run, n)) for run in runs] for n in ("estimate", "stderr"))
    within = sum(error**2 for error in errors) / k
    between = sum((value - estimate) ** 2 for value in values) / (k - 1)
    variance = max(within - between * (k - 1) / k, between / k)

    def end(name: str, side: float) -> float | None:
        own = [_number(getattr(run, name)) for run in runs]
        distance = sqrt(sum((o - v) ** 2 for o, v in zip(own, values, strict=True)) / k)
        shrunk = distance * sqrt(variance / within) if within > 0 else distance
        reach = max(shrunk, QUANTILE * sqrt(between / k))
        least, most = within_range
        return min(max(estimate + side * reach, least), most) if isfinite(reach) else None

    low, high = end("low", -1.0), end("high", 1.0)
    stderr = sqrt(variance) if isfinite(variance) else None
    return Estimate(estimate, stderr, low, high, worst, best, n, n_scored, n_failed, clusters)


def rank_ranges(estimates: Sequence[Estimate], better: Direction) -> list[tuple[int, int]]:
    """Of each model the best and the worst rank that the data allow; 1 is the best.

    A model ranks surely above another where it is better even with all that it lacks at its worst
    and all that the other lacks at its best, by a difference that holds among all pairs (Holm 1979,
    at 5 % for the whole table; the ranges are then a joint confidence set for the ranks, as in
    Mogstad, Romano, Shaikh and Wilhelm 2024). The error of a difference is put together from the
    ends of both intervals (Zou and Donner 2008), so that a rate near 0 or 1 keeps its lopsided one;
    below 30 clusters it is held against Student's t. The models are taken as independent, which is
    cautious where they were asked the same.

    Args:
        estimates: of each model; without an interval it may have any rank.
        better: `LOWER`, `HIGHER`, or `ZERO`, where the nearer to zero ranks higher.

    Raises:
        ValueError: there is no better end.
    """
    if better is Direction.NEITHER:
        raise ValueError("what has no good end has no ranks")
    count = len(estimates)
    value, low, high, worst, best = (
        np.array([getattr(one, name) for one in estimates], dtype=np.float64)
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
    made_with = np.array([quantile(one.clusters) for one in estimates])
    error = np.sqrt((up / made_with)[:, None] ** 2 + (down / made_with)[None, :] ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(difference > 0, difference, 0) / error
    freedom = np.array([_freedom(one.clusters) for one in estimates])
    few = np.minimum(freedom[:, None], freedom[None, :])
    chance = 2 * np.where(
        np.isinf(few), norm.sf(score), stdtr(np.minimum(few, FEW_CLUSTERS), -score)
    )
    np.fill_diagonal(chance, 1.0)
    chance = np.where(np.isnan(chance), 1.0, chance)
    above = _holm(chance, count * (count - 1) // 2)
    return [(1 + int(above[:, one].sum()), count - int(above[one].sum())) for one in range(count)]


def _freedom(clusters: int) -> float:
    """Degrees of freedom of an interval over so many clusters."""
    return clusters - 1 if 1 < clusters < FEW_CLUSTERS else inf


def _holm(chance: NDArray[np.float64], pairs: int) -> NDArray[np.bool_]:
    """Which are small enough, step by step, among `pairs`; of each pair one at most is below 1."""
    order = np.argsort(chance, axis=None)[:pairs]
    sorted_ = chance.ravel()[order]
    allowed = sorted_ <= LEVEL / (pairs - np.arange(len(order)))
    held = len(order) if allowed.all() else int(np.argmin(allowed))
    found = np.zeros(chance.size, np.bool_)
    found[order[:held]] = True
    return found.reshape(chance.shape)


def _nearness(
    worst: NDArray[np.float64], best: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far from zero what is between the two can be at the most and at the least."""
    farthest = np.maximum(np.abs(worst), np.abs(best))
    nearest = np.where(worst * best < 0, 0.0, np.minimum(np.abs(worst), np.abs(best)))
    return farthest, nearest


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _number(value: float | None) -> float:
    return nan if value is None else value
