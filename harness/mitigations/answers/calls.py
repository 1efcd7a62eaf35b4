"""What answers cost that took several calls of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from harness.types import Direction, Generation, Metric

CALLS, TOKENS = "calls", "call_tokens"
"""What a generation notes: calls of a model, and their tokens, those of prompts among them."""
SHARE = Metric(low=0.0, high=1.0, better=Direction.LOWER)


def calls(most: int) -> Metric:
    """The meaning of the metric `calls` of a mitigation that makes so many at the most."""
    return Metric(low=0.0, high=float(most), better=Direction.LOWER)


def noting(
    answer: Generation, generations: Iterable[Generation], counts: Mapping[str, float]
) -> Generation:
    """The answer with what it took and what became of it.

    Args:
        answer: as it is given.
        generations: all that was asked for it; one that a mitigation further in made notes its own
            calls.
        counts: what else is noted.
    """
    spent = [_spent(calls) for calls in generations]
    total = {CALLS: sum(calls for calls, _ in spent), TOKENS: sum(tokens for _, tokens in spent)}
    before = answer.noted or {}  # what was replaced further in stays replaced
    highest = {name: max(count, before.get(name, count)) for name, count in counts.items()}
    return replace(answer, noted={**before, **highest, **total})


def _spent(generation: Generation) -> tuple[float, float]:
    """Calls and tokens of one generation."""
    noted = generation.noted or {}
    plain = float(generation.prompt_tokens + generation.tokens)
    return noted.get(CALLS, 1.0), noted.get(TOKENS, plain)
