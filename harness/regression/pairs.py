"""Two runs of one task, sample by sample."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.regression.nearer import nearer
from harness.regression.sides import ENDS, Facts, Labels, Scale, Units, _mean
from harness.regression.verdict import Change, Part
from harness.statistics import (
    AnyAbove,
    ClusterMeans,
    Contrast,
    Floats,
    Share,
    from_record,
    mean_of_rows,
    paired,
)
from harness.store import Run, RunStore, Scores
from harness.types import Direction, Estimand, HarnessError, Metric

MOST_CHANGED = 10
"""Samples that are kept of each estimate, the worst changed."""


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
