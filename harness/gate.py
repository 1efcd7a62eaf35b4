"""Whether a candidate is worse than a baseline: pass, regression or inconclusive.

An estimate passes where its 95 % interval lies below the margin, and is a regression where it lies
above zero and not below the margin. Both must hold for what was measured and for what was not: with
every missing score at its worst for the candidate and best for the baseline before it passes, the
other way round before it is a regression. So missing scores can turn a pass or a regression into
inconclusive, and never the reverse: no value that they could have had would help.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.boards import Run
from harness.contrasts import ClusterMeans, Contrast
from harness.estimands import from_record
from harness.estimates import Share, mean_of_rows
from harness.maxima import AnyAbove
from harness.paired import LEVEL, RESAMPLES, Paired, detectable, paired
from harness.scored import Scores
from harness.store import RunStore
from harness.types import Direction, Estimand, HarnessError, Metric

Floats = NDArray[np.float64]
Labels = NDArray[Any]
Facts = Mapping[str, Sequence[Any]]
Margins = Mapping[str, Mapping[str, float]]
"""Of each task and estimate how much worse still counts as not worse; names as in `key_of`."""
End = Literal["measured", "worst", "best"]
"""With what is missing left out, or at its worst or its best for the candidate."""
ENDS: tuple[End, ...] = ("measured", "worst", "best")
MOST_CHANGED = 10
"""Samples that are kept of each estimate, the worst changed."""
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
    p_worse: float = 1.0
    """Of not being worse; adjusted among all that are gated (Holm 1979)."""
    verdict: Verdict = Verdict.INCONCLUSIVE
    reason: str = ""


@dataclass(frozen=True)
class Part:
    """A difference in one group of samples: to look at, not to decide by."""

    task: str
    name: str
    by: str
    group: str
    better: str
    found: Paired
    p: float
    """Two-sided."""
    q: float = 1.0
    """Adjusted among all groups (Benjamini and Hochberg 1995): the share of false finds."""


@dataclass(frozen=True)
class Comparison:
    """All that the gate says."""

    baseline: Sequence[Run]
    candidate: Sequence[Run]
    changes: Sequence[Change]
    parts: Sequence[Part]
    lost: Sequence[str]
    """What has a margin and could not be compared: nothing passes then."""

    @property
    def verdict(self) -> Verdict:
        """Regression where any estimate is one; pass where all pass and none was lost."""
        verdicts = {change.verdict for change in self.changes}
        if Verdict.REGRESSION in verdicts:
            return Verdict.REGRESSION
        passed = verdicts == {Verdict.PASS} and not self.lost
        return Verdict.PASS if passed else Verdict.INCONCLUSIVE


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


@dataclass(frozen=True)
class Units:
    """The values of one side, each of a sample or a cluster; the same places on both sides."""

    found: Floats
    """As measured; NaN is missing."""
    low: Floats
    """With what is missing at the lower end of the scale."""
    high: Floats

    def chosen(self, kept: NDArray[np.bool_]) -> Units:
        """Some of them."""
        return Units(self.found[kept], self.low[kept], self.high[kept])

    def most(self, sign: float) -> Floats:
        """Times a sign, with what is missing where that is the most."""
        return self.high if sign > 0 else -self.low

    def least(self, sign: float) -> Floats:
        """Times a sign, with what is missing where that is the least."""
        return self.low if sign > 0 else -self.high


@dataclass(frozen=True, slots=True)
class Scale:
    """What a difference is held against."""

    margin: float
    reach: float
    """The most that it can be."""
    rate: bool = False
    """Whether what differs is yes or no."""
    bounded: bool = True
    """Whether values may lie anywhere on their scale, up to its ends."""


class Pair:
    """Both sides' scores of one task, on the samples that both were asked."""

    def __init__(self, before: Sequence[Run], after: Sequence[Run]) -> None:
        self.sides = before, after
        self.task = before[0].question["task"]
        for run in (*before, *after):
            records = run.info.get("estimands")
            known = isinstance(records, list) and all(isinstance(one, dict) for one in records)
            if not known or not isinstance(run.info.get("metrics"), dict):
                raise HarnessError(
                    f"{run.name} was written by another version: run its command again, which asks "
                    "no model for what it has answered"
                )
        stores = [[RunStore(run.folder) for run in side] for side in self.sides]
        tables = [[_samples(store) for store in side] for side in stores]
        first = tables[0][0]
        asked = [set(table["sample_id"].to_pylist()) for side in tables for table in side]
        common = set.intersection(*asked)
        ids = [one for one in first["sample_id"].to_pylist() if one in common]
        if not ids:
            raise HarnessError(
                f"{before[0].name} and {after[0].name} have no sample in common: give both the "
                "same limit"
            )
        self.ids = np.array(ids)
        place = {one: at for at, one in enumerate(first["sample_id"].to_pylist())}
        chosen = first.take([place[one] for one in ids])
        self.facts = _facts(chosen)
        self.asked = [_facts(side[0]) for side in tables]
        """What is known of all samples of each side."""
        self.scores = [
            [_scores(store, table, ids) for store, table in zip(own, of, strict=True)]
            for own, of in zip(stores, tables, strict=True)
        ]

    @property
    def estimands(self) -> list[Estimand]:
        """Those of the baseline that can be taken in pairs."""
        found = [from_record(record) for record in self.sides[0][0].info["estimands"]]
        return [one for one in found if one is not None and not one.given]

    def asks(self, estimand: Estimand) -> bool:
        """Whether a scorer of either side gives the metric."""
        return any(estimand.metric in run.info["metrics"] for side in self.sides for run in side)

    def lacks(self, estimand: Estimand, made: Sequence[Change]) -> Iterator[str]:
        """What of an estimand should have been compared and was not."""
        if not made:
            yield "no sample that both were asked has a score of it"
        statistic = estimand.statistic
        if not isinstance(statistic, Contrast):
            return
        levels = [
            {
                str(level)
                for level, kept in zip(
                    facts.get(statistic.factor, ()), _where(estimand, facts), strict=False
                )
                if kept
            }
            for facts in self.asked
        ]
        compared = {change.name.removeprefix(f"{estimand.name}: ") for change in made}
        for level in sorted(levels[0] | levels[1]):
            name = f"{statistic.factor} {level}"
            if made and level != statistic.reference and name not in compared:
                yield f"{name} was not asked of both"

    def changes(self, estimand: Estimand, margin: float, guard: bool) -> Iterator[Change]:
        """What an estimand says: one change, or of a contrast one for each level.

        Raises:
            HarnessError: its metric was scored on one side alone, or by different scorers.
        """
        there = [all(estimand.metric in scores for scores in side) for side in self.scores]
        kept = _where(estimand, self.facts)
        if not any(there) or not kept.any():
            return
        if not all(there):
            lacking = self.sides[there.index(False)][0].name
            raise HarnessError(
                f"{lacking} has no scores of {estimand.metric}: run its command again with the "
                "scorers of the other, which asks no model for what it has answered"
            )
        scorer_id, validity = self._scorer(estimand.metric)
        better, clusters = self._metric(estimand).better, self._clusters(estimand)[kept]
        scale = self._scale(estimand, margin)
        asked, missing, p_missing = self._missing(estimand, kept, clusters)
        for level, before, after, units, of in self._units(estimand, kept, clusters):
            change = _worsened(better, before.found, after.found)
            order = np.argsort(np.where(np.isnan(change), -np.inf, change))[::-1][:MOST_CHANGED]
            measured, worst, best = (nearer(better, before, after, of, scale, end) for end in ENDS)
            yield Change(
                task=self.task,
                name=f"{estimand.name}: {level}" if level else estimand.name,
                statistic=estimand.statistic.name,
                better=better.value,
                metric=estimand.metric,
                scorer_id=scorer_id,
                validity=validity,
                margin=margin,
                guard=guard,
                before=_mean(before.found),
                after=_mean(after.found),
                measured=measured,
                worst=worst,
                best=best,
                asked=asked,
                missing=missing,
                p_missing=p_missing,
                samples=[] if level else [str(one) for one in units[order]],
                changes=[] if level else change[order].tolist(),
            )

    def parts(self, gated: Estimand) -> Iterator[Part]:
        """The same estimate by groups of samples, wherever the task reports it so."""
        for estimand in self.estimands:
            same = (estimand.name, estimand.metric) == (gated.name, gated.metric)
            if not same or estimand.by is None or estimand.statistic != gated.statistic:
                continue
            better, kept = self._metric(estimand).better, _where(estimand, self.facts)
            scale = self._scale(estimand, math.inf)
            groups = np.array([str(value) for value in self.facts[estimand.by]])
            for group in dict.fromkeys(groups[kept].tolist()):
                own = kept & (groups == group)
                clusters = self._clusters(estimand)[own]
                ((_, before, after, _, of),) = self._units(estimand, own, clusters)
                there = nearer(better, before, after, of, scale)
                back = nearer(better, after, before, of, scale)
                p = min(1.0, 2 * min(there.p_worse, back.p_worse))
                yield Part(self.task, estimand.name, estimand.by, group, better.value, there, p)

    def _units(
        self, estimand: Estimand, kept: NDArray[np.bool_], clusters: Labels
    ) -> Iterator[tuple[str, Units, Units, Labels, Labels]]:
        """Both sides, what they are of and its clusters; of a contrast for each level by name."""
        sides = [[scores[estimand.metric][kept] for scores in side] for side in self.scores]
        statistic, metric = estimand.statistic, self._metric(estimand)
        if not isinstance(statistic, Contrast):
            before, after = (_of_samples(statistic, side, metric) for side in sides)
            yield "", before, after, self.ids[kept], clusters
            return
        levels = [str(v) for v, k in zip(self.facts[statistic.factor], kept, strict=True) if k]
        means = [ClusterMeans(np.hstack(side), levels, clusters, metric) for side in sides]
        if statistic.reference not in means[0].names:
            return
        of = np.unique(clusters)
        base = means[0].names.index(statistic.reference)
        for at, level in enumerate(means[0].names):
            if at != base:
                before, after = (
                    Units(
                        side.mean[:, at] - side.mean[:, base],
                        side.lowest[:, at] - side.highest[:, base],
                        side.highest[:, at] - side.lowest[:, base],
                    )
                    for side in means
                )
                both = ~np.isnan(before.low)  # clusters that have both levels
                name = f"{statistic.factor} {level}"
                yield name, before.chosen(both), after.chosen(both), of[both], of[both]

    def _missing(
        self, estimand: Estimand, kept: NDArray[np.bool_], clusters: Labels
    ) -> tuple[int, tuple[int, int], float]:
        """Scores asked of each side, those missing, and whether the candidate lacks more."""
        lost = [
            np.hstack([np.isnan(scores[estimand.metric][kept]) for scores in side])
            for side in self.scores
        ]
        shares = [one.mean(axis=1) for one in lost]
        rate = self._single(estimand.metric)
        found = paired(shares[1] - shares[0], clusters, 1.0, 1.0, rate)
        asked = max(one.size for one in lost)
        return asked, (int(lost[0].sum()), int(lost[1].sum())), found.p_worse

    def _single(self, metric: str) -> bool:
        """Whether each sample has one answer a side."""
        return all(len(side) == 1 and side[0][metric].shape[1] == 1 for side in self.scores)

    def _metric(self, estimand: Estimand) -> Metric:
        meaning = self.sides[0][0].info["metrics"][estimand.metric]
        better = estimand.better or Direction(meaning["better"])
        own = getattr(estimand.statistic, "better", None)
        return Metric(meaning["low"], meaning["high"], own or better)

    def _scale(self, estimand: Estimand, margin: float) -> Scale:
        """The margin, the most that a value can change, and whether it is yes or no."""
        metric, statistic = self._metric(estimand), estimand.statistic
        reach = metric.high - metric.low
        if isinstance(statistic, Contrast):
            reach *= 2
        elif isinstance(statistic, Share | AnyAbove):
            reach = 1.0
        rate = isinstance(statistic, Share) and self._single(estimand.metric)
        return Scale(min(margin, reach), reach, rate, not isinstance(statistic, Contrast))

    def _clusters(self, estimand: Estimand) -> Labels:
        if estimand.cluster == "sample":
            return self.ids
        return np.array([str(name) for name in self.facts[estimand.cluster]])

    def _scorer(self, metric: str) -> tuple[str, str]:
        """Who gave the scores, which must be the same on both sides."""
        found = {
            row["scorer_id"]: row["validity"]
            for side in self.sides
            for run in side
            for row in run.rows
            if row["metric"] == metric
        }
        if len(found) > 1:
            raise HarnessError(
                f"{self.sides[0][0].name} and {self.sides[1][0].name} cannot be compared, for "
                f"their {metric} was scored by {' and by '.join(found)}: run both commands again "
                "with the same scorers, which asks no model for what it has answered"
            )
        return next(iter(found.items()))


