"""Prompts with answers that are stored: the task that asks for them, the model that gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.bridges.files.rows import Change, Rows
from harness.bridges.files.spool import Spool
from harness.types import (
    HarnessError,
    Message,
    Metric,
    Prompt,
    Records,
    Score,
)


class Imported(Protocol):
    """What another tool made of the answers."""

    @property
    def tool(self) -> str:
        """Which tool that is."""
        ...

    @property
    def version(self) -> str:
        """Of the tool."""
        ...

    @property
    def task(self) -> str:
        """What the tool calls its task."""
        ...

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """What each of its metrics means."""
        ...

    @property
    def scores(self) -> Mapping[tuple[str, int], Mapping[str, Score]]:
        """By question and repetition, by metric."""
        ...


@dataclass(frozen=True)
class Stored:
    """Prompts with their answers, and which model is said to have given them."""

    records: Records
    rows: Rows
    """Of the records."""
    model: str
    n: int
    """Answers of a prompt, at most."""
    notes: Sequence[str] = ()
    """What of the file was read as what, and what of it was left out, in whole sentences."""
    imported: Imported | None = None
    """The tool's own scores, where the file is a log of one."""


def answers_stored(
    name: str,
    rows: Rows,
    model: str,
    where: str,
    notes: Sequence[str] = (),
    imported: Imported | None = None,
) -> Stored:
    """Rows of a prompt with its answers, as they are kept.

    Raises:
        HarnessError: none of them has an answer.
    """
    n, _ = rows.counts()
    if not n:
        raise HarnessError(f"{where!r} holds no answers")
    return Stored(Records(name, rows), rows, model, n, notes, imported)


def spooled(rows: Iterable[Mapping[str, Any]], change: Change | None = None) -> Rows:
    """Rows of a prompt with its answers, each written to disk as it comes.

    Args:
        rows: with an `id` of their own; where there is no `cluster` it is the prompt's text.
        change: what becomes of an answer as it is read.
    """
    spool = Spool()
    for row in rows:
        question = spool.begin(str(row["id"]))
        question.asked = {name: value for name, value in row.items() if name != "answers"}
        question.answers = list(row["answers"])
        spool.kinds.add(row["metadata"])
        spool.weigh(len(str(row["prompt"])) + sum(len(a["text"] or "") for a in question.answers))
    return Rows(spool, change)


def to_prompt(content: object) -> Prompt:
    """A prompt from its text, or from a list of turns."""
    if isinstance(content, list):
        return tuple(Message(turn["role"], turn["content"]) for turn in content)
    return str(content)
