"""What the gate says of a candidate: its records, and how it decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from harness.regression.pairs import Reading
from harness.statistics import NOT_YET, ONE_ANSWER, ONE_SIDED_LEVEL, Paired, detectable, holm
from harness.store import FinishedRun

FEW_WORST = 0.005
"""The share of samples below which new worst cases are no regression, however surely they are
more than came back: one in 200."""


class Verdict(Enum):
    """What the data say; the value is the exit code."""

    PASS = 0
    REGRESSION = 1
    INCONCLUSIVE = 2


@dataclass(frozen=True)
class Change:
    """One estimate of both sides, and what it says."""

    task: str
    name: str
    statistic: str
    better: str
    metric: str
    scorer_id: str
    validity: str
    margin: float
    guard: bool
    """Of a capability: accuracy, or refusing what is harmless."""
    before: float | None
    after: float | None
    measured: Paired
    """Of the pairs that were measured on both sides."""
    worst: Paired
    """With all that is missing at its worst for the candidate."""
    best: Paired
    """With all that is missing at its best for the candidate."""
    asked: int
    """Scores of each side."""
    missing: tuple[int, int]
    """Of them missing before and after."""
    p_missing: float
    """Of the candidate lacking no more than the baseline (one-sided)."""
    samples: Sequence[str]
    """The worst changed first; none of a contrast, which is no sample's."""
    changes: Sequence[float]
    estimand: str
    """The estimand's name."""
    level: str | None = None
    """Of a contrast which level differs from the reference."""
    is_tail: bool = False
    """Whether it counts new worst cases beside a mean."""
    detail: str = ""
    """What else is to be said of it, in words."""
    p_worse: float = 1.0
    """Of not being worse; adjusted among all that are gated (Holm 1979)."""
    verdict: Verdict = Verdict.INCONCLUSIVE
    reason: str = ""

    def is_beside(self, change: Change) -> bool:
        """Whether it is the tail of this mean."""
        mine, other = ((c.task, c.estimand, c.metric, c.level) for c in (self, change))
        return self.is_tail and not change.is_tail and mine == other


@dataclass(frozen=True)
class Part:
    """A difference in one group of samples, which may be a regression of its own."""

    task: str
    name: str
    by: str
    group: str
    better: str
    measured: Paired
    best: Paired
    """With all that is missing at its best for the candidate."""
    margin: float
    p: float
    """Two-sided."""
    p_worse: float = 1.0
    """Of not being worse; adjusted among all groups (Holm 1979)."""
    q: float = 1.0
    """Adjusted among all groups (Benjamini and Hochberg 1995): the share of false finds."""

    @property
    def is_regression(self) -> bool:
        """Whether it is worse, among all groups, and not shown to be within the margin."""
        return self.p_worse <= ONE_SIDED_LEVEL < self.measured.p_margin

    @property
    def shows(self) -> float:
        """The smallest difference that its pairs would show with 80 % power, in its unit."""
        paired = self.measured
        if paired.low is None or paired.difference is None:
            return detectable(paired)
        below = replace(paired, difference=-paired.difference, high=-paired.low)
        return max(detectable(paired), detectable(below))  # one end may be the scale's


@dataclass(frozen=True)
class Doubt:
    """Why a regression may be the scorer's, and not the candidate's."""

    of: str
    """Which regression, by its name."""
    estimand: str
    """The estimate, with its task, that it is of or beside."""
    why: str
    by_words: bool
    """Whether anything speaks for words alone; False: only that nobody else read the answers."""


@dataclass(frozen=True)
class Second:
    """What another scorer makes of the same answers."""

    scorer: str
    """As it was asked for."""
    comparison: Comparison


@dataclass(frozen=True)
class Comparison:
    """All that the gate says."""

    baseline: Sequence[FinishedRun]
    candidate: Sequence[FinishedRun]
    changes: Sequence[Change]
    parts: Sequence[Part]
    lost: Sequence[str]
    """What has a margin and could not be compared: nothing passes then."""
    ungated: Sequence[str] = ()
    """Tasks of which nothing has a margin and scores."""
    tails: Sequence[Change] = ()
    """New worst cases, beside each mean; gated like the rest."""
    reading: Reading = "generalized"
    """What intervals speak of: prompts like these, or these alone."""
    doubts: Sequence[Doubt] = ()
    """Of regressions, first of all that is told."""
    change: str | None = None
    """What was done to the baseline, in the user's words; None: it was not said."""
    saving: str | None = None
    """Where looks before the end were allowed: what was asked, and what that saved."""
    second: Second | None = None
    """Where it was asked for: then a verdict holds only if both readings say the same."""

    @property
    def gated(self) -> list[Change]:
        """All that must pass: the estimates, each mean with its tail behind it."""
        return [
            row
            for change in self.changes
            for row in (change, *(tail for tail in self.tails if tail.is_beside(change)))
        ]

    @property
    def worse_parts(self) -> list[Part]:
        """The groups that are regressions of their own."""
        return [part for part in self.parts if part.is_regression]

    @property
    def verdict(self) -> Verdict:
        """That of the first reading, where a second one, if there is any, says the same."""
        second = self.second and self.second.comparison.verdict
        return self.first_verdict if second in (None, self.first_verdict) else Verdict.INCONCLUSIVE

    @property
    def regressions(self) -> int:
        """How many estimates, tails and groups are one."""
        verdicts = [change.verdict for change in self.gated]
        return verdicts.count(Verdict.REGRESSION) + len(self.worse_parts)

    @property
    def first_verdict(self) -> Verdict:
        """Regression where any estimate is one; pass where all pass and none was lost."""
        verdicts = {change.verdict for change in self.gated}
        if Verdict.REGRESSION in verdicts or self.worse_parts:
            return Verdict.REGRESSION
        passed = verdicts == {Verdict.PASS} and not self.lost
        return Verdict.PASS if passed else Verdict.INCONCLUSIVE