def nearer(
    better: Direction,
    before: Units,
    after: Units,
    clusters: Labels,
    scale: Scale,
    end: End = "measured",
    resamples: int = RESAMPLES,
) -> Paired:
    """The difference by which the candidate is farther from the good end, tested.

    Of what is best at zero it is |mean after| - |mean before|. It is less than the margin where,
    for each sign s, s x after is less than the margin above either sign of the baseline's mean; and
    above zero where, for one s, it is above both. Each choice of a sign costs a factor of two
    (Bonferroni).

    Args:
        better: the good end.
        before: the baseline.
        after: the candidate.
        clusters: of the units.
        scale: what it is held against.
        end: what becomes of missing scores.
        resamples: of the bootstrap.
    """

    def test(s: float, t: float) -> Paired:
        """Of s x after - t x before."""
        differences = {
            "measured": s * after.found - t * before.found,
            "worst": after.most(s) - before.least(t),
            "best": after.least(s) - before.most(t),
        }[end]
        return paired(
            differences, clusters, scale.margin, scale.reach, scale.rate, scale.bounded, resamples
        )

    if better is not Direction.ZERO:
        sign = -1.0 if better is Direction.HIGHER else 1.0
        return test(sign, sign)
    tests = {(s, t): test(s, t) for s in (1.0, -1.0) for t in (1.0, -1.0)}
    signs = [1.0 if (_mean(side.found) or 0.0) >= 0 else -1.0 for side in (after, before)]
    shown = tests[signs[0], signs[1]]
    below = [min(1.0, 2 * min(tests[s, t].p_margin for t in (1.0, -1.0))) for s in (1.0, -1.0)]
    above = [max(tests[s, t].p_worse for t in (1.0, -1.0)) for s in (1.0, -1.0)]
    return replace(
        shown,
        p_margin=max(below),
        p_worse=min(1.0, 2 * min(above)),
        method=f"{shown.method}, both signs",
    )


