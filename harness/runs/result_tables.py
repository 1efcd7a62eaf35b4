"""Writes a run's result tables from what is stored, a part at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.runs.asked import Asked
from harness.runs.dialogues import Dialogues
from harness.runs.index import READ_AT_ONCE, StoredScores, scores_of
from harness.runs.samples import Samples
from harness.statistics import Limits
from harness.store import (
    Facts,
    RunStore,
    estimates_table,
    samples_table,
    scores_schema,
    scores_table,
)
from harness.types import Estimand, of_language, trait

SIDES = Limits._fields
"""Columns of scores: the bounds of what is missing."""
MOST_REASONS = 3
"""Reasons for missing scores that are kept of each metric; all stand in `scores.parquet`."""


class Written(NamedTuple):
    """What became of a run's scores."""

    estimates: pa.Table
    unmeasured: float
    """The largest share that is missing of any metric or headline estimate but the asides."""
    missing: Mapping[str, Sequence[tuple[str, int]]]
    """For each metric that lacks scores the commonest reasons, each with its count."""
    unread: Mapping[str, int]
    """By scorer, or metric, how many answers have no score for the language that they are in."""


def write_samples(store: RunStore, samples: Samples, dialogues: Dialogues | None = None) -> None:
    """One row a sample.

    Args:
        store: of the run.
        samples: of the run.
        dialogues: of the run, whose answers are stored: each turn then has what generation 0 was
            asked; None: turns are not yet known.
    """
    schema = samples_table(samples.examples).schema
    parts = (
        samples_table(dialogues.window(first, window) if dialogues else window, schema)
        for first, window in samples.windows()
    )
    store.write_parts("samples", schema, parts)


def write_tables(asked: Asked, scores: Sequence[StoredScores]) -> Written:
    """Write the scores, a part at a time, and the estimates that are taken from them.

    Args:
        asked: of the run.
        scores: of each scorer, complete.
    """
    generations = scores[0].generations
    store, samples, n = generations.store, generations.samples, generations.n
    metrics, estimands = list(asked.sources), asked.estimands
    columns = _Columns(len(generations), metrics, _explained(estimands, metrics))
    parts = (scores_table(asked.keys, rows) for rows in columns.read(scores))
    store.write_parts("scores", scores_schema(asked.keys), parts)
    estimates = estimates_table(
        asked.keys,
        estimands,
        samples.facts,
        {metric: columns.values[:, i].reshape(-1, n) for i, metric in enumerate(metrics)},
        asked.sources,
        {metric: words.reshape(-1, n) for metric, words in columns.words.items()},
        {metric: limits.shaped(n) for metric, limits in columns.limits.items()},
    )
    store.write_table("estimates", estimates, csv=True)
    values = {metric: columns.values[:, i] for i, metric in enumerate(metrics)}
    failed = {
        metric: (_failed(metric, columns) & ~_nothing(metric, values, asked)).reshape(-1, n)
        for metric, column in values.items()
        if metric not in asked.asides
    }
    shares = [float(of_metric.mean()) for of_metric in failed.values() if of_metric.size]
    shares += _of_headline(estimates, failed, asked, samples.facts)
    unmeasured = max(shares, default=1.0)
    unread = _unread(columns.reasons, {m: source.scorer for m, source in asked.sources.items()})
    return Written(estimates, unmeasured, _commonest(columns.reasons), unread)


def _explained(estimands: Sequence[Estimand], metrics: Sequence[str]) -> set[str]:
    """The metrics of which a statistic is given the explanations."""
    explained = {e.metric for e in estimands if trait(e.statistic, "explained")}
    return explained.intersection(metrics)


