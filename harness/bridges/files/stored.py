"""Prompts with answers that are stored: the task that asks for them, the model that gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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
    model: str
    n: int
    """Answers of a prompt, at most."""
    notes: Sequence[str] = ()
    """What of the file was read as what, and what of it was left out, in whole sentences."""
    imported: Imported | None = None
    """The tool's own scores, where the file is a log of one."""


def answers_stored(
    name: str,
    rows: list[dict[str, Any]],
    model: str,
    where: str,
    notes: Sequence[str] = (),
    imported: Imported | None = None,
) -> Stored:
    """Rows of a prompt with its answers, as they are kept.

    Raises:
        HarnessError: none of them has an answer.
    """
    n = max((len(row["answers"]) for row in rows), default=0)
    if not n:
        raise HarnessError(f"{where!r} holds no answers")
    return Stored(Records(name, rows), model, n, notes, imported)


def to_prompt(content: object) -> Prompt:
    """A prompt from its text, or from a list of turns."""
    if isinstance(content, list):
        return tuple(Message(turn["role"], turn["content"]) for turn in content)
    return str(content)