def verdict_of(measured: Paired, worst: Paired, p_worse: float) -> Verdict:
    """What the tests of an estimate say, `p_worse` being adjusted, and of the best end as well."""
    if measured.p_margin <= ONE_SIDED_LEVEL and worst.p_margin <= ONE_SIDED_LEVEL:
        return Verdict.PASS
    return Verdict.REGRESSION if p_worse <= ONE_SIDED_LEVEL else Verdict.INCONCLUSIVE


def decided(changes: Sequence[Change]) -> list[Change]:
    """The verdict of each, with the chance of a false alarm held among all (Holm 1979)."""
    chances = holm([max(c.measured.p_worse, c.best.p_worse) for c in changes])
    decisions = []
    for change, p_worse in zip(changes, chances, strict=True):
        verdict = verdict_of(change.measured, change.worst, p_worse)
        many = change.measured.high is None or change.measured.high > FEW_WORST
        if change.is_tail and p_worse <= ONE_SIDED_LEVEL and many:
            verdict = Verdict.REGRESSION  # whatever its limit: they are more than chance gives
        reason = {
            Verdict.PASS: f"not worse by {change.margin:g} or more",
            Verdict.REGRESSION: f"worse, and not shown to be so by less than {change.margin:g}",
            Verdict.INCONCLUSIVE: _why_inconclusive(change, len(changes)),
        }[verdict]
        if change.is_tail and verdict is Verdict.REGRESSION:
            reason = "more new worst cases than chance gives"
        reason = "; ".join(filter(None, (change.detail, reason)))
        decisions.append(replace(change, p_worse=p_worse, verdict=verdict, reason=reason))
    return decisions


def _why_inconclusive(change: Change, family: int) -> str:
    measured, lost = change.measured, sum(change.missing)
    if measured.method == ONE_ANSWER:
        return (
            "one answer a prompt shows no spread between answers, so that on these prompts alone "
            "nothing is sure; ask generation.n=2 or more, or several seeds"
        )
    if measured.method == NOT_YET:
        return (
            "not judged before all is asked: no mean over samples that are independent and have a "
            "bound, so that it ends no run"
        )
    if measured.high is None or measured.difference is None:
        return (
            f"{measured.pairs} pairs in {measured.clusters} clusters say nothing; ask more samples"
        )
    would_pass = measured.p_margin <= ONE_SIDED_LEVEL
    would_fail = measured.p_worse * family <= ONE_SIDED_LEVEL
    outcome = "pass" if would_pass else "regression"
    if lost and (would_pass or would_fail):
        return (
            f"what was measured would say {outcome}, but {lost:,} of "
            f"{2 * change.asked:,} scores are missing; ask again with retry=failed"
        )
    if measured.p_worse <= ONE_SIDED_LEVEL:
        return (
            f"worse by itself (p = {measured.p_worse:.3f}), but not surely among {family} estimates"
        )
    if measured.enough > measured.pairs:
        return (
            f"the data cannot tell: {measured.pairs:,} pairs show a difference of "
            f"{detectable(measured):.3f} or more; {measured.enough:,} would be enough to rule out "
            f"{change.margin:g}, were there none"
        )
    high = max(measured.high, change.worst.high or measured.high)
    return (
        f"the data cannot tell: it is worse by {measured.difference:.3f} so far, and may be by up "
        f"to {high:.3f}; {measured.pairs:,} pairs show a difference of {detectable(measured):.3f} "
        "or more"
    )


def adjusted(parts: Sequence[Part]) -> list[Part]:
    """Groups with p-values adjusted among all: Holm's, by which they are gated, and q-values.

    They come in order of their q-values (Benjamini and Hochberg 1995), the smallest first.
    """
    if not parts:
        return []
    from scipy.stats import false_discovery_control

    q = false_discovery_control([part.p for part in parts])
    chances = holm([max(part.measured.p_worse, part.best.p_worse) for part in parts])
    with_q = [
        replace(part, q=float(value), p_worse=chance)
        for part, value, chance in zip(parts, q, chances, strict=True)
    ]
    return sorted(with_q, key=lambda part: part.q)
