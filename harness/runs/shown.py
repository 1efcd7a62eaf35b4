"""Which difference each gated estimate of a run could show, before it is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.runs.plan import Plan
from harness.runs.samples import Samples
from harness.statistics import AnyAbove, Contrast, Design, Floats, Share, could_show, spread_of
from harness.store import FinishedRun
from harness.types import Estimand, HarnessError


@dataclass(frozen=True)
class Shown:
    """What a comparison of two such runs could tell of an estimate."""

    name: str
    margin: float
    difference: float | None
    """The smallest with 80 % power, in the estimate's unit; None of a contrast, which depends on
    the answers."""
    samples: int
    clusters: int
    strata: int
    """1: nothing is fixed."""
    like: bool
    """Whether it goes by an earlier run's spread; else by the worst case of the scale."""


def shown_of(plan: Plan, samples: Samples, like: Path | None) -> Iterator[Shown]:
    """Of each estimate with a margin that a scorer gives what the samples of a run could show.

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
        if estimand.margin is None or estimand.by is not None:
            continue
        if estimand.metric not in plan.scorers.metrics:
            continue
        _, metric = plan.scorers.metrics[estimand.metric]
        of_share = isinstance(estimand.statistic, Share | AnyAbove)
        reach = 1.0 if of_share else metric.high - metric.low
        numbers = np.flatnonzero(samples.facts.chosen(estimand))
        strata = samples.facts.strata(estimand, numbers)
        design = Design(samples.facts.units(estimand, numbers), strata)
        spread = None if run is None else _spread(run, estimand, reach)
        difference = None
        if not isinstance(estimand.statistic, Contrast) and len(numbers):
            difference = could_show(design, reach, spread)
        yield Shown(
            estimand.name,
            min(estimand.margin, reach),
            difference,
            len(numbers),
            len(np.unique(np.asarray(design.clusters))),
            1 if strata is None else len(np.unique(strata)),
            like=spread is not None,
        )


def _spread(run: FinishedRun, estimand: Estimand, reach: float) -> float | None:
    """How far two sides like this run would differ by chance; None: it does not say."""
    samples = run.samples()
    scores, facts = run.scores(samples), run.facts(samples)
    of_same = [e for e in run.estimands if (e.name, e.by) == (estimand.name, None)]
    flat = scores.values.get(estimand.metric)
    if flat is None or not of_same or isinstance(estimand.statistic, Contrast):
        return None
    numbers = np.flatnonzero(facts.chosen(of_same[0]))
    statistic = of_same[0].statistic
    values: Floats = statistic.of_samples(flat.reshape(-1, scores.n)[numbers])  # type: ignore[union-attr]
    strata = facts.strata(of_same[0], numbers)
    return spread_of(values, Design(facts.units(of_same[0], numbers), strata), reach)
