"""The scores that a cheap scorer gives again to a bundle's own answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.evidence.verify.findings import Finding, Kind
from harness.store import FIXED_COLUMNS, FinishedRun, to_generations
from harness.types import Generation, Message, Sample, Score, ScorerRegistry, trait

Rows = Sequence[Mapping[str, Any]]
DIGITS = 1e-9
"""By how much a scorer that computes in plain Python may differ between machines."""


def rescored(
    run: FinishedRun, rows: Mapping[str, Rows], scorers: Mapping[str, Any]
) -> list[Finding]:
    """Which scores do not come out, and which scorers could not be asked.

    Args:
        run: that the bundle holds.
        rows: of its tables.
        scorers: that are at hand, by name.
    """
    findings: list[Finding] = []
    spans = {name: written.partition(" of ")[2] for name, written in run.info.scorer_ids.items()}
    first = run.info.unlike_histories
    for name, identity in run.info.scorers.items():
        place = f"scores.jsonl scorer {name}"
        if name not in scorers:
            findings.append(Finding(Kind.UNCHECKED, place, "it was not asked again"))
            continue
        if json.loads(json.dumps(dict(scorers[name].identity), default=str)) != identity:
            words = "the one here is another version or has other options"
            findings.append(Finding(Kind.UNCHECKED, place, words))
            continue
        registry = ScorerRegistry({name: scorers[name]}, spans.get(name) or "full")
        findings += _compared(registry, name, rows, first)
        if first:
            words = "of repeats after the first, which answer conversations of their own"
            findings.append(Finding(Kind.UNCHECKED, place, words))
    return findings


def _compared(
    registry: ScorerRegistry, name: str, rows: Mapping[str, Rows], first: bool
) -> Iterator[Finding]:
    """The scores of a scorer beside those that it gives; only of first repeats, where so asked."""
    samples = {row["sample_id"]: _sample(row) for row in rows["samples"]}
    import pyarrow as pa

    answers: list[Generation] = to_generations(pa.Table.from_pylist(list(rows["generations"])))
    answers = [a for a in answers if a.sample_id in samples and not (first and a.index)]
    scores = registry.score(name, [samples[a.sample_id] for a in answers], answers)
    fresh = {
        (answer.sample_id, answer.index, score.metric): score
        for answer, of_answer in zip(answers, scores, strict=True)
        for score in of_answer
    }
    allowed = {metric: _tolerance(registry, name, metric) for metric in registry[name].metrics}
    for number, row in enumerate(rows["scores"], start=1):
        again = fresh.get((row["sample_id"], row["index"], row["metric"]))
        if row["scorer"] == name and again is not None:
            yield from _row(number, row, again, allowed[row["metric"]])


def _row(number: int, row: Mapping[str, Any], again: Score, allowed: float) -> Iterator[Finding]:
    place, value = f"scores.jsonl row {number}", row["value"]
    if (value is None) != (again.value is None) or (
        value is not None and again.value is not None and abs(value - again.value) > allowed
    ):
        words = f"it says {value!r}; the scorer gives {again.value!r}"
        yield Finding(Kind.WRONG, f"{place} column value", words)
    elif row["error"] != again.error:
        words = f"it says {row['error']!r}; the scorer gives {again.error!r}"
        yield Finding(Kind.WRONG, f"{place} column error", words)


def _tolerance(registry: ScorerRegistry, name: str, metric: str) -> float:
    scorer = registry[name]
    if trait(scorer, "device") is None:
        return DIGITS
    meaning = scorer.metrics[metric]
    return float(trait(scorer, "tolerance")) * (meaning.high - meaning.low)


def _sample(row: Mapping[str, Any]) -> Sample:
    """A sample as a scorer reads it; its choices are not kept by a run."""
    turns = json.loads(row["messages"]) if row.get("messages") else None
    prompt = row["prompt"] if turns is None else tuple(
        Message(turn["role"], turn["content"]) for turn in turns
    )  # fmt: skip
    facts = {name: value for name, value in row.items() if name not in FIXED_COLUMNS}
    return Sample(
        row["sample_id"], prompt, row.get("target"), cluster=row["cluster"], metadata=facts
    )
