"""What a log holds: questions, each with its answers, and what the tool itself made of them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.bridges.files.facts import align, facts
from harness.bridges.files.failures import failure
from harness.bridges.files.stored import Stored, answers_stored
from harness.bridges.files.turns import Content, shown
from harness.bridges.logs.head import Head
from harness.data import FILE_CUT, open_text
from harness.types import Direction, Metric, Score, Unreadable

UNIT = Metric(0.0, 1.0, Direction.HIGHER)
"""A share or a yes of which more is better."""
HIT = Metric(0.0, 1.0, Direction.LOWER)
"""How surely something bad was found."""
OPEN = Metric(-inf, inf, Direction.HIGHER)
"""A number of which the tool says neither least nor most."""
SECONDS = "seconds"


@runtime_checkable
class Source(Protocol):
    """Reads the logs of one tool."""

    tool: str
    """What it is called."""

    def recognises(self, head: Head) -> bool:
        """Whether a file, by what it begins with, is such a log."""
        ...

    def read(self, path: Path) -> Log:
        """Its questions, answers and scores.

        Raises:
            HarnessError: it cannot be read, or is of a version that this does not know.
        """
        ...


@dataclass(frozen=True)
class Answer:
    """One answer, as a log keeps it; what it cannot give stays missing."""

    text: str | None = None
    error: str | None = None
    finish_reason: str = "unknown"
    prompt_tokens: int = 0
    tokens: int = 0
    thinking: str | None = None
    choice_logprobs: Sequence[float] | None = None
    seconds: float | None = None

    def as_row(self) -> dict[str, Any]:
        """What of it is kept beside the question."""
        return {name: value for name, value in vars(self).items() if name != "seconds"}


@dataclass
class Log:
    """A log as it is read: add questions with their answers one by one."""

    tool: str
    version: str
    """Of the tool that wrote it; `unknown` where the log does not say."""
    model: str
    task: str
    """With its version, as the tool calls it."""
    notes: list[str] = field(default_factory=list)
    metrics: dict[str, Metric] = field(default_factory=dict)
    scores: dict[tuple[str, int], dict[str, Score]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    """Of what was left out, by a sentence with `{}` for how many."""
    _rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(
        self,
        name: str,
        prompt: Content,
        answer: Answer,
        *,
        index: int | None = None,
        target: str | None = None,
        choices: Sequence[str] = (),
        described: Mapping[str, object] | None = None,
    ) -> tuple[str, int]:
        """Keep an answer to a question; gives under what its scores are kept.

        Args:
            name: the question's own in the log.
            prompt: what was asked.
            answer: of the model.
            index: which repetition it is, the first being 0; None: the next.
            target: the right answer.
            choices: that were weighed.
            described: what else is said of the question.
        """
        text = prompt if isinstance(prompt, str) else json.dumps(prompt)
        row = self._rows.setdefault(
            name,
            {
                "id": name, "prompt": prompt, "cluster": text or None, "target": target,
                "choices": list(choices), "metadata": facts(described or {}), "answers": [],
            },
        )  # fmt: skip
        at = len(row["answers"]) if index is None else index
        while len(row["answers"]) <= at:
            row["answers"].append({})
        if row["answers"][at]:
            self.counts["{} answers stand in the log twice; the last of each is kept"] += 1
        row["answers"][at] = answer.as_row()
        if answer.seconds is not None:
            self.score((name, at), SECONDS, answer.seconds, Metric(0.0, inf, Direction.LOWER))
        return name, at

    def score(
        self,
        place: tuple[str, int],
        metric: str,
        value: object,
        meaning: Metric,
        error: str | None = None,
        explanation: object = None,
    ) -> None:
        """Keep what the tool made of an answer; what is no number is missing, with the reason.

        Args:
            place: what `add` gave.
            metric: its name in the tool.
            value: a number, or yes and no.
            meaning: range and good end.
            error: why there is none.
            explanation: what the tool says of it.
        """
        name = metric.replace("/", ".")
        self.metrics.setdefault(name, meaning)
        words = None if explanation is None else str(explanation)
        number = float(value) if isinstance(value, int | float) else None
        if number is None or not isfinite(number):
            reason = error or f"{self.tool} has {value!r} for a score"
            score = Score.missing(name, reason, words)
        else:
            score = Score(name, number, explanation=words)
        self.scores.setdefault(place, {})[name] = score

    def stored(self, path: Path, model: str | None = None, failed_texts: bool = True) -> Stored:
        """All of it as answers that are stored.

        Args:
            path: of the log.
            model: that gave the answers; None: as the log says.
            failed_texts: count texts that no model but a program wrote for a failure as missing.

        Raises:
            HarnessError: it holds no answers.
        """
        rows = list(self._rows.values())
        align(rows)
        self._fail(rows, failed_texts)
        version = "" if self.version == "unknown" else f" {self.version}"
        theirs = ", ".join(sorted(set(self.metrics) - {SECONDS})) or "none"
        count = sum(len(row["answers"]) for row in rows)
        notes = [
            f"{path.name} is a log of {self.tool}{version}, task {self.task}: {len(rows):,} "
            f"questions with {count:,} answers of {self.model}; its own scores: {theirs}",
            *self._undirected(),
            *self.notes,
            *(sentence.format(f"{n:,}") for sentence, n in self.counts.items()),
        ]
        name = f"{self.tool} {self.task}"
        return answers_stored(name, rows, model or self.model, str(path), notes, self)

    def _undirected(self) -> list[str]:
        """What is not known of the tool's scores, in a sentence."""
        names = sorted(name for name, meaning in self.metrics.items() if meaning is OPEN)
        if not names:
            return []
        return [
            f"{self.tool} says neither range nor good end of {', '.join(names)}: no bounds can be "
            "given, and more is shown as better"
        ]

    def _fail(self, rows: Sequence[Mapping[str, Any]], failed_texts: bool) -> None:
        """Take for missing what is no text, and what a program wrote in the place of an answer."""
        for row in rows:
            for answer in row["answers"]:
                text = answer.get("text")
                kind = failure(text) if text and failed_texts else None
                if kind:
                    self.counts["{} answers stand for a failure and are missing"] += 1
                elif text and not _is_text(text):
                    kind = "it is not text"
                if kind:
                    reason = f"the log has {shown(text)} for an answer: {kind}"
                    answer |= {"text": None, "error": reason, "finish_reason": "error"}


