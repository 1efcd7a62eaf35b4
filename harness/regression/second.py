"""A second reading: the answers of both sides scored by another scorer, and what it makes of them.

A verdict holds only where both readings say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness.regression.gate import Margins, compare, key_of
from harness.regression.verdict import Comparison, Second
from harness.statistics import AnyAbove, Contrast, Mean, Share, as_record
from harness.store import FinishedRun, Scores
from harness.types import Direction, Estimand, HarnessError


@dataclass(frozen=True)
class Reread(FinishedRun):
    """A run with another scorer's scores of its answers in place of its own."""

    second: FinishedRun

    def scores(self, samples: pa.Table) -> Scores:
        """The values of each metric, the second scorer's first."""
        scores = super().scores(samples)
        other = self.second.scores(samples)
        for metric, values in other.values.items():
            wide = np.full((len(samples), scores.n), np.nan)
            shared = min(other.n, scores.n)
            wide[:, :shared] = values.reshape(-1, other.n)[:, :shared]
            scores.values[metric] = wide.ravel()
        return scores


def second_reading(
    comparison: Comparison,
    name: str,
    margins: tuple[Margins, Margins],
    rescore: Callable[[Path], Path],
) -> Second:
    """Compare both sides again by what another scorer reads.

    Metrics of the same name and range take the place of the run's own, and the rest of the gate
    stays; of a task that has none, each gated estimate is asked anew as the mean of what the scorer
    gives, with a margin that is as large a share of its scale.

    Args:
        comparison: by the runs' own scorers.
        name: of the second scorer, as it is told.
        margins: margins and guards of the first reading.
        rescore: gives the folder of a run of the second scorer over the answers of a run's folder.

    Raises:
        HarnessError: it reads nothing that is gated.
    """
    asked = ({**margins[0]}, {**margins[1]})
    sides: list[list[FinishedRun]] = []
    for side in (comparison.baseline, comparison.candidate):
        runs: list[FinishedRun] = []
        for run in side:
            second = FinishedRun.read(rescore(run.folder), "second_scorer")
            task = run.question["task"]
            if same := _same(run, second, margins, task):
                runs.append(_replaced(run, second, same))
                continue
            anew = list(
                _anew(run, second, {**margins[0].get(task, {}), **margins[1].get(task, {})})
            )
            if not anew:
                raise HarnessError(
                    f"second_scorer={name} reads nothing that is gated of {task}: it gives "
                    f"{', '.join(second.metrics) or 'no metric'}"
                )
            asked[0][task] = {key_of(e.name): e.margin for e in anew if e.margin is not None}
            asked[1].pop(task, None)
            runs.append(_asking(_replaced(run, second, list(second.metrics)), anew))
        sides.append(runs)
    return Second(name, compare(sides[0], sides[1], *asked, comparison.reading))


def _same(
    run: FinishedRun, second: FinishedRun, margins: tuple[Margins, Margins], task: str
) -> list[str]:
    """The metrics of both readings that are gated and on one scale."""
    keys = {*margins[0].get(task, {}), *margins[1].get(task, {})}
    gated = {e.metric for e in run.estimands if e.by is None and key_of(e.name) in keys}
    return [
        metric for metric, meaning in second.metrics.items()
        if metric in gated and run.metrics.get(metric) == meaning
    ]  # fmt: skip


def _replaced(run: FinishedRun, second: FinishedRun, metrics: Sequence[str]) -> Reread:
    """The run with these metrics as the second scorer reads them."""
    meanings = second.info.metrics or {}
    of_second = {name: meanings[name] for name in metrics}
    info = replace(run.info, metrics={**(run.info.metrics or {}), **of_second})
    rows = [row for row in run.rows if row["metric"] not in metrics]
    rows += [row for row in second.rows if row["metric"] in metrics]
    return Reread(run.folder, info, rows, second)


def _asking(run: Reread, estimands: Sequence[Estimand]) -> Reread:
    return replace(run, info=replace(run.info, estimands=[as_record(e) for e in estimands]))


def _anew(run: FinishedRun, second: FinishedRun, margins: Any) -> Iterator[Estimand]:
    """Each gated estimate as a mean of what the second scorer gives."""
    for estimand in run.estimands:
        margin = margins.get(key_of(estimand.name))
        gated = margin is not None and estimand.by is None and estimand.metric in run.metrics
        if not gated or isinstance(estimand.statistic, Contrast):
            continue
        scale = run.metrics[estimand.metric]
        of_share = isinstance(estimand.statistic, Share | AnyAbove)
        share = min(1.0, margin / (1.0 if of_share else scale.high - scale.low))
        for metric, meaning in second.metrics.items():
            aside = (second.info.metrics or {})[metric].get("aside", False)
            if not aside and meaning.better in (Direction.LOWER, Direction.HIGHER):
                yield replace(
                    estimand,
                    name=f"{metric}, for {estimand.name}",
                    metric=metric,
                    statistic=Mean(),
                    better=None,
                    given={},
                    margin=share * (meaning.high - meaning.low),
                )
