"""How answers are generated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.types.errors import HarnessError

if TYPE_CHECKING:
    pass


def _are_texts(stops: object) -> bool:
    if isinstance(stops, str) or not isinstance(stops, Iterable):
        return False
    return all(isinstance(stop, str) and stop for stop in stops)


@dataclass(frozen=True)
class GenerationConfig:
    """How answers are generated; part of a run's identity.

    Raises:
        HarnessError: a value is outside its range.
    """

    n: int = 1
    """Generations a sample."""
    max_new_tokens: int = 256
    """Tokens after which an answer is cut off."""
    min_new_tokens: int = 0
    """Tokens before which no answer ends."""
    temperature: float = 0.0
    """0: the most probable token each time (greedy)."""
    top_p: float = 1.0
    """Nucleus: the smallest set of tokens that holds this probability; 1: all of them."""
    top_k: int = 0
    """Only the k most probable tokens; 0: all of them."""
    stop: list[str] = field(default_factory=list)
    """Strings that end an answer, and are cut from it."""

    def __post_init__(self) -> None:
        rules = (
            ("n", self.n >= 1, "at least 1"),
            ("max_new_tokens", self.max_new_tokens >= 1, "at least 1"),
            (
                "min_new_tokens",
                0 <= self.min_new_tokens <= self.max_new_tokens,
                "from 0 to max_new_tokens",
            ),
            (
                "temperature",
                self.temperature == 0 or 0.01 <= self.temperature <= 100,
                "0 (greedy), or from 0.01 to 100",
            ),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("top_k", self.top_k >= 0, "at least 0"),
            ("stop", _are_texts(self.stop), "a list of non-empty strings"),
        )
        for name, holds, rule in rules:
            if not holds:
                raise HarnessError(f"generation.{name}={getattr(self, name)!r} must be {rule}")
