"""Writes a run's result tables from what is stored, a part at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.plan import Plan, row_keys, sources
from harness.samples import Samples
from harness.store import RunStore
from harness.stored import READ_AT_ONCE, StoredScores, scores_of
from harness.tables import estimates_table, samples_table, scores_schema, scores_table


def write_samples(store: RunStore, samples: Samples) -> None:
    """One row a sample."""
    schema = samples_table(samples.examples).schema
    parts = (samples_table(window, schema) for _, window in samples.windows())
    store.write_parts("samples", schema, parts)


def write_tables(
    plan: Plan, identity: Mapping[str, Any], scores: Sequence[StoredScores]
) -> tuple[pa.Table, float]:
    """Write scores and estimates; gives the estimates and the share that is missing."""
    generations = scores[0].generations
    store, samples = generations.store, generations.samples
    keys = row_keys(plan, identity, store.folder.name)
    values = np.full((len(generations), len(plan.scorers.metrics)), np.nan)
    metrics = list(plan.scorers.metrics)
    said = {
        metrics.index(estimand.metric): np.full(len(generations), None, dtype=object)
        for estimand in plan.task.estimands
        if getattr(estimand.statistic, "explained", False) and estimand.metric in metrics
    }

    def parts() -> Iterator[pa.Table]:
        for first in range(0, len(generations), READ_AT_ONCE):
            rows, present = scores_of(scores, first, first + READ_AT_ONCE)
            values[first : first + READ_AT_ONCE][present] = rows["value"].to_numpy()
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
    return estimates, _unmeasured(estimates, values[:, needed], asides)


def _unmeasured(estimates: pa.Table, values: NDArray[np.float64], asides: Collection[str]) -> float:
    """The largest share that is missing of any metric or headline estimate but the asides."""
    headline = estimates.filter(pc.is_null(estimates["by"])).to_pylist()
    shares = [
        row["n_failed"] / row["n"] for row in headline if row["n"] and row["metric"] not in asides
    ]
    return float(max([*shares, *np.isnan(values).mean(axis=0)], default=1.0))
