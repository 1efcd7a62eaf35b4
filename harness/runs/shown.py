"""Which difference each gated estimate of a run could show, before it is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.runs.plan import Plan
from harness.runs.samples import Samples
from harness.statistics import (
    NEW_WORST_CASES,
    AnyAbove,
    ClusterMeans,
    Contrast,
    Design,
    Floats,
    Limits,
    Mean,
    Share,
    could_show,
    has_tail,
    imputed,
    spread_of,
    spread_of_tail,
    tail_limit,
)
from harness.store import Facts, FinishedRun
from harness.types import Comparison, Estimand, HarnessError, Metric


@dataclass(frozen=True)
class Shown:
    """What a comparison of two such runs could tell of an estimate."""

    name: str
    margin: float
    difference: float | None
    """The smallest with 80 % power, in the estimate's unit; None of a contrast without an earlier
    run, since log-odds have no worst of their scale."""
    samples: int
    clusters: int
    strata: int
    """1: nothing is fixed."""
    like: bool
    """Whether it goes by an earlier run's spread; else by the worst case of the scale."""


def shown_of(plan: Plan, samples: Samples, like: Path | None) -> Iterator[Shown]:
    """Of each estimate with a margin that a scorer gives what the samples of a run could show.

    Beside each mean stand its new worst cases, with the limit that the gate takes by itself.

    Args:
        plan: of the run.
        samples: that it will ask.
        like: folder of an earlier run of the task, whose spread is taken; None: the worst case.

    Raises:
        HarnessError: the earlier run is of another task, or cannot be read.
    """
    run = None if like is None else FinishedRun.read(like, "forecast_like")
    if run is not None and run.question["task"] != plan.task.name:
        raise HarnessError(
            f"forecast_like={str(like)!r} is a run of {run.question['task']}, not of "
            f"{plan.task.name}: its answers vary in their own way"
        )
    for estimand in plan.task.estimands:
        statistic, metrics = estimand.statistic, plan.scorers.metrics
        if estimand.margin is None or estimand.by is not None or estimand.metric not in metrics:
            continue
        if isinstance(statistic, Comparison) and not isinstance(statistic, Contrast):
            continue  # the gate compares no other
        _, metric = metrics[estimand.metric]
        metric = replace(metric, better=estimand.better or metric.better)
        earlier = None if run is None else _Earlier.of(run, estimand, metric)
        yield from _shown(estimand, estimand.margin, metric, samples.facts, earlier)


@dataclass(frozen=True)
class _Earlier:
    """What an earlier run says of an estimate."""

    estimand: Estimand
    values: Floats
    """A row a sample, NaN is missing."""
    limits: Limits | None
    facts: Facts
    """Of these samples."""
    numbers: NDArray[np.int64]
    metric: Metric

    @classmethod
    def of(cls, run: FinishedRun, estimand: Estimand, metric: Metric) -> _Earlier | None:
        """None where the run does not say."""
        samples = run.samples()
        scores, facts = run.scores(samples), run.facts(samples)
        same = [
            other
            for other in run.estimands
            if (other.name, other.by) == (estimand.name, None)
            and _factor(other) == _factor(estimand)
        ]
        flat = scores.values.get(estimand.metric)
        if flat is None or not same:
            return None
        numbers = np.flatnonzero(facts.chosen(same[0]))
        limits = scores.limits.get(estimand.metric)
        return cls(
            same[0],
            flat.reshape(-1, scores.n)[numbers],
            None if limits is None else limits.shaped(scores.n).rows(numbers),
            facts,
            numbers,
            metric,
        )

    def spread(self, reach: float) -> float | None:
        """How far two sides like it would differ by chance; None: it shows no spread."""
        values: Floats = self.estimand.statistic.of_samples(self.values)  # type: ignore[union-attr]
        units = self.facts.units(self.estimand, self.numbers)
        strata = self.facts.strata(self.estimand, self.numbers)
        return spread_of(values, Design(units, strata), reach)

    def spread_of_contrast(self, contrast: Contrast, reach: float) -> float | None:
        """Likewise of the level of a contrast that differs most from cluster to cluster."""
        units = self.facts.units(self.estimand, self.numbers)
        levels = [str(v) for v in self.facts.of(self.numbers).fields[contrast.factor].items()]
        draws = imputed(self.values, self.limits, levels, units, self.metric) or [self.values]
        means = ClusterMeans(draws[0], levels, units, self.metric)
        if contrast.reference not in means.names:
            return None
        base = means.mean[:, means.names.index(contrast.reference)]
        design = Design(np.arange(len(base)))
        spreads = [spread_of(column - base, design, reach) for column in means.mean.T]
        return max(filter(None, spreads), default=None)


def _shown(
    estimand: Estimand, margin: float, metric: Metric, facts: Facts, earlier: _Earlier | None
) -> Iterator[Shown]:
    """What the samples could show of an estimate, and of its tail where it has one."""
    statistic = estimand.statistic
    reach = 1.0 if isinstance(statistic, Share | AnyAbove) else metric.high - metric.low
    numbers = np.flatnonzero(facts.chosen(estimand))
    strata = facts.strata(estimand, numbers)
    design = Design(facts.units(estimand, numbers), strata)
    clusters = len(np.unique(np.asarray(design.clusters)))
    shown = Shown(
        f"{estimand.name}, {statistic.by}" if isinstance(statistic, Contrast) else estimand.name,
        min(margin, reach),
        None,
        len(numbers),
        clusters,
        1 if strata is None else len(np.unique(strata)),
        like=False,
    )
    if isinstance(statistic, Contrast):
        spread = earlier.spread_of_contrast(statistic, 2 * reach) if earlier else None
        if spread:
            each = Design(np.arange(clusters))
            shown = replace(
                shown, difference=could_show(each, 2 * reach, spread, bounded=False), like=True
            )
        yield shown
        return
    spread = earlier.spread(reach) if earlier else None
    difference = could_show(design, reach, spread) if len(numbers) else None
    yield replace(shown, difference=difference, like=spread is not None)
    if isinstance(statistic, Mean) and has_tail(metric):
        spread = spread_of_tail(earlier.values, metric) if earlier else None
        yield replace(
            shown,
            name=f"{estimand.name}, {NEW_WORST_CASES}",
            margin=tail_limit(margin, metric),
            difference=could_show(design, 1.0, spread) if len(numbers) else None,
            like=spread is not None,
        )


def _factor(estimand: Estimand) -> str | None:
    """What a contrast compares; None of what is none."""
    return estimand.statistic.by if isinstance(estimand.statistic, Contrast) else None
