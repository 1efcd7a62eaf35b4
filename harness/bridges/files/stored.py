"""Prompts with answers that are stored: the task that asks for them, the model that gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.types import (
    HarnessError,
    Message,
    Prompt,
    Records,
)


@dataclass(frozen=True)
class Stored:
    """Prompts with their answers, and which model is said to have given them."""

    records: Records
    model: str
    n: int
    """Answers of a prompt, at most."""
    notes: Sequence[str] = ()
    """What of the file was read as what, and what of it was left out, in whole sentences."""


def answers_stored(
    name: str, rows: list[dict[str, Any]], model: str, where: str, notes: Sequence[str] = ()
) -> Stored:
    """Rows of a prompt with its answers, as they are kept.

    Raises:
        HarnessError: none of them has an answer.
    """
    n = max((len(row["answers"]) for row in rows), default=0)
    if not n:
        raise HarnessError(f"{where!r} holds no answers")
    return Stored(Records(name, rows), model, n, notes)


def to_prompt(content: object) -> Prompt:
    """A prompt from its text, or from a list of turns."""
    if isinstance(content, list):
        return tuple(Message(turn["role"], turn["content"]) for turn in content)
    return str(content)
