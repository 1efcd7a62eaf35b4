"""The answers that a run's page shows: the worst first, as its script reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.report.headline import Row
from harness.report.texts import MOST_CHARACTERS, shown_text
from harness.show import Labels, category
from harness.store import FinishedRun, Scores
from harness.types import visible

MOST_ROWS = 5000
"""Answers that the page holds: those of the worst scores."""
MOST_MISSING = 1000
"""Of them such whose score could not be had, where others are left out for it."""
MOST_TEXT = 24_000_000
"""Characters of all texts together."""
MOST_FIELDS, MOST_VALUES, MOST_METRICS = 6, 60, 6
"""Columns that can be filtered, the values of each, and metrics that have a column."""
FIXED = {"sample_id", "cluster", "prompt", "messages", "target"}


def chosen_answers(
    run: FinishedRun,
    talks: Sequence[Sequence[int]],
    scores: Scores,
    metrics: Sequence[str],
    better: str | None,
) -> tuple[list[dict[str, Any]], int]:
    """The answers that the page shows, worst first, and how many it leaves out.

    Of a conversation that is the last one, and `talk` has all of its turns.

    Args:
        run: whose they are.
        talks: of a run of dialogues the samples of each, as `talks_of` gives them.
        scores: of the run.
        metrics: of the run, the one that they are sorted by first.
        better: the good end of that one.
    """
    n = scores.n
    values = scores.values[metrics[0]] if metrics else np.full(len(scores.ids) * n, np.nan)
    turns = {talk[-1] * n + i: [row * n + i for row in talk] for talk in talks for i in range(n)}
    ends = np.array(list(turns), np.int64) if turns else np.arange(len(values))
    numbers = ends[worst_first(values[ends], better == "higher")].tolist()
    every = [turn for number in numbers for turn in turns.get(number, [number])]
    entries = _entries(run, scores, np.array(every, np.int64))
    chosen, characters = [], 0
    for number in numbers:
        talk = [entries[turn] for turn in turns.get(number, [number])]
        if not all("answer" in entry for entry in talk):
            continue  # a shard was lost since: the run makes it again
        characters += sum(map(_size, talk))
        if characters > MOST_TEXT:
            break
        chosen.append(talk[-1] | {"talk": talk if turns else []})
    return chosen, len(ends) - len(chosen)


def _entries(
    run: FinishedRun, scores: Scores, numbers: NDArray[np.int64]
) -> dict[int, dict[str, Any]]:
    """Of these generations what was asked, what was answered and how that was scored."""
    entries: dict[int, dict[str, Any]] = {number: {"verdicts": {}} for number in numbers.tolist()}
    chosen = np.zeros(len(scores.ids) * scores.n + 1, np.bool_)  # the last is for rows of none
    chosen[numbers] = True
    columns = ["sample_id", "index", "metric", "value", "scorer_id", "explanation", "error"]
    for part in run.score_parts(columns):
        for place, row in scores.rows(part, chosen):
            entries[place]["verdicts"][row["metric"]] = row
    for table in run.generation_parts():
        for place, row in scores.rows(table, chosen):
            entries[place]["answer"] = row
    of_sample = run.sample_rows(numbers // scores.n)
    for entry, row in zip(entries.values(), of_sample, strict=True):
        entry["sample"] = row
    return entries


def _size(entry: Mapping[str, Any]) -> int:
    """Characters of its texts; of a conversation's turn what was said before it is another's."""
    answer = entry["answer"]
    texts = (entry["sample"]["prompt"], answer["text"], answer.get("thinking"))
    return sum(min(len(text or ""), MOST_CHARACTERS) for text in texts)


def worst_first(values: NDArray[np.float64], higher_is_better: bool) -> NDArray[np.int64]:
    """The numbers of the worst values, missing ones before all others, as many as a page holds."""
    missing = np.flatnonzero(np.isnan(values))
    known = np.flatnonzero(~np.isnan(values))
    badness = values[known] if higher_is_better else -values[known]
    known = known[np.argsort(badness, kind="stable")]
    missing = missing[: max(MOST_MISSING, MOST_ROWS - len(known))]
    return np.concatenate([missing, known])[:MOST_ROWS]


def browsed(
    entry: Mapping[str, Any],
    columns: Sequence[str],
    fields: Mapping[str, Sequence[str]],
    metrics: Sequence[str],
    meanings: Mapping[str, Row],
    labels: Labels,
) -> dict[str, Any]:
    """An answer as the page's script reads it."""
    sample, answer, verdicts = entry["sample"], entry["answer"], entry["verdicts"]
    value = {metric: verdicts[metric]["value"] for metric in metrics if metric in verdicts}
    cells = {"sample": shown_text(sample["sample_id"]), "generation": answer["index"]}
    cells |= {name: shown_text(category(labels, name, str(sample[name]))) for name in fields}
    first = metrics[0] if metrics else ""
    return {
        "cells": [cells.get(name, value.get(name)) for name in columns],
        "turns": [[role, shown_text(content)] for role, content in _turns(sample)],
        "answer": shown_text(_answer_text(answer)),
        "language": answer.get("language"),
        "size": f"{len(answer['text'] or ''):,}",
        "finish": answer["finish_reason"],
        "thinking": shown_text(answer.get("thinking")),
        "error": shown_text(answer["error"] or f"no text: {answer['finish_reason']}"),
        "target": shown_text(sample["target"]),
        "bad": _is_bad(value.get(first), meanings.get(first)),
        "lost": any(
            verdict["value"] is None and not meanings.get(metric, {}).get("aside")
            for metric, verdict in verdicts.items()
        ),
        "verdicts": [
            [
                metric,
                verdicts[metric]["value"],
                verdicts[metric]["scorer_id"],
                shown_text(verdicts[metric]["explanation"]),
                shown_text(verdicts[metric]["error"]),
            ]
            for metric in sorted(verdicts, key=metrics.index)
        ],
    }


