"""What an estimand compares: the values of both sides, a sample or a cluster in each place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.regression.pairs import Pair
from harness.regression.sides import Labels, Units
from harness.statistics import (
    AnyAbove,
    ClusterMeans,
    Contrast,
    Design,
    FixedSamples,
    Floats,
    Limits,
    Mean,
    Scale,
    Share,
    imputed,
    mean_of_rows,
)
from harness.types import Estimand, Metric

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Values:
    """Both sides of one difference."""

    before: Units
    after: Units
    names: Labels
    """What each place is of: a sample's id, or of a contrast a cluster."""
    design: Design | FixedSamples
    """Which places depend on each other, and what is fixed; or how answers to each vary."""
    level: str | None = None
    """Of a contrast which level differs from the reference."""


def values_of(pair: Pair, estimand: Estimand, numbers: Numbers) -> Iterator[Values]:
    """Both sides' values of these samples; of a contrast for each level but the reference.

    Args:
        pair: of one task.
        estimand: is scored on both sides.
        numbers: of samples of the pair.
    """
    clusters = pair.facts.units(estimand, numbers)
    sides = [[run[estimand.metric][numbers] for run in side] for side in pair.scores]
    statistic, metric = estimand.statistic, pair.metric(estimand)
    if isinstance(statistic, Contrast):
        levels = levels_of(pair.facts.of(numbers).fields[statistic.factor].items())
        labels = levels, clusters
        means = [
            _drawn(np.hstack(side), pair.limits_of(estimand, at, numbers), labels, metric)
            for at, side in enumerate(sides)
        ]
        for values in _of_levels(statistic, means, np.unique(clusters)):
            if pair.is_fixed and values.level is not None:
                drawn = [_contrasts(statistic, values, side, labels, metric) for side in sides]
                values = replace(values, design=FixedSamples.of((drawn[0], drawn[1]), pair.drawn))
            elif pair.turns is not None:  # clusters come when they are whole, and are not bet on
                nothing = np.zeros(len(values.names))
                values = replace(values, design=Design(values.names, turns=nothing))
            yield values
        return
    before, after = (_of_samples(statistic, side, metric) for side in sides)
    design: Design | FixedSamples = pair.design(estimand, numbers)
    if pair.is_fixed:
        drawn = [_answers(statistic, side) for side in sides]
        design = FixedSamples.of((drawn[0], drawn[1]), pair.drawn)
    yield Values(before, after, pair.ids[numbers], design)


def _drawn(
    values: Floats, limits: Limits | None, labels: tuple[list[str], Labels], metric: Metric
) -> list[ClusterMeans]:
    """A side's means of each imputation of what has a bound; one where nothing has."""
    draws = imputed(values, limits, *labels, metric)
    if not draws:  # of too much a bound alone is known: it lies somewhere between its ends
        return [ClusterMeans(values, *labels, metric, limits)]
    return [ClusterMeans(draw, *labels, metric) for draw in draws]


def _answers(statistic: Any, runs: Sequence[Floats]) -> Floats:
    """A side's values of each answer; where a statistic is of several answers, of each run."""
    of_one = isinstance(statistic, Mean | Share)
    draws = [run[:, [at]] for run in runs for at in range(run.shape[1])] if of_one else runs
    return np.stack([statistic.of_samples(draw) for draw in draws], axis=1)


def _contrasts(
    statistic: Contrast,
    values: Values,
    runs: Sequence[Floats],
    labels: tuple[list[str], Labels],
    metric: Metric,
) -> Floats:
    """A side's difference of a level from the reference in each cluster, of each run."""
    columns = []
    for run in runs:
        side = ClusterMeans(run, *labels, metric)
        at, base = side.names.index(values.level or ""), side.names.index(statistic.reference)
        shared = np.isin(np.unique(labels[1]), values.names)
        columns.append((side.mean[:, at] - side.mean[:, base])[shared])
    return np.stack(columns, axis=1)


def levels_of(values: Sequence[object]) -> list[str]:
    """The levels of a factor by name, as a contrast tells them."""
    return [str(value) for value in values]


def scale_of(pair: Pair, estimand: Estimand, margin: float) -> Scale:
    """The margin, the most that a value can change, and whether it is yes or no."""
    metric, statistic = pair.metric(estimand), estimand.statistic
    reach = metric.high - metric.low
    if isinstance(statistic, Contrast):
        reach *= 2
    elif isinstance(statistic, Share | AnyAbove):
        reach = 1.0
    rate = isinstance(statistic, AnyAbove) or (
        isinstance(statistic, Share) and pair.answered_once(estimand.metric)
    )
    return Scale(min(margin, reach), reach, rate, not isinstance(statistic, Contrast))


def _of_levels(
    statistic: Contrast, means: Sequence[Sequence[ClusterMeans]], clusters: Labels
) -> Iterator[Values]:
    """The differences of each level from the reference, over clusters that have both.

    Args:
        statistic: of the estimand.
        means: of each side, for each imputation.
        clusters: whose means they are.
    """
    names = means[0][0].names
    if statistic.reference not in names:
        return
    base = names.index(statistic.reference)
    for at, level in enumerate(names):
        if at == base:
            continue
        before, after = (
            Units.of_draws(
                [
                    Units(
                        draw.mean[:, at] - draw.mean[:, base],
                        draw.lowest[:, at] - draw.highest[:, base],
                        draw.highest[:, at] - draw.lowest[:, base],
                    )
                    for draw in side
                ]
            )
            for side in means
        )
        both = ~np.isnan(np.atleast_2d(before.low)[0])
        design = Design(clusters[both])
        yield Values(before.chosen(both), after.chosen(both), clusters[both], design, level)


def _of_samples(statistic: Any, runs: Sequence[Floats], metric: Metric) -> Units:
    """A side's value of each sample: the mean over its seeds."""

    def over_runs(fill: float | None) -> Floats:
        filled = runs if fill is None else [np.nan_to_num(run, nan=fill) for run in runs]
        return mean_of_rows(np.stack([statistic.of_samples(run) for run in filled], axis=1))

    ends = over_runs(metric.low), over_runs(metric.high)
    return Units(over_runs(None), np.minimum(*ends), np.maximum(*ends))
