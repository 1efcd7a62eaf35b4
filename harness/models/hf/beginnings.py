"""What requests begin with, held from one call to the next: a judge's rubric, for example."""

from __future__ import annotations

from collections.abc import Iterable

from harness.models.hf.prefixes import KeyValues, Segment, Tokens

MOST_TOKENS = 2048
"""Of beginnings that are held."""


class Beginnings:
    """Keys and values of what earlier requests began with, the last ones last.

    What steering by the prompt has read of them is held with them.
    """

    def __init__(self) -> None:
        self._held: dict[Tokens, tuple[list[KeyValues], tuple[float, ...]]] = {}

    def give(self, segments: Iterable[Segment]) -> None:
        """Give segments without a parent what was computed of the same tokens before."""
        for segment in segments:
            if segment.cache is None and segment.tokens in self._held:
                segment.cache, segment.seen = self._held[segment.tokens]

    def keep(self, segments: Iterable[Segment], most: float) -> None:
        """Hold these for the next requests, and of all that is held the last so many tokens."""
        for segment in segments:
            if segment.cache is not None:
                self._held.pop(segment.tokens, None)
                self._held[segment.tokens] = segment.cache, segment.seen
        while sum(map(len, self._held)) > most:
            del self._held[next(iter(self._held))]

    def clear(self) -> None:
        """Forget them: memory is short, or the model was changed."""
        self._held.clear()

    def __contains__(self, tokens: object) -> bool:
        """Whether a beginning is held."""
        return tokens in self._held

    def __len__(self) -> int:
        """How many are held."""
        return len(self._held)
