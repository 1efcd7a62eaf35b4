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
from dataclasses import replace

from harness.regression.pairs import Pair, _stands_there
from harness.regression.verdict import Change, Comparison, Part, Verdict
from harness.statistics import (
    LEVEL,
    Contrast,
    Paired,
    detectable,
    holm,
)
from harness.store import Run
from harness.types import HarnessError

Margins = Mapping[str, Mapping[str, float]]
"""Of each task and estimate how much worse still counts as not worse; names as in `key_of`."""
ALIKE = {
    "version": "run the older one again with this version of the task",
    "data": "run both with the same task.data",
    "of": "run both with the same task options and data",
    "protocol": "run both with the same protocol and generation settings",
    "settings": "run both with the same generation settings",
    "options": "run both with the same task options",
    "groups": "run both commands again, which makes their tables anew",
    "statistics": "run both commands again, which makes their tables anew",
}
"""What must be the same on both sides, and how to make it so."""


def compare(
    baseline: Sequence[Run], candidate: Sequence[Run], margins: Margins, guards: Margins
) -> Comparison:
    """Compare two systems on the tasks that both were asked.

    Args:
        baseline: its runs: one of each task, or several that differ in their seed alone.
        candidate: likewise.
        margins: of what is gated.
        guards: of what is gated beside it, so that no safety is bought with it.

    Raises:
        HarnessError: they are not alike, or nothing is gated.
    """
    sides = [_by_task(baseline, "baseline"), _by_task(candidate, "candidate")]
    for here, there, name in ((*sides, "candidate"), (*sides[::-1], "baseline")):
        if lacking := [task for task in here if task not in there]:
            raise HarnessError(
                f"the {name} has no run of {', '.join(lacking)}: run it, or leave it out"
            )
    for task, runs in sides[0].items():
        check_alike(runs[0], sides[1][task][0])
    changes: list[Change] = []
    parts: list[Part] = []
    lost: list[str] = []
    for task in sides[0]:
        wanted = {
            key: (margin, kind is guards)
            for kind in (margins, guards)
            for key, margin in (kind.get(task) or {}).items()
        }
        pair = Pair(sides[0][task], sides[1][task])
        named: set[str] = set()
        before = len(changes)
        for estimand in pair.estimands:
            key = key_of(estimand.name)
            if key not in wanted or estimand.by is not None or not pair.asks(estimand):
                continue
            named.add(key)
            made = list(pair.changes(estimand, *wanted[key]))
            changes += [one for one in made if not _stands_there(one, changes)]
            lost += [f"{task}, {estimand.name}: {why}" for why in pair.lacks(estimand, made)]
            if made and not isinstance(estimand.statistic, Contrast):
                parts += pair.parts(estimand)
        lost += [
            f"{task}, {key}: no scorer that was chosen gives it, or the task does not estimate it "
            f"in pairs; choose one, or take the margin away with ~{kind}.{task}.{key}"
            for kind, of_kind in (("margins", margins), ("guards", guards))
            for key in of_kind.get(task) or {}
            if key not in named
        ]
        if len(changes) == before and not named:
            raise HarnessError(
                f"nothing of {task} is gated: give an estimate a margin with "
                f"+margins.{task}.ESTIMATE=0.05, or leave the task out"
            )
    return Comparison(baseline, candidate, _decided(changes), _adjusted(parts), lost)


def key_of(name: str) -> str:
    """An estimate's name as options have it: words joined by underscores."""
    return re.sub(r"\W+", "_", name).strip("_").lower()


def check_alike(before: Run, after: Run) -> None:
    """Refuse two runs that were not asked the same.

    Raises:
        HarnessError: with all that differs, and how to make it alike.
    """
    told = [
        f"{name} ({before.question[name]!r} and {after.question[name]!r}): {how}"
        for name, how in ALIKE.items()
        if before.question[name] != after.question[name]
    ]
    if told:
        raise HarnessError(
            f"{before.name} and {after.name} cannot be compared, for they differ in "
            f"{'; in '.join(told)}"
        )


def _by_task(runs: Sequence[Run], side: str) -> dict[str, list[Run]]:
    """The runs of each task, which must be of one system and differ in their seed alone."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.question["task"], []).append(run)
    for own in found.values():
        for other in own[1:]:
            if other.model != own[0].model or other.question != own[0].question:
                raise HarnessError(
                    f"the {side}'s runs {own[0].name} and {other.name} are not of one system asked "
                    "one question: they may differ in their seed alone"
                )
        seeds = [run.info["identity"]["seed"] for run in own]
        if len(set(seeds)) < len(seeds):
            raise HarnessError(f"a run of {own[0].question['task']} stands twice in the {side}")
    return found


def verdict_of(measured: Paired, worst: Paired, p_worse: float) -> Verdict:
    """What the tests of an estimate say, `p_worse` being adjusted, and of the best end as well."""
    if measured.p_margin <= LEVEL and worst.p_margin <= LEVEL:
        return Verdict.PASS
    return Verdict.REGRESSION if p_worse <= LEVEL else Verdict.INCONCLUSIVE


def _decided(changes: Sequence[Change]) -> list[Change]:
    """The verdict of each, with the chance of a false alarm held among all (Holm 1979)."""
    adjusted = holm([max(c.measured.p_worse, c.best.p_worse) for c in changes])
    found = []
    for change, p_worse in zip(changes, adjusted, strict=True):
        verdict = verdict_of(change.measured, change.worst, p_worse)
        reason = {
            Verdict.PASS: f"not worse by {change.margin:g} or more",
            Verdict.REGRESSION: f"worse, and not shown to be so by less than {change.margin:g}",
            Verdict.INCONCLUSIVE: _why_inconclusive(change, len(changes)),
        }[verdict]
        found.append(replace(change, p_worse=p_worse, verdict=verdict, reason=reason))
    return found


def _why_inconclusive(change: Change, family: int) -> str:
    found, lost = change.measured, sum(change.missing)
    if found.high is None or found.difference is None:
        return f"{found.pairs} pairs in {found.clusters} clusters say nothing; ask more samples"
    would_pass, would_fail = found.p_margin <= LEVEL, found.p_worse * family <= LEVEL
    said = "pass" if would_pass else "regression"
    if lost and (would_pass or would_fail):
        return (
            f"what was measured would say {said}, but {lost:,} of "
            f"{2 * change.asked:,} scores are missing; ask again with retry=failed"
        )
    if found.p_worse <= LEVEL:
        return f"worse by itself (p = {found.p_worse:.3f}), but not surely among {family} estimates"
    if found.enough > found.pairs:
        return (
            f"the data cannot tell: {found.pairs:,} pairs show a difference of "
            f"{detectable(found):.3f} or more; {found.enough:,} would be enough to rule out "
            f"{change.margin:g}, were there none"
        )
    high = max(found.high, change.worst.high or found.high)
    return (
        f"the data cannot tell: it is worse by {found.difference:.3f} so far, and may be by up to "
        f"{high:.3f}; {found.pairs:,} pairs show a difference of {detectable(found):.3f} or more"
    )


def _adjusted(parts: Sequence[Part]) -> list[Part]:
    """Groups with their q-values (Benjamini and Hochberg 1995), the smallest first."""
    if not parts:
        return []
    from scipy.stats import false_discovery_control

    q = false_discovery_control([part.p for part in parts])
    found = [replace(part, q=float(one)) for part, one in zip(parts, q, strict=True)]
    return sorted(found, key=lambda part: part.q)