def _turns(sample: Row) -> Iterator[tuple[str, str]]:
    if not sample.get("messages"):
        yield "prompt", sample["prompt"]
        return
    for turn in json.loads(sample["messages"]):
        yield turn["role"], turn["content"]


def _answer_text(answer: Row) -> str | None:
    text: str | None = answer["text"]
    if text is not None or answer.get("choice_logprobs") is None:
        return text
    weights = ", ".join(f"{weight:.3f}" for weight in answer["choice_logprobs"])
    return f"weighed its choices; natural logarithm of the probability of each: {weights}"


def _is_bad(value: float | None, meaning: Row | None) -> bool:
    """Whether a score is missing, or nearer to the bad end than to the good one."""
    if value is None or meaning is None or "low" not in meaning:
        return True
    middle = (meaning["low"] + meaning["high"]) / 2
    return bool(value <= middle if meaning["better"] == "higher" else value >= middle)


def filters(
    run: FinishedRun, rows: Sequence[Row], labels: Labels, last: Sequence[int] | None = None
) -> dict[str, list[str]]:
    """Metadata worth filtering by, those of the estimates first, with their values.

    Args:
        run: whose samples they describe.
        rows: its estimates.
        labels: names of categories.
        last: numbers of the samples that count, ascending; None: all do.
    """
    columns = run.sample_columns()
    names = dict.fromkeys(row["by"] for row in rows if row["by"] in columns)
    fields: dict[str, list[str]] = {}
    for name in [*names, *(column for column in columns if column not in names)]:
        if name in FIXED or len(fields) == MOST_FIELDS:
            continue
        values = sorted(_values(run, name, last))
        if 2 <= len(values) <= MOST_VALUES:
            fields[name] = [visible(category(labels, name, value)) for value in values]
    return fields


def _values(run: FinishedRun, name: str, last: Sequence[int] | None) -> set[str]:
    """The values of a column, or of many values one more than are shown."""
    values: set[str] = set()
    first = 0
    for part in run.sample_parts([name]):
        column = part[name]
        if last is not None:
            low, high = np.searchsorted(last, (first, first + len(part)))
            column = column.take(np.array(last[low:high], np.int64) - first)
        first += len(part)
        values.update(map(str, pc.unique(column).to_pylist()))
        if len(values) > MOST_VALUES:
            break
    return values
