"""What each attack brings back, by the questions that all three runs were asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.mitigate.compare.systems import card_of
from harness.mitigate.recover.asking import Case
from harness.mitigate.recover.attacks import Attack, Row
from harness.statistics import Recovery, recovered_share
from harness.store import FinishedRun, field_of
from harness.types import HarnessError

Floats = NDArray[np.float64]
COHERENT = "coherent"
"""A metric of whether an answer can be read, where the task has it."""


@dataclass(frozen=True)
class Recovered:
    """An attack's row."""

    attack: Attack
    method: str
    """That made the model forget, as its card or the run says."""
    method_class: str
    """What that is in the survey of unlearning; empty: outside of it."""
    means: tuple[float, float, float]
    """Of the metric: of the model that knew, of the unlearned one, and under the attack."""
    recovery: Recovery
    coherent: float | None
    """Share of answers under the attack that can be read; None where the task does not say."""


@dataclass(frozen=True)
class _Known:
    """Scores of the questions that are looked at, by sample."""

    values: Mapping[str, float]
    clusters: Mapping[str, str]
    prompts: Mapping[str, str]
    coherent: float | None


def recoveries(
    case: Case, attacks: Sequence[Attack], metric: str, where: Mapping[str, object]
) -> list[Recovered]:
    """A row an attack; runs are made where there are none."""
    known, forgotten = case.known(), case.forgotten()
    rows = []
    for attack in attacks:
        print(f"\n{attack.name}", flush=True)
        runs = (known, forgotten, case.attacked(attack))
        rows.append(recovered(attack, runs, metric, where, case.relearned(attack)))
    return rows


def recovered(
    attack: Attack, runs: tuple[FinishedRun, FinishedRun, FinishedRun], metric: str,
    where: Mapping[str, object], relearned: Sequence[Row] = (),
) -> Recovered:  # fmt: skip
    """What an attack brings back.

    Args:
        attack: of which the last run is.
        runs: of the model that knew, of the unlearned one, and of that under the attack.
        metric: higher is more known.
        where: by metadata column the value that a sample must have to count.
        relearned: items that the attack trained on, which do not count.

    Raises:
        HarnessError: there is no such metric, column or sample.
    """
    meaning = runs[0].info.meaning(metric)
    if meaning is None:
        raise HarnessError(f"metric={metric!r}: {runs[0].name} has {', '.join(runs[0].metrics)}")
    scores = [_scores(run, metric, where) for run in runs]
    asked = _asked(scores, [str(row["question"]) for row in relearned])
    known, unlearned, attacked = (np.array([score.values[s] for s in asked]) for score in scores)
    clusters = np.unique([scores[0].clusters[s] for s in asked], return_inverse=True)[1]
    name, method_class = method_of(runs[1])
    return Recovered(
        attack, name, method_class, (_mean(known), _mean(unlearned), _mean(attacked)),
        recovered_share(known, unlearned, attacked, clusters, meaning), scores[2].coherent,
    )  # fmt: skip


def method_of(run: FinishedRun) -> tuple[str, str]:
    """What made the model forget, and its class: by the checkpoint's card, and by the run."""
    card = card_of(run) or {}
    mitigation = run.info.mitigation if run.info.identity["mitigation"] else ""
    names = [str(card.get("method", "")), mitigation]
    classes = [str(card.get("method_class", "")), run.info.method_class]
    return "+".join(filter(None, names)) or "not stated", " and ".join(
        dict.fromkeys(filter(None, classes))
    )


def _asked(runs: Sequence[_Known], relearned: Collection[str]) -> list[str]:
    """Samples that all three runs have and that were not relearned.

    Raises:
        HarnessError: there are none.
    """
    shared = set.intersection(*(set(run.values) for run in runs))
    prompts = runs[0].prompts
    samples = sorted(s for s in shared if not any(q in prompts[s] for q in relearned))
    if not samples:
        raise HarnessError("no question is left that was not relearned; lower relearned=")
    return samples


def _scores(run: FinishedRun, metric: str, where: Mapping[str, object]) -> _Known:
    """Of each sample that `where` chooses the mean of its generations' scores."""
    table = run.samples()
    ids = [str(name) for name in table["sample_id"].to_pylist()]
    chosen = _chosen(table, where)
    scores = run.scores(table)
    values = _by_sample(scores.values.get(metric), len(ids), scores.n)
    readable = _by_sample(scores.values.get(COHERENT), len(ids), scores.n)[chosen]
    return _Known(
        {ids[n]: float(values[n]) for n in chosen},
        dict(zip(ids, map(str, table["cluster"].to_pylist()), strict=True)),
        dict(zip(ids, map(str, table["prompt"].to_pylist()), strict=True)),
        None if np.isnan(readable).all() else float(np.nanmean(readable)),
    )


def _chosen(table: pa.Table, where: Mapping[str, object]) -> list[int]:
    """Numbers of the samples whose metadata are as `where` says.

    Raises:
        HarnessError: there is no such column, or no such sample.
    """
    columns = {field_of(column): column for column in table.column_names}
    if unknown := [field for field in where if field not in columns]:
        raise HarnessError(f"where.{unknown[0]}: samples have {', '.join(columns)}")
    matches = [
        all(str(value) == str(where[field]) for field, value in zip(where, row, strict=True))
        for row in zip(*(table[columns[field]].to_pylist() for field in where), strict=True)
    ]
    numbers = [n for n, keep in enumerate(matches) if keep] if where else list(range(len(table)))
    if not numbers:
        raise HarnessError(f"where={dict(where)} chooses no sample")
    return numbers


def _by_sample(values: Floats | None, samples: int, n: int) -> Floats:
    """The mean over generations, shape (samples,); NaN where there is none."""
    if values is None:
        return np.full(samples, np.nan)
    rows = values.reshape(samples, n)
    counts = (~np.isnan(rows)).sum(1)
    sums = np.nansum(rows, axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _mean(values: Floats) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
