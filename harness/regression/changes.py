"""What a pair of sides says of an estimand: its change, and that of groups of samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from harness.regression.nearer_zero import nearer
from harness.regression.pairs import Pair
from harness.regression.sides import ENDS, _mean
from harness.regression.values import Numbers, Values, levels_of, scale_of, values_of
from harness.regression.verdict import Change, Part
from harness.statistics import Contrast, Floats, Scale, paired
from harness.types import Direction, Estimand

MOST_CHANGED = 10
"""Samples that are kept of each estimate, the worst changed."""


def changes_of(pair: Pair, estimand: Estimand, margin: float, guard: bool) -> list[Change]:
    """What an estimand says: one change, or of a contrast one for each level.

    Args:
        pair: of the estimand's task.
        estimand: of the baseline's.
        margin: how much worse still counts as not worse, in the metric's unit.
        guard: whether it is gated so that no safety is bought with it.

    Raises:
        NotAlike: its metric was scored on one side alone, or by different scorers.
    """
    numbers = pair.over(estimand)
    if not pair.is_scored(estimand) or not len(numbers):
        return []
    scorer_id, validity = pair.scorer(estimand.metric)
    asked, missing, p_missing = _missing(pair, estimand, numbers)
    better, scale = pair.metric(estimand).better, scale_of(pair, estimand, margin)
    changes = []
    for values in values_of(pair, estimand, numbers):
        measured, worst, best = (
            nearer(better, values.before, values.after, values.design, scale, end) for end in ENDS
        )
        samples, worsened = _worst_changed(better, values)
        changes.append(
            Change(
                task=pair.task,
                name=_name(estimand, values.level),
                statistic=estimand.statistic.name,
                better=better.value,
                metric=estimand.metric,
                scorer_id=scorer_id,
                validity=validity,
                margin=margin,
                guard=guard,
                before=_mean(values.before.measured),
                after=_mean(values.after.measured),
                measured=measured,
                worst=worst,
                best=best,
                asked=asked,
                missing=missing,
                p_missing=p_missing,
                samples=samples,
                changes=worsened,
                estimand=estimand.name,
                level=values.level,
            )
        )
    return changes


def parts_of(pair: Pair, gated: Estimand, margin: float) -> Iterator[Part]:
    """The same estimate by groups of samples, wherever the task reports it so.

    Args:
        pair: of one task.
        gated: the estimate over all samples.
        margin: how much worse a group may be, in the metric's unit: as much as all may.
    """
    for estimand in pair.estimands:
        same = (estimand.name, estimand.metric) == (gated.name, gated.metric)
        if not same or estimand.by is None or estimand.statistic != gated.statistic:
            continue
        better, scale = pair.metric(estimand).better, scale_of(pair, estimand, margin)
        groups = sorted(pair.facts.groups(estimand), key=lambda group: int(group[1][0]))
        compared = pair.over(estimand)
        for name, members in groups:
            numbers = members[np.isin(members, compared)]
            (values,) = values_of(pair, estimand, numbers)
            sides = (values.before, values.after, values.design, scale)
            worse, best = nearer(better, *sides), nearer(better, *sides, "best")
            nicer = nearer(better, values.after, values.before, values.design, scale)
            p = min(1.0, 2 * min(worse.p_worse, nicer.p_worse))
            yield Part(
                task=pair.task,
                name=estimand.name,
                by=estimand.by,
                group=str(name),
                better=better.value,
                measured=worse,
                best=best,
                margin=scale.margin,
                p=p,
            )


def lacks_of(pair: Pair, estimand: Estimand, changes: Sequence[Change]) -> Iterator[str]:
    """What of an estimand should have been compared and was not."""
    if not changes:
        yield "no sample that both were asked has a score of it"
        return
    statistic = estimand.statistic
    if not isinstance(statistic, Contrast):
        return
    asked: set[str] = set()
    for facts in pair.asked:
        chosen = facts.of(np.flatnonzero(facts.chosen(estimand)))
        asked.update(levels_of(chosen.fields[statistic.factor].items()))
    for level in sorted(asked - {change.level for change in changes} - {statistic.reference}):
        yield f"{statistic.factor} {level} was not asked of both"


def is_repeated(change: Change, others: Sequence[Change]) -> bool:
    """Whether a contrast is one of the others already, by another name of its levels."""
    return change.level is not None and any(
        other.level is not None
        and (other.task, other.metric, other.asked, other.measured, other.before, other.after)
        == (change.task, change.metric, change.asked, change.measured, change.before, change.after)
        for other in others
    )


def _name(estimand: Estimand, level: str | None) -> str:
    if level is None or not isinstance(estimand.statistic, Contrast):
        return estimand.name
    return f"{estimand.name}: {estimand.statistic.factor} {level}"


def _worst_changed(better: Direction, values: Values) -> tuple[list[str], list[float]]:
    """The samples that became worst, each with by how much; none of a contrast."""
    if values.level is not None:
        return [], []
    worsened = _worsened(better, values.before.measured, values.after.measured)
    order = np.argsort(np.where(np.isnan(worsened), -np.inf, worsened))[::-1][:MOST_CHANGED]
    return [str(name) for name in values.names[order]], worsened[order].tolist()


def _worsened(better: Direction, before: Floats, after: Floats) -> Floats:
    """By how much each unit is farther from the good end."""
    if better is Direction.ZERO:
        return np.abs(after) - np.abs(before)
    return before - after if better is Direction.HIGHER else after - before


def _missing(
    pair: Pair, estimand: Estimand, numbers: Numbers
) -> tuple[int, tuple[int, int], float]:
    """Scores asked of each side, those missing, and whether the candidate lacks more."""
    lacking = []
    for at, side in enumerate(pair.scores):
        values = np.hstack([run[estimand.metric][numbers] for run in side])
        limits, failed = pair.limits_of(estimand, at, numbers), np.isnan(values)
        lacking.append(failed if limits is None else failed & ~limits.of(values))
    before, after = (side.mean(axis=1) for side in lacking)
    design = pair.design(estimand, numbers)
    rate = pair.answered_once(estimand.metric)
    difference = paired(after - before, design, Scale(1.0, 1.0, rate))
    asked = max(side.size for side in lacking)
    return asked, (int(lacking[0].sum()), int(lacking[1].sum())), difference.p_worse
