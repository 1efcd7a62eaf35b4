"""Answers that may be nothing but thinking, for a template elsewhere opened it, are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from harness.runs.index import Answer, StoredGenerations
from harness.runs.plan import Plan
from harness.types import Generation, trait

REASON = (
    "most answers of this run end a thought that the chat template began and this one does not, so "
    "that it may be nothing but a thought"
)


def fail_untold(plan: Plan, generations: StoredGenerations, info: Mapping[str, Any]) -> list[str]:
    """Let answers fail that have no end of thinking where most of the others have one.

    Where prompts are rendered by a server nobody sees here whether its template opens thinking. The
    answers show it: they end a thought that none of them began. One that was cut before shows
    nothing, and would be scored as an answer.

    Args:
        plan: of the run.
        generations: of the run, complete.
        info: of the run: its first prompt, and its sessions, each with how many of its answers
            ended a thought alone.

    Returns:
        What is to be noted.
    """
    generated = [session.get("generate", {}) for session in info["sessions"]]
    alone = sum(generate.get("thinking_ended_alone", 0) for generate in generated)
    here = trait(plan.model, "rendered") and "sha256" in (info["first_prompt"] or {})
    if not alone or here or plan.thinking.opened is not None:
        return []
    whole = int((~(generations.failed | generations.cut)).sum())
    if 2 * alone <= whole:
        return [
            f"{alone} answers end a thought that they do not begin; where the chat template opens "
            "thinking, set thinking.opened=true, so that a thought which was cut is no answer."
        ]
    lost = 0
    for answers in _untold(generations):
        generations.append(answers)
        lost += len(answers)
    return [f"Answers that are missing: {lost}, for {REASON}."] if lost else []


def _untold(generations: StoredGenerations) -> Iterator[list[Answer]]:
    """What is stored as an answer without any thinking, failed, a window of samples at a time."""
    for first, window in generations.samples.windows():
        start = first * generations.n
        numbers = np.arange(start, start + len(window) * generations.n)
        answers = [
            Answer.of(int(number), window[(number - start) // generations.n], _failed(generation))
            for number, generation in zip(numbers, generations.read(numbers), strict=True)
            if generation.text and generation.text.strip() and generation.thinking is None
        ]
        if answers:
            yield answers


def _failed(generation: Generation) -> Generation:
    return replace(
        generation,
        text=None,
        finish_reason="error",
        error=f"its thinking cannot be told from its answer: {REASON}",
        thinking=generation.text,
    )