def _is_text(text: str) -> bool:
    """Whether a text can be stored: half a character cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def question_id(content: Content) -> str:
    """A name for a question of a log that gives it none: a digest of what was asked."""
    text = content if isinstance(content, str) else json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def lines_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file with their line's number, one at a time.

    Raises:
        Unreadable: a line is no JSON object.
    """
    try:
        with open_text(path) as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise Unreadable(
                        f"{str(path)!r}, line {number} is not JSON ({error}); {FILE_CUT}"
                    ) from error
                if not isinstance(value, dict):
                    raise Unreadable(f"{str(path)!r}, line {number} is no JSON object")
                yield number, value
    except UnicodeDecodeError as error:
        raise Unreadable(f"{str(path)!r} is not UTF-8 ({error}); {FILE_CUT}") from error
    except OSError as error:
        raise Unreadable(f"{str(path)!r} cannot be read ({error})") from error


def items_of(path: Path, prefix: str) -> Iterator[Any]:
    """The parts of a JSON document under a prefix of ijson's, one at a time.

    Raises:
        Unreadable: it is no whole JSON document.
    """
    yield from _walk(path, lambda ijson, file: ijson.items(file, prefix, use_float=True))


def pairs_of(path: Path, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Keys and values of an object in a JSON document, one at a time.

    Raises:
        Unreadable: it is no whole JSON document.
    """
    yield from _walk(path, lambda ijson, file: ijson.kvitems(file, prefix, use_float=True))


def _walk(path: Path, walk: Callable[[Any, Any], Iterator[Any]]) -> Iterator[Any]:
    import ijson

    try:
        with path.open("rb") as file:
            yield from walk(ijson, file)
    except ijson.JSONError as error:
        raise Unreadable(
            f"{str(path)!r} is no whole JSON document ({error}); {FILE_CUT}"
        ) from error
    except OSError as error:
        raise Unreadable(f"{str(path)!r} cannot be read ({error.strerror})") from error
