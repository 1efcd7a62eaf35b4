"""Every estimate of a bundle, computed anew from its rows."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness import statistics
from harness.evidence.verify.findings import Finding, Kind
from harness.statistics import VERSION, as_record, from_record
from harness.store import (
    ESTIMATE_COLUMNS,
    UNMEASURABLE,
    Facts,
    FinishedRun,
    Scores,
    Source,
    asked_of_samples,
    estimates_table,
)
from harness.types import Direction, Estimand, trait

TOLERANCE = 1e-9
"""Of a number's size, by which two machines' sums may differ."""
NAMED = ("scorer", "metric", "name", "statistic", "by", "group")
"""What names an estimate."""
NUMBERS = ("estimate", "stderr", "low", "high", "worst", "best",
           "n", "n_scored", "n_failed", "clusters")  # fmt: skip


def recomputed(run: FinishedRun) -> list[Finding]:
    """Which fields of the estimates do not follow from the rows, and which none could check."""
    if not isinstance(run.info.metrics, dict) or run.info.estimands is None:
        return [Finding(Kind.UNCHECKED, "estimates.jsonl", "run.json keeps no estimands")]
    read = [(record, estimand_of(record)) for record in run.info.estimands]
    estimands = [estimand for _, estimand in read if estimand is not None]
    unread = {(_of(r, "name"), _of(r, "metric")) for r, estimand in read if estimand is None}
    fresh = _estimates(run, estimands)
    findings = list(_compared(run.rows, fresh, unread))
    if run.info.statistics != VERSION:
        words = f"it was {run.info.statistics!r} and is {VERSION!r} here: numbers may differ"
        findings.append(Finding(Kind.UNCHECKED, "run.json statistics", words))
    return findings


def estimand_of(record: object) -> Estimand | None:
    """The estimand of a record, of any statistic of ours that its record makes again."""
    estimand = from_record(record)
    if estimand is not None:
        return estimand
    try:
        entries: dict[str, Any] = dict(record)  # type: ignore[call-overload]
        options = dict(entries["statistic"])
        kind = getattr(statistics, str(options.pop("kind")), None)
        if not (isinstance(kind, type) and is_dataclass(kind)):
            return None
        better = entries["better"]
        entries |= {
            "statistic": _instance(kind, options),
            "strata": tuple(entries.get("strata", ())),
        }
        estimand = Estimand(**entries | {"better": Direction(better) if better else None})
        return estimand if as_record(estimand) == record else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _instance(kind: type[Any], options: Mapping[str, Any]) -> object:
    """A statistic from its record, and what it is a statistic of from its own within."""
    values = {}
    for field in fields(kind):
        if field.name not in options:
            continue
        value = options[field.name]
        part = getattr(statistics, str(field.type), None)
        if isinstance(value, Mapping) and isinstance(part, type) and is_dataclass(part):
            value = _instance(part, value)
        values[field.name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


def _of(record: object, name: str) -> str:
    return str(record.get(name)) if isinstance(record, Mapping) else ""


def _estimates(run: FinishedRun, estimands: Sequence[Estimand]) -> list[dict[str, Any]]:
    samples = run.samples()
    scores = run.scores(samples)
    size = len(samples) * scores.n
    values = {
        metric: scores.values.get(metric, np.full(size, np.nan)).reshape(-1, scores.n)
        for metric in run.metrics
    }
    rows: list[dict[str, Any]] = estimates_table(
        {},
        estimands,
        _facts(samples, estimands),
        values,
        _sources(run),
        _explanations(run, scores, estimands),
        {metric: limits.shaped(scores.n) for metric, limits in scores.limits.items()},
    ).to_pylist()
    return rows


def _facts(samples: pa.Table, estimands: Sequence[Estimand]) -> Facts:
    """Those of a run: clusters by digest, so that whatever is drawn is drawn in its order."""
    read = Facts.of_table(samples, asked_of_samples(estimands))
    clusters = (_digest(name) for name in samples["cluster"].to_pylist())
    return Facts(np.fromiter(clusters, np.uint64, len(samples)), read.fields)


def _digest(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def _sources(run: FinishedRun) -> dict[str, Source]:
    """Who gave each metric, as its estimates say."""
    scorers = {row["metric"]: (row["scorer"], row["scorer_id"]) for row in run.rows}
    return {
        metric: Source(
            *scorers.get(metric, ("", "")),
            run.info.validity.get(metric, ""),
            meaning,
            run.info.judges_itself(scorers.get(metric, ("", ""))[0]),
        )
        for metric, meaning in run.metrics.items()
    }


def _explanations(
    run: FinishedRun, scores: Scores, estimands: Iterable[Estimand]
) -> dict[str, NDArray[np.object_]]:
    explained = {e.metric for e in estimands if trait(e.statistic, "explained")}
    words = {
        metric: np.full(len(scores.ids) * scores.n, None, dtype=object) for metric in explained
    }
    if explained:
        for part in run.score_parts(["sample_id", "index", "metric", "explanation"]):
            for number, row in zip(scores.numbers(part).tolist(), part.to_pylist(), strict=True):
                if row["metric"] in words and number >= 0:
                    words[row["metric"]][number] = row["explanation"]
    return {metric: column.reshape(-1, scores.n) for metric, column in words.items()}


def _compared(
    sealed: Sequence[Mapping[str, Any]],
    fresh: Sequence[Mapping[str, Any]],
    unread: set[tuple[str, str]],
) -> Iterator[Finding]:
    """The estimates that were sealed beside those that come out."""
    computed = {_key(row): row for row in fresh}
    for number, row in enumerate(sealed, start=1):
        place = f"estimates.jsonl row {number} ({_words(row)})"
        expected = computed.pop(_key(row), None)
        if expected is None and (row["name"], row["metric"]) in unread:
            words = f"the statistic {row['statistic']!r} cannot be made from its record"
            yield Finding(Kind.UNCHECKED, place, words)
        elif expected is None:
            yield Finding(Kind.WRONG, place, "no estimand of the run gives such an estimate")
        else:
            yield from _fields(place, row, expected)
    for row in computed.values():
        yield Finding(Kind.WRONG, f"estimates.jsonl ({_words(row)})", "it is lacking")


def _fields(place: str, row: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Finding]:
    hidden = UNMEASURABLE in str(row["validity"]) or "made for " in str(row["validity"])
    for name in ESTIMATE_COLUMNS:
        if name in NAMED or (name == "validity" and hidden):
            continue
        value, right = row[name], expected[name]
        if hidden and name in NUMBERS[:6] and value is None and right is not None:
            words = "it is withheld for what its scorer misses, whose record is not here"
            yield Finding(Kind.UNCHECKED, f"{place} column {name}", words)
        elif not _same(value, right):
            words = f"it says {value!r}; the rows give {right!r}"
            yield Finding(Kind.WRONG, f"{place} column {name}", words)


def _same(value: object, right: object) -> bool:
    if isinstance(value, float) and isinstance(right, float):
        both = math.isnan(value) and math.isnan(right)
        return both or math.isclose(value, right, rel_tol=TOLERANCE, abs_tol=1e-12)
    return value == right


def _key(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in NAMED)


def _words(row: Mapping[str, Any]) -> str:
    group = "" if row["group"] is None else f" {row['group']}"
    return f"{row['name']}, {row['statistic']}{group}"
