"""Writes a run's result tables from what is stored, a part at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.runs.index import READ_AT_ONCE, StoredScores, scores_of
from harness.runs.plan import Plan, row_keys, sources
from harness.runs.samples import Samples
from harness.store import RunStore, estimates_table, samples_table, scores_schema, scores_table
from harness.types import trait

MOST_REASONS = 3
"""Reasons for missing scores that are kept of each metric; all stand in `scores.parquet`."""


class Written(NamedTuple):
    """What became of a run's scores."""

    estimates: pa.Table
    unmeasured: float
    """The largest share that is missing of any metric or headline estimate but the asides."""
    missing: Mapping[str, Sequence[tuple[str, int]]]
    """For each metric that lacks scores the commonest reasons, each with its count."""


def write_samples(store: RunStore, samples: Samples) -> None:
    """One row a sample."""
    schema = samples_table(samples.examples).schema
    parts = (samples_table(window, schema) for _, window in samples.windows())
    store.write_parts("samples", schema, parts)


def write_tables(
    plan: Plan, identity: Mapping[str, Any], scores: Sequence[StoredScores]
) -> Written:
    """Write scores and estimates."""
    generations = scores[0].generations
    store, samples = generations.store, generations.samples
    keys = row_keys(plan, identity, store.folder.name)
    values = np.full((len(generations), len(plan.scorers.metrics)), np.nan)
    metrics = list(plan.scorers.metrics)
    reasons: Counter[tuple[str, str]] = Counter()
    said = {
        metrics.index(estimand.metric): np.full(len(generations), None, dtype=object)
        for estimand in plan.task.estimands
        if trait(estimand.statistic, "explained") and estimand.metric in metrics
    }

    def parts() -> Iterator[pa.Table]:
        for first in range(0, len(generations), READ_AT_ONCE):
            rows, present = scores_of(scores, first, first + READ_AT_ONCE)
            values[first : first + READ_AT_ONCE][present] = rows["value"].to_numpy()
            reasons.update(_reasons(rows))
            if said:
                words = np.full(present.shape, None, dtype=object)
                words[present] = rows["explanation"].to_numpy(zero_copy_only=False)
                for column, kept in said.items():
                    kept[first : first + READ_AT_ONCE] = words[:, column]
            yield scores_table(keys, rows)

    store.write_parts("scores", scores_schema(keys), parts())
    estimates = estimates_table(
        keys,
        plan.task.estimands,
        samples.facts,
        {
            metric: values[:, column].reshape(-1, plan.generation.n)
            for column, metric in enumerate(plan.scorers.metrics)
        },
        sources(plan),
        {metrics[column]: kept.reshape(-1, plan.generation.n) for column, kept in said.items()},
    )
    store.write_table("estimates", estimates, csv=True)
    asides = plan.scorers.asides
    needed = [column for column, metric in enumerate(metrics) if metric not in asides]
    unmeasured = _unmeasured(estimates, values[:, needed], asides)
    return Written(estimates, unmeasured, _commonest(reasons))


def _reasons(scores: pa.Table) -> Iterator[tuple[str, str]]:
    """Metric and reason of each score that is missing."""
    lost = scores.filter(pc.is_valid(scores["error"])).select(["metric", "error"])
    yield from zip(lost["metric"].to_pylist(), lost["error"].to_pylist(), strict=True)


def _commonest(reasons: Counter[tuple[str, str]]) -> Mapping[str, Sequence[tuple[str, int]]]:
    kept: dict[str, list[tuple[str, int]]] = {}
    for (metric, reason), count in reasons.most_common():
        if len(kept.setdefault(metric, [])) < MOST_REASONS:
            kept[metric].append((reason, count))
    return kept


def _unmeasured(estimates: pa.Table, values: NDArray[np.float64], asides: Collection[str]) -> float:
    """The largest share that is missing of any metric or headline estimate but the asides."""
    headline = estimates.filter(pc.is_null(estimates["by"])).to_pylist()
    shares = [
        row["n_failed"] / row["n"] for row in headline if row["n"] and row["metric"] not in asides
    ]
    return float(max([*shares, *np.isnan(values).mean(axis=0)], default=1.0))
