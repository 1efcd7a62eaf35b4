"""What answers that are stored hold, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from math import inf, isinf, nan
from typing import Any

import numpy as np

from harness.bridges.files.stored import Imported, Stored
from harness.bridges.logs.choose import shared
from harness.bridges.logs.log import SECONDS
from harness.show import interval, number
from harness.statistics import Design, Mean, could_show, spread_of
from harness.types import HarnessError, Metric

FEW_VALUES = 12
"""A column with no more values than that can part the estimates (`by=`)."""
MOST_REASONS = 3
Row = Mapping[str, Any]


def lines_of(stored: Stored) -> Iterator[str]:
    """What is in a file, what of it is missing, and what it can show."""
    rows: Sequence[Row] = stored.records.rows
    yield from stored.notes
    answers = [answer for row in rows for answer in row["answers"]]
    prompts = len({row["cluster"] for row in rows if row["cluster"]})
    yield (
        f"{len(rows):,} questions ({prompts:,} different prompts, which are the clusters of every "
        f"interval), {len(answers):,} answers, at most {stored.n} a question"
    )
    yield from _missing(answers, stored.n * len(rows))
    yield from _columns(rows)
    log = stored.imported
    if log is None or not log.metrics:
        yield "no scores stand in it: python -m harness.score answers=FILE scorer=[...] makes some"
        return
    for name in sorted(log.metrics, key=lambda name: name == SECONDS):
        yield from _metric(name, log.metrics[name], log, rows)
    yield (
        f"none of {log.tool}'s scores has a record here of how far it agrees with people: what "
        "they measure is the tool's word (python -m harness.agreement measures it on labelled "
        "answers)"
    )


def pairs_of(stored: Stored, other: Stored, names: tuple[str, str]) -> Iterator[str]:
    """How many questions two files share, and what a comparison of them could show."""
    try:
        both = shared(stored, other, names)
    except HarnessError as error:
        yield str(error)
        return
    yield both.notes[-1]
    log, theirs = both.imported, other.imported
    if log is None or theirs is None:
        return
    common = [name for name in log.metrics if name in theirs.metrics and name != SECONDS]
    if not common:
        yield f"they share no score: {log.tool} has {', '.join(log.metrics) or 'none'}"
    for name in common:
        yield f"{name}: {_shows(name, log.metrics[name], log, both.records.rows)}"
    if (log.tool, log.version) != (theirs.tool, theirs.version):
        yield (
            f"{log.tool} {log.version} and {theirs.tool} {theirs.version} scored them: their own "
            "scores are not compared; score both with scorers of this project"
        )


def _missing(answers: Sequence[Row], expected: int) -> Iterator[str]:
    """Answers that could not be had, were cut off, or whose end is not known."""
    lost = [answer for answer in answers if answer.get("text") is None]
    lost = [answer for answer in lost if not answer.get("choice_logprobs")]
    if lost:
        reasons = Counter(str(answer.get("error") or "no answer is stored") for answer in lost)
        words = "; ".join(f"{n:,} x {why}" for why, n in reasons.most_common(MOST_REASONS))
        yield f"{len(lost):,} answers are missing and count as failed: {words}"
    if (absent := expected - len(answers)) > 0:
        yield f"{absent:,} repetitions are not in the file and count as failed"
    ends = Counter(str(answer.get("finish_reason", "unknown")) for answer in answers)
    if ends["length"]:
        yield f"{ends['length']:,} answers were cut off at their limit of tokens"
    if ends["filtered"]:
        yield f"{ends['filtered']:,} answers were withheld by a filter: neither failed nor safe"
    if ends["unknown"]:
        yield f"of {ends['unknown']:,} answers it is not known whether they were cut off"
    empty = sum(answer.get("text") is not None and not answer["text"].strip() for answer in answers)
    if empty:
        yield f"{empty:,} answers are empty"


def _columns(rows: Sequence[Row]) -> Iterator[str]:
    """Columns by whose values estimates can be parted."""
    values: dict[str, set[Any]] = {}
    for row in rows:
        for name, value in row["metadata"].items():
            if value is not None:
                values.setdefault(name, set()).add(value)
    few = [f"{name} ({len(v)})" for name, v in values.items() if 1 < len(v) <= FEW_VALUES]
    if few:
        yield f"columns with few values, for by=: {', '.join(few)}"


def _values(name: str, log: Imported, rows: Sequence[Row]) -> tuple[Any, ...]:
    """Values of a metric (NaN: missing) with the question and the prompt of each."""
    values, samples, clusters = [], [], []
    for row in rows:
        for index in range(len(row["answers"])):
            score = log.scores.get((str(row["id"]), index), {}).get(name)
            missing = score is None or score.value is None
            values.append(nan if missing else score.value)  # type: ignore[union-attr]
            samples.append(str(row["id"]))
            clusters.append(str(row["cluster"] or row["id"]))
    return np.array(values), np.array(samples, object), np.array(clusters, object)


def _metric(name: str, metric: Metric, log: Imported, rows: Sequence[Row]) -> Iterator[str]:
    """A score of the tool's: mean, interval, bounds, what is missing, what could be shown."""
    values, samples, clusters = _values(name, log, rows)
    estimate = Mean().estimate(values, samples, clusters, metric)
    if estimate.estimate is None:
        yield f"{name}: missing for all {estimate.n:,} answers"
        return
    words = f"{name}: mean {number(estimate.estimate)} ({interval(asdict(estimate))})"
    words += f", n {estimate.n:,}, scored {estimate.n_scored:,}, failed {estimate.n_failed:,}"
    if estimate.n_failed:
        ends = [end for end in (estimate.worst, estimate.best) if end is not None]
        words += f", between {number(min(ends))} and {number(max(ends))} whatever they were"
    yield words
    if name != SECONDS:
        yield f"    {_shows(name, metric, log, rows)}"


def _shows(name: str, metric: Metric, log: Imported, rows: Sequence[Row]) -> str:
    """The smallest difference that such data would show."""
    values, _, clusters = _values(name, log, rows)
    reach = metric.high - metric.low
    if isinf(reach):
        return "what difference it could show is not known, for its range is not"
    _, codes = np.unique(clusters, return_inverse=True)
    design = Design(codes)
    least = could_show(design, reach, spread_of(values, design, reach))
    if least in (inf, reach):
        return f"{len(set(clusters)):,} prompts show no difference short of {number(reach)}"
    return (
        f"another such run on the same questions would be seen to differ from {number(least)} on "
        "(80 % power)"
    )
