"""How often the gate says regression, were the prompts others like these.

Prompts are drawn anew, whole clusters of them and within their strata, and the gate is asked of
each draw: the share of draws in which it says regression is its power against this damage, as far
as these prompts show it. It is somewhat too high for damages at the edge, since a draw repeats
prompts that happened to change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from harness.regression.gate import Margins, _compare_task, _Outcome, check_alike, key_of
from harness.regression.mutate.damages import Damage
from harness.regression.pairs import Pair
from harness.regression.verdict import Change, Verdict, adjusted, decided
from harness.statistics import Ends, critical_value, wilson
from harness.store import Facts, Field, FinishedRun
from harness.types import Estimand, HarnessError

GROUPS = "any group"
WHOLE = "the task"
"""Rows beside those of the gated estimates."""
SEED = 0
NOTICED = 0.8
"""The share of draws from which on a damage counts as noticed: the customary power."""


@dataclass(frozen=True, slots=True)
class Detection:
    """How often a gated estimate of a task shows a damage."""

    damage: Damage
    task: str
    estimate: str
    times: int
    """Draws in which the gate says regression."""
    draws: int
    difference: float | None
    """By how much all prompts say it is worse, in the estimate's unit; None of more than one."""
    margin: float | None
    verdict: str
    """What the gate says of all prompts."""

    @property
    def share(self) -> float:
        """Of the draws."""
        return self.times / self.draws

    @property
    def ends(self) -> Ends:
        """The share's 95 % interval (Wilson 1927), of the draws' chance alone."""
        return wilson(self.share, self.draws, critical_value(inf))


def detections(
    damage: Damage,
    baseline: FinishedRun,
    candidate: FinishedRun,
    margins: tuple[Margins, Margins],
    draws: int,
) -> list[Detection]:
    """A row for the task, for each of its gated estimates and for its groups.

    Raises:
        NotAlike: the runs were not asked alike.
        HarnessError: nothing of the task is gated.
    """
    check_alike(baseline, candidate)
    pair = Pair.of([baseline], [candidate])
    of_task = tuple(kind.get(pair.task) or {} for kind in margins)
    changes, parts = _asked(pair, of_task)
    if not changes:
        raise HarnessError(f"nothing of {pair.task} is gated, so that no damage could show")
    names = [WHOLE, *(change.name for change in changes), GROUPS]
    times = dict.fromkeys(names, 0)
    for drawn in _draws(pair, _gated(pair, of_task), draws):
        for name in _regressions(*_asked(drawn, of_task)):
            if name in times:
                times[name] += 1
    whole = _regressions(changes, parts)
    by_name = {change.name: change for change in changes}
    rows = []
    for name in names:
        change = by_name.get(name)
        rows.append(
            Detection(
                damage=damage,
                task=pair.task,
                estimate=name,
                times=times[name],
                draws=draws,
                difference=change.measured.difference if change else None,
                margin=change.margin if change else None,
                verdict=change.verdict.name.lower() if change else _in_words(name in whole),
            )
        )
    return rows


def noticed_from(rows: Sequence[Detection]) -> tuple[Damage | None, Damage | None, Damage | None]:
    """The least dose from which on the damage is noticed, and the least and most it may be.

    Args:
        rows: of one kind, task and estimate, in order of strength.

    Returns:
        None where no dose is, which is what slips through.
    """
    of_ends = ((row.share, row.ends.high, row.ends.low) for row in rows)
    columns = zip(*of_ends, strict=True)
    first, least, most = (_from(rows, [share >= NOTICED for share in column]) for column in columns)
    return first, least, most


def _from(rows: Sequence[Detection], noticed: Sequence[bool]) -> Damage | None:
    """The first of the doses after which none is missed."""
    missed = [number for number, seen in enumerate(noticed) if not seen]
    first = missed[-1] + 1 if missed else 0
    return rows[first].damage if first < len(rows) else None


def _in_words(is_regression: bool) -> str:
    return "regression" if is_regression else "no regression"


def _asked(pair: Pair, margins: Sequence[Mapping[str, float]]) -> tuple[list[Change], bool]:
    """All that is gated of a pair, and whether any group is a regression of its own."""
    outcome: _Outcome = _compare_task(pair, *margins)
    parts = adjusted(outcome.parts)
    return decided([*outcome.changes, *outcome.tails]), any(part.is_regression for part in parts)


def _regressions(changes: Sequence[Change], groups: bool) -> set[str]:
    """The names of what is a regression."""
    names = {change.name for change in changes if change.verdict is Verdict.REGRESSION}
    if groups:
        names.add(GROUPS)
    return names | {WHOLE} if names else names


def _gated(pair: Pair, margins: Sequence[Mapping[str, float]]) -> Estimand:
    """The first gated estimate, which says what of the task's prompts is drawn."""
    keys = {key for of_kind in margins for key in of_kind}
    return next(e for e in pair.estimands if e.by is None and key_of(e.name) in keys)


def _draws(pair: Pair, estimand: Estimand, times: int) -> Iterator[Pair]:
    """The pair with its prompts drawn anew, a cluster that is drawn twice being two."""
    random, every = np.random.default_rng(SEED), np.arange(len(pair.ids))
    units = np.unique(pair.facts.units(estimand, every), return_inverse=True)[1]
    strata = pair.facts.strata(estimand, every)
    members = np.split(np.argsort(units, kind="stable"), np.cumsum(np.bincount(units))[:-1])
    of_stratum = np.zeros(len(members), np.int64)
    if strata is not None:
        of_stratum = strata[[rows[0] for rows in members]]
    strata_members = [np.flatnonzero(of_stratum == stratum) for stratum in np.unique(of_stratum)]
    for _ in range(times):
        drawn = np.concatenate([random.choice(stratum, len(stratum)) for stratum in strata_members])
        rows = np.concatenate([members[unit] for unit in drawn])
        labels = np.repeat(np.arange(len(drawn)), [len(members[unit]) for unit in drawn])
        yield _of_rows(pair, estimand, rows, labels)


def _of_rows(
    pair: Pair, estimand: Estimand, rows: NDArray[np.intp], labels: NDArray[np.int64]
) -> Pair:
    """A pair of these rows, each a sample of its own in the cluster that its label says."""
    facts = pair.facts.of(rows)
    fields = dict(facts.fields)
    clusters = facts.clusters
    if estimand.cluster == "cluster":
        clusters = labels.astype(np.uint64)
    elif estimand.cluster != "sample":
        fields[estimand.cluster] = Field(labels.astype(np.int32), list(range(labels.max() + 1)))
    scores = [
        [{name: of_run[name][rows] for name in of_run} for of_run in side] for side in pair.scores
    ]
    return replace(
        pair,
        ids=np.arange(len(rows)).astype(str),
        facts=Facts(clusters, fields, np.arange(len(rows))),
        scores=(scores[0], scores[1]),
    )
