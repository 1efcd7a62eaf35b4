"""Result tables: one row a sample, one row a generation and metric, one row an estimate."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.types import Comparison, Estimand, Estimate, Metric, Prompt, Sample

Keys = Mapping[str, str]
"""What stands in every row: run, task, task_version, data, protocol, model, mitigation."""


ITSELF = "the judge is the model under test; "
"""How the validity of a score begins that a model gave itself."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a metric comes from: its scorer, how far that can be trusted, what the values mean."""

    scorer: str
    scorer_id: str
    validity: str
    metric: Metric


ESTIMATE_COLUMNS = {
    "scorer": pa.string(), "scorer_id": pa.string(), "metric": pa.string(),
    "name": pa.string(), "statistic": pa.string(), "better": pa.string(),
    "by": pa.string(), "group": pa.string(),
    "estimate": pa.float64(), "stderr": pa.float64(), "low": pa.float64(), "high": pa.float64(),
    "worst": pa.float64(), "best": pa.float64(),
    "n": pa.int64(), "n_scored": pa.int64(), "n_failed": pa.int64(), "clusters": pa.int64(),
    "validity": pa.string(),
}  # fmt: skip
SCORE_COLUMNS = {
    "sample_id": pa.string(), "index": pa.int32(), "scorer": pa.string(), "scorer_id": pa.string(),
    "metric": pa.string(), "value": pa.float64(), "error": pa.string(), "explanation": pa.string(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A metadata column: for each sample which of the distinct values it has."""

    codes: NDArray[np.int32]
    values: Sequence[object]

    def having(self, chosen: Iterable[bool]) -> NDArray[np.bool_]:
        """Which samples have one of the values that are chosen."""
        return np.fromiter(chosen, np.bool_, len(self.values))[self.codes]

    def items(self) -> list[object]:
        """The value of each sample."""
        return [self.values[code] for code in self.codes]


@dataclass(frozen=True, slots=True)
class Facts:
    """What estimates ask of samples, by the samples' numbers."""

    clusters: NDArray[np.uint64]
    """A digest of the cluster's name, or of the sample's id where it is its own."""
    fields: Mapping[str, Field]

    def of(self, numbers: NDArray[np.int64]) -> Facts:
        """The same of some samples only."""
        fields = {name: Field(f.codes[numbers], f.values) for name, f in self.fields.items()}
        return Facts(self.clusters[numbers], fields)


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
    reserved = tuple(columns)
    for name in fields:
        column = f"{name}_" if name.rstrip("_") in reserved else name
        columns[column] = [sample.metadata.get(name) for sample in samples]
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
    return _with_keys(keys, rows.select(list(SCORE_COLUMNS)))


def scores_schema(keys: Keys) -> pa.Schema:
    """The schema of the table of all scores."""
    return pa.schema({**dict.fromkeys(keys, pa.string()), **SCORE_COLUMNS})


def asked_of_samples(estimands: Sequence[Estimand]) -> set[str]:
    """The metadata fields that estimands are by or choose samples by."""
    by = {estimand.by for estimand in estimands if estimand.by is not None}
    by |= {e.cluster for e in estimands if e.cluster not in ("cluster", "sample")}
    compared = (getattr(estimand.statistic, "fields", ()) for estimand in estimands)
    return by.union(*(estimand.where for estimand in estimands), *compared)


def estimates_table(
    keys: Keys,
    estimands: Sequence[Estimand],
    facts: Facts,
    scores: Mapping[str, NDArray[np.float64]],
    sources: Mapping[str, Source],
    explanations: Mapping[str, NDArray[np.object_]] | None = None,
) -> pa.Table:
    """One row an estimand; where it is by a metadata column, one for each of its values.

    Args:
        keys: what stands in every row.
        estimands: what the task asks for.
        facts: of all samples of the run.
        scores: of each metric one row a sample, one column a generation; NaN counts as missing.
        sources: where each metric that was scored comes from.
        explanations: of the metrics that a statistic with `explained` is over, shaped as scores.
    """
    rows: list[dict[str, object]] = []
    for estimand in estimands:
        if not {estimand.metric, *estimand.given} <= sources.keys():
            continue
        source, statistic = sources[estimand.metric], estimand.statistic
        own = getattr(statistic, "better", None)
        metric = replace(source.metric, better=estimand.better or source.metric.better)
        named: dict[str, object] = {
            "scorer": source.scorer,
            "scorer_id": source.scorer_id,
            "validity": source.validity,
            "metric": estimand.metric,
            "name": estimand.name,
            "statistic": statistic.name,
            "better": (own or metric.better).value,
            "by": getattr(statistic, "by", estimand.by),
        }
        values: NDArray[Any] = scores[estimand.metric]
        kept = _given(estimand, scores)
        if getattr(statistic, "explained", False):
            values = (explanations or {})[estimand.metric]
        for group, estimate in _estimates(values, kept, facts, estimand, metric):
            rows.append(named | asdict(estimate) | {"group": group})
    columns = {n: pa.array([row[n] for row in rows], kind) for n, kind in ESTIMATE_COLUMNS.items()}
    return _with_keys(keys, pa.table(columns))


def _estimates(
    values: NDArray[Any],
    kept: NDArray[np.float64],
    facts: Facts,
    estimand: Estimand,
    metric: Metric,
) -> Iterator[tuple[str | None, Estimate]]:
    """The estimates of an estimand with what each is of."""
    statistic = estimand.statistic
    for group, numbers in _groups(facts, estimand):
        units = _units(facts, estimand, numbers)
        if isinstance(statistic, Comparison):
            chosen = facts.of(numbers)
            columns = {name: chosen.fields[name].items() for name in statistic.fields}
            yield from statistic.compare(values[numbers], columns, units, metric).items()
            continue
        holds = kept[numbers].ravel()
        asked, n = holds != 0, values.shape[1]
        missing: Any = None if values.dtype == object else np.nan
        own = np.where(np.isnan(holds), missing, values[numbers].ravel())[asked]
        samples, units = np.repeat(numbers, n)[asked], np.repeat(units, n)[asked]
        yield group, statistic.estimate(own, samples, units, metric)


def _given(estimand: Estimand, scores: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Of each generation 1 where the estimand is over it, 0 where not; NaN is unknown."""
    kept = np.ones_like(scores[estimand.metric])
    for name, wanted in estimand.given.items():
        other = scores[name]
        kept *= np.where(np.isnan(other), np.nan, other == wanted)
    return kept


def _units(
    facts: Facts, estimand: Estimand, numbers: NDArray[np.int64]
) -> NDArray[np.int64] | NDArray[np.uint64]:
    """What of each sample is independent of what of others."""
    if estimand.cluster == "cluster":
        return facts.clusters[numbers]
    if estimand.cluster == "sample":
        return numbers
    return facts.fields[estimand.cluster].codes[numbers].astype(np.int64)


def matches(sample: Sample, estimand: Estimand) -> bool:
    """Whether an estimand is over this sample."""
    return all(sample.metadata.get(field) == value for field, value in estimand.where.items())


def _groups(facts: Facts, estimand: Estimand) -> Iterator[tuple[str | None, NDArray[np.int64]]]:
    """The numbers of the samples that an estimand is over, group by group."""
    chosen = np.ones(len(facts.clusters), dtype=np.bool_)
    for name, wanted in estimand.where.items():
        field = facts.fields[name]
        chosen &= field.having(bool(value == wanted) for value in field.values)
    if estimand.by is None:
        yield None, np.flatnonzero(chosen)
        return
    field = facts.fields[estimand.by]
    present = {str(field.values[code]) for code in np.unique(field.codes[chosen])}
    for group in sorted(present):
        belongs = field.having(str(value) == group for value in field.values)
        yield group, np.flatnonzero(chosen & belongs)


def _with_keys(keys: Keys, table: pa.Table) -> pa.Table:
    same = {
        name: pa.repeat(pa.scalar(value, pa.string()), len(table)) for name, value in keys.items()
    }
    return pa.table(same | {name: table[name] for name in table.column_names})
