"""What answers that are stored hold, in sentences."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from math import inf, isinf, nan
from typing import Any

import numpy as np

from harness.bridges.files.stored import Stored
from harness.bridges.logs.choose import shared
from harness.bridges.logs.log import SECONDS
from harness.show import interval, number
from harness.statistics import Design, Mean, could_show, spread_of
from harness.types import HarnessError, Metric

FEW_VALUES = 12
"""A column with no more values than that can part the estimates (`by=`)."""
MOST_REASONS = 3
Row = Mapping[str, Any]


class _Whole:
    """What is in a file, counted as its questions go by; of each some bytes are held.

    Args:
        stored: its answers.
    """

    def __init__(self, stored: Stored) -> None:
        self.metrics: Mapping[str, Metric] = stored.imported.metrics if stored.imported else {}
        self.prompts = self.answers = self.lost = self.empty = 0
        self.reasons: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.columns: dict[str, set[object]] = {}
        """Of metadata the values, up to one more than are few."""
        self._asked = array("Q")
        self._samples, self._clusters = array("q"), array("Q")
        self._values = {name: array("d") for name in self.metrics}
        scores = stored.imported.scores if stored.imported else {}
        for place, row in enumerate(stored.rows):
            self._add(place, row, scores)
        self.prompts = len(np.unique(np.frombuffer(self._asked, np.uint64)))

    def _add(self, place: int, row: Row, scores: Mapping[tuple[str, int], Any]) -> None:
        name = str(row["id"])
        cluster = _digest(str(row["cluster"] or name))
        if row["cluster"]:
            self._asked.append(cluster)
        for column, value in row["metadata"].items():
            values = self.columns.setdefault(column, set())
            if value is not None and len(values) <= FEW_VALUES:
                values.add(value)
        for index, answer in enumerate(row["answers"]):
            self._note(answer)
            self._samples.append(place)
            self._clusters.append(cluster)
            of_answer = scores.get((name, index), {})
            for metric, values_of in self._values.items():
                score = of_answer.get(metric)
                values_of.append(nan if score is None or score.value is None else score.value)

    def _note(self, answer: Row) -> None:
        self.answers += 1
        text = answer.get("text")
        self.ends[str(answer.get("finish_reason", "unknown"))] += 1
        self.empty += text is not None and not text.strip()
        if text is None and not answer.get("choice_logprobs"):
            self.lost += 1
            self.reasons[str(answer.get("error") or "no answer is stored")] += 1

    def values(self, metric: str) -> tuple[Any, ...]:
        """Values of a metric (NaN: missing) with the question and the prompt of each."""
        return (
            np.frombuffer(self._values[metric]),
            np.frombuffer(self._samples, np.int64),
            np.frombuffer(self._clusters, np.uint64),
        )


def _digest(text: str) -> int:
    content = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest())


def lines_of(stored: Stored) -> Iterator[str]:
    """What is in a file, what of it is missing, and what it can show."""
    questions, whole = len(stored.rows), _Whole(stored)
    yield from stored.notes
    yield (
        f"{questions:,} questions ({whole.prompts:,} different prompts, which are the clusters of "
        f"every interval), {whole.answers:,} answers, at most {stored.n} a question"
    )
    yield from _missing(whole, stored.n * questions)
    few = [f"{name} ({len(v)})" for name, v in whole.columns.items() if 1 < len(v) <= FEW_VALUES]
    if few:
        yield f"columns with few values, for by=: {', '.join(few)}"
    log = stored.imported
    if log is None or not log.metrics:
        yield "no scores stand in it: python -m harness.score answers=FILE scorer=[...] makes some"
        return
    for name in sorted(log.metrics, key=lambda name: name == SECONDS):
        yield from _metric(name, log.metrics[name], whole)
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
    whole = _Whole(both)
    for name in common:
        yield f"{name}: {_shows(name, log.metrics[name], whole)}"
    if (log.tool, log.version) != (theirs.tool, theirs.version):
        yield (
            f"{log.tool} {log.version} and {theirs.tool} {theirs.version} scored them: their own "
            "scores are not compared; score both with scorers of this project"
        )


def _missing(whole: _Whole, expected: int) -> Iterator[str]:
    """Answers that could not be had, were cut off, or whose end is not known."""
    if whole.lost:
        common = whole.reasons.most_common(MOST_REASONS)
        words = "; ".join(f"{n:,} x {why}" for why, n in common)
        yield f"{whole.lost:,} answers are missing and count as failed: {words}"
    if (absent := expected - whole.answers) > 0:
        yield f"{absent:,} repetitions are not in the file and count as failed"
    ends = whole.ends
    if ends["length"]:
        yield f"{ends['length']:,} answers were cut off at their limit of tokens"
    if ends["filtered"]:
        yield f"{ends['filtered']:,} answers were withheld by a filter: neither failed nor safe"
    if ends["unknown"]:
        yield f"of {ends['unknown']:,} answers it is not known whether they were cut off"
    if whole.empty:
        yield f"{whole.empty:,} answers are empty"


def _metric(name: str, metric: Metric, whole: _Whole) -> Iterator[str]:
    """A score of the tool's: mean, interval, bounds, what is missing, what could be shown."""
    values, samples, clusters = whole.values(name)
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
        yield f"    {_shows(name, metric, whole)}"


def _shows(name: str, metric: Metric, whole: _Whole) -> str:
    """The smallest difference that such data would show."""
    values, _, clusters = whole.values(name)
    reach = metric.high - metric.low
    if isinf(reach):
        return "what difference it could show is not known, for its range is not"
    _, codes = np.unique(clusters, return_inverse=True)
    design = Design(codes)
    least = could_show(design, reach, spread_of(values, design, reach))
    if least in (inf, reach):
        return f"{len(np.unique(clusters)):,} prompts show no difference short of {number(reach)}"
    return (
        f"another such run on the same questions would be seen to differ from {number(least)} on "
        "(80 % power)"
    )
