"""From scores and facts to the table of estimates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.store.facts import Facts
from harness.store.tables import Keys, _with_keys
from harness.types import Comparison, Estimand, Estimate, Metric, trait

ITSELF = "the judge is the model under test; "
"""What tables say before the validity of a score that a model gave itself."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a metric comes from: its scorer, how far that can be trusted, what the values mean."""

    scorer: str
    scorer_id: str
    validity: str
    """How far it agrees with people, in words."""
    metric: Metric
    judges_itself: bool = False
    """Whether the judge has the weights of the model under test."""

    @property
    def sentence(self) -> str:
        """What tables say of the validity, to be read by people."""
        return f"{ITSELF * self.judges_itself}{self.validity}"


ESTIMATE_COLUMNS = {
    "scorer": pa.string(), "scorer_id": pa.string(), "metric": pa.string(),
    "name": pa.string(), "statistic": pa.string(), "better": pa.string(),
    "by": pa.string(), "group": pa.string(),
    "estimate": pa.float64(), "stderr": pa.float64(), "low": pa.float64(), "high": pa.float64(),
    "worst": pa.float64(), "best": pa.float64(),
    "n": pa.int64(), "n_scored": pa.int64(), "n_failed": pa.int64(), "clusters": pa.int64(),
    "validity": pa.string(),
}  # fmt: skip


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
            "validity": source.sentence,
            "metric": estimand.metric,
            "name": estimand.name,
            "statistic": statistic.name,
            "better": (own or metric.better).value,
            "by": getattr(statistic, "by", estimand.by),
        }
        meant = trait(statistic, "of_scorer")
        foreign = meant is not None and meant != source.scorer_id
        if foreign:
            named["validity"] = f"made for {meant}, not for this scorer; {source.sentence}"
        values: NDArray[Any] = scores[estimand.metric]
        kept = _given(estimand, scores)
        if trait(statistic, "explained"):
            values = (explanations or {})[estimand.metric]
        for group, estimate in _estimates(values, kept, facts, estimand, metric):
            nothing = dict.fromkeys(("estimate", "stderr", "low", "high")) if foreign else {}
            rows.append(named | asdict(estimate) | nothing | {"group": group})
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
    for group, numbers in facts.groups(estimand):
        units = facts.units(estimand, numbers)
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
