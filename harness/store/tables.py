"""Samples and scores as tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa

from harness.store.facts import column_of
from harness.types import Prompt, Sample

Keys = Mapping[str, str]
"""What stands in every row: run, task, task_version, data, protocol, model, mitigation."""
SCORE_COLUMNS = {
    "sample_id": pa.string(), "index": pa.int32(), "scorer": pa.string(), "scorer_id": pa.string(),
    "metric": pa.string(), "value": pa.float64(), "error": pa.string(), "explanation": pa.string(),
    "at_least": pa.float64(), "at_most": pa.float64(),
}  # fmt: skip


def samples_table(samples: Sequence[Sample], schema: pa.Schema | None = None) -> pa.Table:
    """One row a sample, with a column for each metadata field that any of them has.

    Args:
        samples: some or all of a run's.
        schema: of the whole table, where these are only some.
    """
    fields = dict.fromkeys(name for sample in samples for name in sample.metadata)
    columns: dict[str, list[object]] = {
        "sample_id": [sample.id for sample in samples],
        "cluster": [sample.cluster or sample.id for sample in samples],
        "prompt": [render(sample.prompt) for sample in samples],
        "messages": [turns(sample.prompt) for sample in samples],
        "target": [sample.target for sample in samples],
    }
    for name in fields:
        columns[column_of(name)] = [sample.metadata.get(name) for sample in samples]
    if schema is None:
        fixed = {"messages": pa.string(), "target": pa.string()}
        return pa.table({k: pa.array(v, fixed.get(k)) for k, v in columns.items()})
    nothing = [None] * len(samples)
    return pa.table({name: columns.get(name, nothing) for name in schema.names}, schema=schema)


def render(prompt: Prompt) -> str:
    """The prompt as a person reads it: turns under their roles."""
    if isinstance(prompt, str):
        return prompt
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in prompt)


def turns(prompt: Prompt) -> str | None:
    """The turns of a chat as JSON, which nothing in them can break; None for plain text."""
    if isinstance(prompt, str):
        return None
    return json.dumps([{"role": m.role, "content": m.content} for m in prompt])


def scores_table(keys: Keys, rows: pa.Table) -> pa.Table:
    """One row a generation and metric; a score that could not be had is null and has its reason."""
    for name, kind in SCORE_COLUMNS.items():
        if name not in rows.column_names:  # of shards from before there was such a column
            rows = rows.append_column(name, pa.nulls(len(rows), kind))
    return _with_keys(keys, rows.select(list(SCORE_COLUMNS)))


def scores_schema(keys: Keys) -> pa.Schema:
    """The schema of the table of all scores."""
    return pa.schema({**dict.fromkeys(keys, pa.string()), **SCORE_COLUMNS})


def _with_keys(keys: Keys, table: pa.Table) -> pa.Table:
    same = {
        name: pa.repeat(pa.scalar(value, pa.string()), len(table)) for name, value in keys.items()
    }
    return pa.table(same | {name: table[name] for name in table.column_names})