def holm(p: Sequence[float]) -> list[float]:
    """P-values adjusted for having looked at all of them (Holm 1979)."""
    order = np.argsort(p)
    stepped = np.asarray(p, dtype=float)[order] * (len(p) - np.arange(len(p)))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return [float(one) for one in adjusted]


def _worsened(better: Direction, before: Floats, after: Floats) -> Floats:
    """By how much each unit is farther from the good end."""
    if better is Direction.ZERO:
        return np.abs(after) - np.abs(before)
    return before - after if better is Direction.HIGHER else after - before


def _of_samples(statistic: Any, runs: Sequence[Floats], metric: Metric) -> Units:
    """A side's value of each sample: the mean over its seeds."""

    def over_runs(fill: float | None) -> Floats:
        filled = runs if fill is None else [np.nan_to_num(run, nan=fill) for run in runs]
        return mean_of_rows(np.stack([statistic.of_samples(run) for run in filled], axis=1))

    ends = over_runs(metric.low), over_runs(metric.high)
    return Units(over_runs(None), np.minimum(*ends), np.maximum(*ends))


def _where(estimand: Estimand, facts: Facts) -> NDArray[np.bool_]:
    """Which samples an estimand is over."""
    kept = np.ones(len(facts["sample_id"]), np.bool_)
    for name, wanted in estimand.where.items():
        values = facts.get(name, [None] * len(kept))
        kept &= np.array([value == wanted for value in values], np.bool_)
    return kept


def _facts(samples: Any) -> Facts:
    return {name: samples[name].to_pylist() for name in samples.column_names}


def _samples(store: RunStore) -> Any:
    table = store.read_table("samples")
    if table is None:
        raise HarnessError(
            f"{str(store.folder)!r}: its samples cannot be read; run its command again"
        )
    return table


def _scores(store: RunStore, samples: Any, ids: Sequence[str]) -> dict[str, Floats]:
    """Of each metric a row a sample, a column a generation."""
    scores = Scores(store, samples)
    place = {one: at for at, one in enumerate(samples["sample_id"].to_pylist())}
    rows = np.array([place[one] for one in ids])
    return {name: flat.reshape(-1, scores.n)[rows] for name, flat in scores.values.items()}


def _stands_there(change: Change, others: Sequence[Change]) -> bool:
    """Whether a contrast is one of those already, by another name of its levels."""
    return not change.samples and any(
        (one.task, one.metric, one.samples, one.asked, one.measured, one.before, one.after)
        == (change.task, change.metric, [], change.asked, change.measured, change.before,
            change.after)
        for one in others
    )  # fmt: skip


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


def _mean(values: Floats) -> float | None:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else None