class _Columns:
    """What estimates need of the scores, gathered as the rows go by.

    Args:
        count: generations of the run.
        metrics: of the run, in the scorers' order.
        explained: those of them whose explanations are kept.
    """

    def __init__(self, count: int, metrics: Sequence[str], explained: Collection[str]) -> None:
        self.metrics = metrics
        self.values = np.full((count, len(metrics)), np.nan)
        """A row a generation, a column a metric; NaN is missing."""
        self.words = {metric: np.full(count, None, dtype=object) for metric in explained}
        self.limits: dict[str, Limits] = {}
        """Of the metrics of which a missing score has a bound."""
        self.reasons: Counter[tuple[str, str]] = Counter()

    def read(self, scores: Sequence[StoredScores]) -> Iterator[pa.Table]:
        """The rows of all scores, a part at a time."""
        for first in range(0, len(self.values), READ_AT_ONCE):
            part = slice(first, first + READ_AT_ONCE)
            rows, present = scores_of(scores, part.start, part.stop)
            self.values[part][present] = rows["value"].to_numpy()
            self._note_limits(part, present, rows)
            self.reasons.update(_reasons(rows))
            if self.words:
                words = np.full(present.shape, None, dtype=object)
                words[present] = rows["explanation"].to_numpy(zero_copy_only=False)
                for metric, column in self.words.items():
                    column[part] = words[:, self.metrics.index(metric)]
            yield rows

    def _note_limits(self, part: slice, present: NDArray[np.bool_], rows: pa.Table) -> None:
        """Keep what is known of missing values of a part."""
        for place, side in enumerate(SIDES):
            if side not in rows.column_names or rows[side].null_count == len(rows):
                continue
            bounds = np.full(present.shape, np.nan)
            bounds[present] = rows[side].to_numpy()
            for at in np.flatnonzero(~np.isnan(bounds).all(axis=0)):
                metric = self.metrics[int(at)]
                limits = self.limits.setdefault(metric, Limits.unknown(len(self.values)))
                limits[place][part] = bounds[:, at]


def _failed(metric: str, columns: _Columns) -> NDArray[np.bool_]:
    """Of which generations nothing of a metric is known, not even a bound."""
    values = columns.values[:, columns.metrics.index(metric)]
    limits = columns.limits.get(metric)
    failed: NDArray[np.bool_] = np.isnan(values)
    return failed if limits is None else failed & ~limits.of(values)


def _reasons(scores: pa.Table) -> Iterator[tuple[str, str]]:
    """Metric and reason of each score that is missing."""
    lost = scores.filter(pc.is_valid(scores["error"])).select(["metric", "error"])
    yield from zip(lost["metric"].to_pylist(), lost["error"].to_pylist(), strict=True)


def _commonest(reasons: Counter[tuple[str, str]]) -> Mapping[str, Sequence[tuple[str, int]]]:
    commonest: dict[str, list[tuple[str, int]]] = {}
    for (metric, reason), count in reasons.most_common():
        if len(commonest.setdefault(metric, [])) < MOST_REASONS:
            commonest[metric].append((reason, count))
    return commonest


def _unread(reasons: Counter[tuple[str, str]], scorers: Mapping[str, str]) -> dict[str, int]:
    """How many scores are missing for a text's language, by scorer, or by metric where they differ.

    Args:
        reasons: how often a score of a metric is missing for which reason.
        scorers: by metric.
    """
    counts = Counter(
        dict.fromkeys(scorers, 0)
        | {
            metric: sum(
                n for (name, why), n in reasons.items() if name == metric and of_language(why)
            )
            for metric in {metric for metric, _ in reasons}
        }
    )
    unread: dict[str, int] = {}
    for scorer in dict.fromkeys(scorers.values()):
        of_it = {metric: counts[metric] for metric, name in scorers.items() if name == scorer}
        alike = len(set(of_it.values())) == 1
        unread |= {scorer: max(of_it.values())} if alike else of_it
    return {name: count for name, count in unread.items() if count}


def _nothing(
    metric: str, values: Mapping[str, NDArray[np.float64]], asked: Asked
) -> NDArray[np.bool_]:
    """Which generations hold nothing that a metric could measure, by its scorer's own word."""
    empty = asked.nothing_where.get(metric)
    column = values[metric] if empty is None else values[empty]
    return np.zeros(len(column), np.bool_) if empty is None else column == 0


def _of_headline(
    estimates: pa.Table, failed: Mapping[str, NDArray[np.bool_]], asked: Asked, facts: Facts
) -> Iterator[float]:
    """The share that failed of each headline estimate but those of asides.

    Args:
        estimates: of the run.
        failed: by metric of each generation, a row a sample, whether it failed to be scored.
        asked: of the run.
        facts: of its samples.
    """
    for row in estimates.filter(pc.is_null(estimates["by"])).to_pylist():
        if row["n"] and row["metric"] in failed and row["metric"] not in asked.nothing_where:
            yield row["n_failed"] / row["n"]
    for estimand in asked.estimands:
        if estimand.by is None and estimand.metric in asked.nothing_where.keys() & failed.keys():
            chosen = failed[estimand.metric][facts.chosen(estimand)]
            if chosen.size:
                yield float(chosen.mean())
