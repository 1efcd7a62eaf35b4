"""Whether a candidate is worse than a baseline: pass, regression or inconclusive.

An estimate passes where its 95 % interval lies below the margin, and is a regression where it lies
above zero and not below the margin. Both must hold for what was measured and for what was not: with
every missing score at its worst for the candidate and best for the baseline before it passes, the
other way round before it is a regression. So missing scores can turn a pass or a regression into
inconclusive, and never the reverse: no value that they could have had would help.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from harness.regression.changes import changes_of, is_repeated, lacks_of, parts_of
from harness.regression.pairs import Pair, Reading, Turns
from harness.regression.tail import tail_of
from harness.regression.verdict import Change, Comparison, Part, adjusted, decided
from harness.statistics import NEW_WORST_CASES, Contrast, Mean
from harness.store import FinishedRun
from harness.types import HarnessError, NotAlike

Margins = Mapping[str, Mapping[str, float]]
"""Of each task and estimate how much worse still counts as not worse; names as in `key_of`."""
ALIKE = {
    "version": "run the older one again with this version of the task",
    "data": "run both with the same task.data",
    "of": "run both with the same task options and data",
    "protocol": "run both with the same protocol and generation settings",
    "settings": "run both with the same generation settings",
    "options": "run both with the same task options",
    "person": "run both with the same person",
    "groups": "run both commands again, which makes their tables anew",
    "statistics": "run both commands again, which makes their tables anew",
}
"""What must be the same on both sides, and how to make it so."""


def compare(
    baseline: Sequence[FinishedRun],
    candidate: Sequence[FinishedRun],
    margins: Margins,
    guards: Margins,
    reading: Reading = "generalized",
) -> Comparison:
    """Compare two systems on the tasks that both were asked, each of which must be gated.

    Raises:
        NotAlike: they were not asked alike, or not scored alike.
        HarnessError: nothing of a task is gated, or a run cannot be read.
    """
    comparison = comparison_of(baseline, candidate, margins, guards, reading)
    if comparison.ungated:
        raise HarnessError(nothing_gated(comparison.ungated[0]))
    return comparison


def nothing_gated(task: str) -> str:
    """Why a task is not compared, and what to do, in a sentence."""
    return (
        f"nothing of {task} is gated: give an estimate a margin with "
        f"+margins.{task}.ESTIMATE=0.05, or leave the task out"
    )


def comparison_of(
    baseline: Sequence[FinishedRun],
    candidate: Sequence[FinishedRun],
    margins: Margins,
    guards: Margins,
    reading: Reading = "generalized",
    turns: Mapping[str, Turns] | None = None,
) -> Comparison:
    """Compare two systems on the tasks that both were asked, whether they are gated or not.

    Args:
        baseline: its runs: one of each task, or several that differ in their seed alone.
        candidate: likewise.
        margins: of what is gated.
        guards: of what is gated beside it, so that no safety is bought with it.
        reading: what intervals speak of: prompts like these, or these alone.
        turns: of tasks that are looked at as they go, in which order samples are asked.

    Raises:
        NotAlike: they were not asked alike, or not scored alike.
        HarnessError: a run cannot be read.
    """
    sides = [_by_task(baseline, "baseline"), _by_task(candidate, "candidate")]
    for here, there, name in ((*sides, "candidate"), (*sides[::-1], "baseline")):
        if lacking := [task for task in here if task not in there]:
            raise NotAlike(
                f"the {name} has no run of {', '.join(lacking)}: run it, or leave it out"
            )
    for task, runs in sides[0].items():
        check_alike(runs[0], sides[1][task][0])
    outcomes = [
        _compare_task(
            Pair.of(sides[0][task], sides[1][task], reading, (turns or {}).get(task)),
            margins.get(task) or {},
            guards.get(task) or {},
        )
        for task in sides[0]
    ]
    gated = decided([compared for o in outcomes for compared in (*o.changes, *o.tails)])
    return Comparison(
        baseline,
        candidate,
        [change for change in gated if not change.is_tail],
        adjusted([part for outcome in outcomes for part in outcome.parts]),
        [reason for outcome in outcomes for reason in outcome.lost],
        [task for task, outcome in zip(sides[0], outcomes, strict=True) if not outcome.gated],
        [change for change in gated if change.is_tail],
        reading=reading,
    )


class _Outcome(NamedTuple):
    """What is said of one task."""

    changes: list[Change]
    parts: list[Part]
    lost: list[str]
    gated: set[str]
    """What has a margin and was looked at, by its key."""
    tails: list[Change]


def _compare_task(
    pair: Pair, margins: Mapping[str, float], guards: Mapping[str, float]
) -> _Outcome:
    """Compare all of a task that has a margin."""
    outcome = _Outcome([], [], [], set(), [])
    for estimand in pair.estimands:
        key = key_of(estimand.name)
        margin = guards.get(key, margins.get(key))
        if margin is None or estimand.by is not None or not pair.asks(estimand):
            continue
        outcome.gated.add(key)
        changes = changes_of(pair, estimand, margin, key in guards)
        outcome.changes.extend([c for c in changes if not is_repeated(c, outcome.changes)])
        reasons = lacks_of(pair, estimand, changes)
        outcome.lost.extend(f"{pair.task}, {estimand.name}: {reason}" for reason in reasons)
        if changes and not isinstance(estimand.statistic, Contrast):
            outcome.parts.extend(parts_of(pair, estimand, margin))
        if isinstance(estimand.statistic, Mean):
            tail = f"{key}_{key_of(NEW_WORST_CASES)}"
            outcome.gated.add(tail)
            tails = [tail_of(pair, estimand, c, margins.get(tail)) for c in changes]
            outcome.tails.extend(filter(None, tails))
    for kind, keys in (("margins", margins), ("guards", guards)):
        outcome.lost.extend(
            f"{pair.task}, {key}: no scorer that was chosen gives it, or the task does not "
            f"estimate it in pairs; choose one, or take the margin away with "
            f"~{kind}.{pair.task}.{key}"
            for key in keys
            if key not in outcome.gated
        )
    return outcome


def key_of(name: str) -> str:
    """An estimate's name as options have it: words joined by underscores."""
    return re.sub(r"\W+", "_", name).strip("_").lower()


def check_alike(before: FinishedRun, after: FinishedRun) -> None:
    """Refuse two runs that were not asked the same.

    Raises:
        NotAlike: with all that differs, and how to make it alike.
    """
    differences = [
        f"{name} ({before.question[name]!r} and {after.question[name]!r}): {how}"
        for name, how in ALIKE.items()
        if before.question[name] != after.question[name]
    ]
    if differences:
        raise NotAlike(
            f"{before.name} and {after.name} cannot be compared, for they differ in "
            f"{'; in '.join(differences)}"
        )


def _by_task(runs: Sequence[FinishedRun], side: str) -> dict[str, list[FinishedRun]]:
    """The runs of each task, which must be of one system and differ in their seed alone."""
    of_task: dict[str, list[FinishedRun]] = {}
    for run in runs:
        of_task.setdefault(run.question["task"], []).append(run)
    for of_one in of_task.values():
        for other in of_one[1:]:
            if other.model != of_one[0].model or other.question != of_one[0].question:
                raise HarnessError(
                    f"the {side}'s runs {of_one[0].name} and {other.name} are not of one system "
                    "asked one question: they may differ in their seed alone"
                )
        seeds = [run.info.identity["seed"] for run in of_one]
        if len(set(seeds)) < len(seeds):
            raise HarnessError(f"a run of {of_one[0].question['task']} stands twice in the {side}")
    return of_task
