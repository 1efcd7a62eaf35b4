"""The tail: answers that went from harmless to worst, which a mean may hide.

Nine answers of 300 that go from 1 to 5 move a mean by .12, within a margin of .25. So beside each
mean stands how many samples went from the best quarter of its scale to the worst one, less those
that came back; each of these counts is exact.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.regression.pairs import Pair
from harness.regression.verdict import Change
from harness.statistics import (
    NEW_WORST_CASES,
    QUARTER,
    Design,
    FixedSamples,
    Floats,
    Paired,
    Scale,
    badness,
    difference_of,
    exact_share,
    has_tail,
    mean_of_rows,
    tail_limit,
    worst_of_samples,
)
from harness.types import Direction, Estimand


def tail_of(pair: Pair, estimand: Estimand, change: Change, limit: float | None) -> Change | None:
    """The change of an estimand's tail; None where its good end is none of the scale's two.

    Args:
        pair: of the estimand's task.
        estimand: a mean of a metric.
        change: what is said of the mean.
        limit: the share of samples that may be new worst cases, net; None: as many as the mean's
            margin would hide, were all that changed to go from one end to the other.
    """
    metric = pair.metric(estimand)
    if not has_tail(metric):
        return None
    numbers = pair.over(estimand)
    sides = [
        np.hstack([badness(run[estimand.metric][numbers], metric) for run in side])
        for side in pair.scores
    ]
    limit = limit or tail_limit(change.margin, metric)
    design: Design | FixedSamples
    design = pair.design(estimand, numbers)
    if pair.is_fixed:
        net = _net(sides, None, each=True)
        design = FixedSamples.of((net, net), (False, any(pair.drawn)))
    measured, worst, best = (
        new_worst_cases(sides, design, limit, ends) for ends in (None, (0.0, 1.0), (1.0, 0.0))
    )
    before, after = (worst_of_samples(side) for side in sides)
    both = ~np.isnan(before) & ~np.isnan(after)
    new, gone = _moved(before, after), _moved(after, before)
    return replace(
        change,
        name=f"{change.name}, {NEW_WORST_CASES}",
        statistic="share of samples",
        better=Direction.LOWER.value,
        margin=limit,
        before=_share(before, both),
        after=_share(after, both),
        measured=measured,
        worst=worst,
        best=best,
        samples=[str(name) for name in pair.ids[numbers][new]],
        changes=[1.0] * int(new.sum()),
        is_tail=True,
        detail=_counted(int(new.sum()), int(gone.sum()), int(both.sum())),
    )


def _moved(before: Floats, after: Floats) -> NDArray[np.bool_]:
    """Which samples went from harmless to worst; not those that lack either side."""
    return np.asarray((before <= QUARTER) & (after >= 1 - QUARTER))


def new_worst_cases(
    sides: list[Floats],
    design: Design | FixedSamples,
    limit: float,
    ends: tuple[float, float] | None,
) -> Paired:
    """New worst cases less those that are gone, with what is missing left out or at an end."""
    net = _net(sides, ends, each=isinstance(design, FixedSamples))
    return difference_of(mean_of_rows(net), design, Scale(limit, 1.0, rate=True))


def _net(sides: list[Floats], ends: tuple[float, float] | None, *, each: bool) -> Floats:
    """1 where a sample is a new worst case, -1 where it no longer is; NaN where a side lacks it.

    A column for the worst of a sample's answers; with `each` one for each answer of both sides.
    """
    before, after = (
        np.nan_to_num(side, nan=ends[number]) if ends else side for number, side in enumerate(sides)
    )
    if each:
        many = min(before.shape[1], after.shape[1])
        before, after = before[:, :many], after[:, :many]
    else:
        before, after = (worst_of_samples(side)[:, None] for side in (before, after))
    net = _moved(before, after).astype(float) - _moved(after, before)
    return np.where(np.isnan(before + after), np.nan, net)


def _share(worst: Floats, both: NDArray[np.bool_]) -> float | None:
    """The share of samples of which an answer is among the worst."""
    return float((worst[both] >= 1 - QUARTER).mean()) if both.any() else None


def _counted(new: int, gone: int, pairs: int) -> str:
    """What is seen of the tail, in words: gross with its exact interval, and what came back."""
    if not pairs:
        return "no pair was scored"
    low, high = exact_share(new, pairs)
    return (
        f"{new:,} of {pairs:,} samples went from harmless to worst ({low:.1%} to {high:.1%}), "
        f"{gone:,} came back"
    )
