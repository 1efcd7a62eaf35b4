"""What `run.json` and the rows say of each other: counts, identities, and rows that must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.evidence.verify.findings import Finding, Kind
from harness.store import FinishedRun
from harness.types import fingerprint

Rows = Sequence[Mapping[str, Any]]
MOST_REASONS = 3
"""Reasons that run.json keeps of each metric."""
HASHED_ONLY = {
    "identity.model": "the weights are not in a bundle",
    "identity.data_sha256": "the task's file is not in a bundle",
    "identity.samples_sha256": "it is of all samples and their choices",
    "groups": "it is of all samples of the task",
    "unmeasured": "which scores may be missing is the scorers' word",
    "validity": "the labels of people are not in a bundle",
    "agreement": "the labels of people are not in a bundle",
    "rubrics": "a scorer's own words",
    "labels": "a task's own words",
    "notes": "what plugins saw",
    "first_prompt": "the chat template is not in a bundle",
    "sessions": "what was installed, and the options",
}
"""Fields of run.json that nothing in a bundle gives anew; their digests alone guard them."""


def counted(run: FinishedRun, rows: Mapping[str, Rows]) -> list[Finding]:
    """Which counts, identities and rows do not fit each other."""
    return [
        *_counts(run, rows),
        *_reasons(run, rows["scores"]),
        *_identities(run, rows),
        *_complete(run, rows),
        *_values(run, rows["scores"]),
        *(
            Finding(Kind.UNCHECKED, f"run.json {field}", words)
            for field, words in HASHED_ONLY.items()
        ),
    ]


def _wrong(place: str, value: object, right: object) -> Finding:
    return Finding(Kind.WRONG, place, f"it says {value!r}; the rows give {right!r}")


def _counts(run: FinishedRun, rows: Mapping[str, Rows]) -> Iterator[Finding]:
    answers = rows["generations"]
    ends = Counter(row.get("finish_reason") for row in answers)
    expected = {
        "samples": len(rows["samples"]),
        "generations": len(answers),
        "generations_failed": sum(row.get("error") is not None for row in answers),
        "generations_cut": ends["length"],
        "generations_filtered": ends["filtered"],
        "generations_empty": sum(
            row.get("error") is None and row.get("text") is not None and not row["text"].strip()
            and row.get("finish_reason") != "filtered" for row in answers
        ),
        "tokens": sum(row.get("tokens") or 0 for row in answers),
    }  # fmt: skip
    for name, right in expected.items():
        if getattr(run.info, name) != right:
            yield _wrong(f"run.json {name}", getattr(run.info, name), right)


def _reasons(run: FinishedRun, scores: Rows) -> Iterator[Finding]:
    """Whether the counted reasons of what is missing are those of the rows."""
    counts = Counter((row["metric"], row["error"]) for row in scores if row.get("error"))
    for metric, reasons in run.info.missing.items():
        for number, (reason, count) in enumerate(reasons):
            if counts[metric, reason] != count:
                place = f"run.json missing.{metric}.{number}"
                yield _wrong(place, count, counts[metric, reason])
    for metric in sorted({metric for metric, _ in counts} - run.info.missing.keys()):
        yield _wrong(f"run.json missing.{metric}", None, "some are")


def _identities(run: FinishedRun, rows: Mapping[str, Rows]) -> Iterator[Finding]:
    for name, identity in run.info.scorers.items():
        written, right = run.info.scorer_ids.get(name), f"{name}-{fingerprint(identity)}"
        if written is not None and written.split(" of ")[0] != right:
            yield _wrong(f"run.json scorer_ids.{name}", written, right)
    identity = run.info.identity
    same = {"task": identity["task"], "model": run.info.model, "mitigation": run.info.mitigation}
    ids = run.info.scorer_ids
    for table in ("scores", "estimates"):
        for number, row in enumerate(rows[table], start=1):
            place = f"{table}.jsonl row {number}"
            for column, right in same.items():
                if column in row and row[column] != right and table == "estimates":
                    yield _wrong(f"{place} column {column}", row[column], right)
            if row.get("scorer") in ids and row.get("scorer_id") != ids[row["scorer"]]:
                yield _wrong(f"{place} column scorer_id", row["scorer_id"], ids[row["scorer"]])


def _complete(run: FinishedRun, rows: Mapping[str, Rows]) -> Iterator[Finding]:
    """Whether each sample has its generations, and each generation a row of every metric."""
    ids = [row["sample_id"] for row in rows["samples"]]
    indices = {row["index"] for row in rows["generations"]}
    expected = {(sample, index) for sample in ids for index in indices}
    asked = {(row["sample_id"], row["index"]) for row in rows["generations"]}
    for sample, index in sorted(expected - asked):
        place = f"generations.jsonl sample {sample!r} index {index}"
        yield Finding(Kind.WRONG, place, "it has no row")
    present = Counter((row["sample_id"], row["index"], row["metric"]) for row in rows["scores"])
    for metric in run.info.metrics or {}:
        for sample, index in sorted(asked):
            if (count := present[sample, index, metric]) != 1:
                place = f"scores.jsonl sample {sample!r} index {index} metric {metric}"
                yield Finding(Kind.WRONG, place, f"it has {count} rows, not one")


def _values(run: FinishedRun, scores: Rows) -> Iterator[Finding]:
    """Whether each score is in its metric's range, or missing with a reason."""
    for number, row in enumerate(scores, start=1):
        meaning = run.info.meaning(row["metric"])
        place, value = f"scores.jsonl row {number}", row.get("value")
        if meaning is None:
            words = f"run.json knows no metric {row['metric']!r}"
            yield Finding(Kind.WRONG, f"{place} column metric", words)
        elif value is not None and not meaning.low <= value <= meaning.high:
            words = f"{value!r} is outside {meaning.low:g} to {meaning.high:g}"
            yield Finding(Kind.WRONG, f"{place} column value", words)
        if "error" in row and (value is None) != (row["error"] is not None):
            yield Finding(Kind.WRONG, f"{place} column error", "a missing value has a reason")
