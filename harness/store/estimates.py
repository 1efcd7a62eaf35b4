"""From scores and facts to the table of estimates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.statistics import Limits, Share
from harness.store.facts import Facts
from harness.store.tables import Keys, _with_keys
from harness.types import Comparison, Estimand, Estimate, Metric, trait

ITSELF = "the judge is the model under test"
"""What tables say before the validity of a score that a model gave itself; who asks whether one did
reads `RunInfo.judges_itself`."""
UNMEASURABLE = "not measurable by this scorer"
"""What stands in the place of a share of which the scorer is known to miss the most."""
LEAST_RECALL = 0.5
"""Share of people's yes that a scorer must find from a cut on for its share to be a number."""


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
    recalls: Mapping[float, float] = field(default_factory=dict)
    """By cut the share that was found, where it was measured, of what people say yes to."""

    def too_few(self, statistic: object) -> str | None:
        """Why a share that reaches a cut is no number: the scorer misses most of what is there."""
        if not isinstance(statistic, Share) or statistic.below:
            return None
        recall = self.recalls.get(statistic.at_least, 1.0)
        if recall >= LEAST_RECALL:
            return None
        return f"{UNMEASURABLE}, which finds {recall:.2f} of what people call so at this cut"

    def said_of(self, statistic: object) -> str:
        """What tables say of the validity of a statistic, to be read by people."""
        itself = ITSELF if self.judges_itself else None
        return "; ".join(filter(None, [itself, self.too_few(statistic), self.validity]))


ESTIMATE_COLUMNS = {
    "scorer": pa.string(), "scorer_id": pa.string(), "metric": pa.string(),
    "name": pa.string(), "statistic": pa.string(), "better": pa.string(),
    "by": pa.string(), "group": pa.string(),
    "estimate": pa.float64(), "stderr": pa.float64(), "low": pa.float64(), "high": pa.float64(),
    "worst": pa.float64(), "best": pa.float64(),
    "n": pa.int64(), "n_scored": pa.int64(), "n_failed": pa.int64(), "clusters": pa.int64(),
    "validity": pa.string(),
}  # fmt: skip

NUMBERS = ("estimate", "stderr", "low", "high", "worst", "best")
"""Of a row, what is null where a scorer cannot measure it."""


def estimates_table(
    keys: Keys,
    estimands: Sequence[Estimand],
    facts: Facts,
    scores: Mapping[str, NDArray[np.float64]],
    sources: Mapping[str, Source],
    explanations: Mapping[str, NDArray[np.object_]] | None = None,
    limits: Mapping[str, Limits] | None = None,
) -> pa.Table:
    """One row an estimand; where it is by a metadata column, one for each of its values.

    Args:
        keys: what stands in every row.
        estimands: what the task asks for.
        facts: of all samples of the run.
        scores: of each metric one row a sample, one column a generation; NaN counts as missing.
        sources: where each metric that was scored comes from.
        explanations: of the metrics that a statistic with `explained` is over, shaped as scores.
        limits: of the metrics of which a missing score has a bound, shaped as scores.
    """
    rows: list[dict[str, object]] = []
    for estimand in estimands:
        if not {estimand.metric, *estimand.given} <= sources.keys():
            continue
        source, statistic = sources[estimand.metric], estimand.statistic
        better = getattr(statistic, "better", None)
        metric = replace(source.metric, better=estimand.better or source.metric.better)
        named: dict[str, object] = {
            "scorer": source.scorer,
            "scorer_id": source.scorer_id,
            "validity": source.said_of(statistic),
            "metric": estimand.metric,
            "name": estimand.name,
            "statistic": statistic.name,
            "better": (better or metric.better).value,
            "by": getattr(statistic, "by", estimand.by),
        }
        meant = trait(statistic, "of_scorer")
        few = source.too_few(statistic)
        foreign = meant is not None and meant != source.scorer_id
        if foreign:
            named["validity"] = f"made for {meant}, not for this scorer; {named['validity']}"
        values: NDArray[Any] = scores[estimand.metric]
        holds = holding(estimand, scores) if estimand.given else None
        if trait(statistic, "explained"):
            values = (explanations or {})[estimand.metric]
        hidden = dict.fromkeys(NUMBERS[:4] if foreign else NUMBERS if few else ())
        of_metric = (limits or {}).get(estimand.metric) if trait(statistic, "bounded") else None
        for group, estimate in _estimates(values, holds, facts, estimand, metric, of_metric):
            rows.append(named | asdict(estimate) | hidden | {"group": group})
    columns = {n: pa.array([row[n] for row in rows], kind) for n, kind in ESTIMATE_COLUMNS.items()}
    return _with_keys(keys, pa.table(columns))


def _estimates(
    values: NDArray[Any],
    holds: NDArray[np.float64] | None,
    facts: Facts,
    estimand: Estimand,
    metric: Metric,
    limits: Limits | None,
) -> Iterator[tuple[str | None, Estimate]]:
    """The estimates of an estimand with what each is of."""
    statistic = estimand.statistic
    for group, numbers in facts.groups(estimand):
        units = facts.units(estimand, numbers)
        if isinstance(statistic, Comparison):
            chosen = facts.of(numbers)
            columns = {name: chosen.fields[name].items() for name in statistic.fields}
            known: dict[str, Any] = {} if limits is None else {"limits": limits.rows(numbers)}
            yield from statistic.compare(values[numbers], columns, units, metric, **known).items()
            continue
        asked_values, of_generations = _shown(
            values[numbers], None if holds is None else holds[numbers]
        )
        fixed: dict[str, Any] = {}
        strata = facts.strata(estimand, numbers) if trait(statistic, "stratified") else None
        if strata is not None:
            fixed["strata"] = of_generations(strata)
        if (weight := trait(statistic, "weight")) is not None:
            weights = np.array(facts.of(numbers).fields[weight].items(), dtype=float)
            fixed["weights"] = of_generations(weights)
        samples, units = of_generations(numbers), of_generations(units)
        yield group, statistic.estimate(asked_values, samples, units, metric, **fixed)


def _shown(
    values: NDArray[Any], holds: NDArray[np.float64] | None
) -> tuple[NDArray[Any], Callable[[NDArray[Any]], NDArray[Any]]]:
    """The values of the generations that are asked of, and how a column of samples becomes theirs.

    Args:
        values: a row a sample, a column a generation.
        holds: 1 where what is given holds, 0 where not, NaN where it is not known; None: nothing
            is given.
    """
    n = values.shape[1]
    if holds is None:
        return values.ravel(), lambda column: np.repeat(column, n)
    conditions = holds.ravel()
    asked = conditions != 0
    missing: Any = None if values.dtype == object else np.nan
    asked_values = np.where(np.isnan(conditions), missing, values.ravel())[asked]
    return asked_values, lambda column: np.repeat(column, n)[asked]


def holding(estimand: Estimand, scores: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Of each generation 1 where the estimand's `given` holds, 0 where not; NaN is unknown.

    Args:
        estimand: with what must hold.
        scores: of its metric and of those that `given` names, of one shape; NaN is missing.
    """
    holds = np.ones_like(scores[estimand.metric])
    for name, wanted in estimand.given.items():
        other = scores[name]
        holds *= np.where(np.isnan(other), np.nan, other == wanted)
    return holds
