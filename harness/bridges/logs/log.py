"""What a log holds: questions, each with its answers, and what the tool itself made of them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf, isfinite
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.bridges.files.facts import facts
from harness.bridges.files.failures import failure
from harness.bridges.files.rows import Rows, text_of
from harness.bridges.files.spool import Spool
from harness.bridges.files.stored import Stored, answers_stored
from harness.bridges.files.turns import Content, excerpt
from harness.bridges.logs.head import Head
from harness.bridges.logs.scores import LogScores
from harness.types import Direction, Metric, Score

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
    """A log as it is read: add questions with their answers one by one; they are held on disk."""

    tool: str
    version: str
    """Of the tool that wrote it; `unknown` where the log does not say."""
    model: str
    task: str
    """With its version, as the tool calls it."""
    notes: list[str] = field(default_factory=list)
    metrics: dict[str, Metric] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    """Of what was left out, by a sentence with `{}` for how many."""
    spool: Spool = field(default_factory=Spool)
    _failed: int = 0
    """Answers that stand for a failure."""

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
        question = self.spool.find(name) or self.spool.begin(name)
        if not question.asked:
            metadata = facts(described or {})
            question.asked = {
                "id": name, "prompt": prompt, "target": target, "choices": list(choices),
                "metadata": metadata,
            }  # fmt: skip
            self.spool.kinds.add(metadata)
            self.spool.weigh(len(text_of(prompt)))
        at = len(question.answers) if index is None else index
        while len(question.answers) <= at:
            question.answers.append({})
        if before := question.answers[at]:
            self.counts["{} answers stand in the log twice; the last of each is kept"] += 1
            self._failed -= "failure" in before
        question.answers[at] = marked = _marked(answer.as_row())
        self._failed += "failure" in marked
        self.spool.weigh(len(answer.text or ""))
        if answer.seconds is not None:
            self.score((name, at), SECONDS, answer.seconds, Metric(0.0, inf, Direction.LOWER))
        return name, at

    def forget(self, name: str) -> None:
        """Forget what was kept of a question: it comes again, and counts as it comes then."""
        question = self.spool.find(name)
        if question:
            self._failed -= sum("failure" in answer for answer in question.answers)
            question.asked, question.answers, question.scores = {}, [], {}

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
            number, reason = None, error or f"{self.tool} has {value!r} for a score"
        else:
            reason = None
        question = self.spool.find(place[0])
        if question is None:
            raise KeyError(place)
        question.scores.setdefault(place[1], {})[name] = [number, reason, words]
        self.spool.weigh(len(words or "") + len(reason or ""))

    @property
    def scores(self) -> Mapping[tuple[str, int], Mapping[str, Score]]:
        """By question and repetition what the tool made of the answer, by metric."""
        return LogScores(self.spool)

    def stored(self, path: Path, model: str | None = None, failed_texts: bool = True) -> Stored:
        """All of it as answers that are stored.

        Args:
            path: of the log.
            model: that gave the answers; None: as the log says.
            failed_texts: count texts that no model but a program wrote for a failure as missing.

        Raises:
            HarnessError: it holds no answers.
        """
        rows = Rows(self.spool, partial(_as_told, failed_texts=failed_texts))
        if failed_texts and self._failed:
            self.counts["{} answers stand for a failure and are missing"] += self._failed
        version = "" if self.version == "unknown" else f" {self.version}"
        theirs = ", ".join(sorted(set(self.metrics) - {SECONDS})) or "none"
        _, count = rows.counts()
        notes = [
            f"{path.name} is a log of {self.tool}{version}, task {self.task}: {len(rows):,} "
            f"questions with {count:,} answers of {self.model}; its own scores: {theirs}",
            *self._undirected(),
            *self.notes,
            *(sentence.format(f"{n:,}") for sentence, n in self.counts.items() if n),
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


def _marked(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer with what its text is, where that is no answer's."""
    text = answer["text"]
    if text and (kind := failure(text)):
        answer["failure"] = kind
    if text and not _is_text(text):
        answer["no_text"] = True
    return answer


def _as_told(answer: dict[str, Any], failed_texts: bool) -> dict[str, Any]:
    """An answer as it is read: missing where its text is none, or a program's."""
    by_program, no_text = answer.pop("failure", None), answer.pop("no_text", False)
    kind = by_program if failed_texts else None
    if kind is None and no_text:
        kind = "it is not text"
    if kind is None:
        return answer
    reason = f"the log has {excerpt(answer['text'])} for an answer: {kind}"
    return answer | {"text": None, "error": reason, "finish_reason": "error"}


def _is_text(text: str) -> bool:
    """Whether a text can be stored: half a character cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True)
class Restricted:
    """What a log's tool made of the answers to some of its questions, under other names."""

    log: Log
    names: Mapping[str, str]
    """By the new name of a question the log's own."""

    @property
    def tool(self) -> str:
        """Which tool it is."""
        return self.log.tool

    @property
    def version(self) -> str:
        """Of the tool."""
        return self.log.version

    @property
    def task(self) -> str:
        """What the tool calls its task."""
        return self.log.task

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """What each of its metrics means."""
        return self.log.metrics

    @property
    def scores(self) -> Mapping[tuple[str, int], Mapping[str, Score]]:
        """By the new name and repetition, by metric."""
        return LogScores(self.log.spool, self.names)


def question_id(content: Content) -> str:
    """A name for a question of a log that gives it none: a digest of what was asked."""
    text = content if isinstance(content, str) else json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
