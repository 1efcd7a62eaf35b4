"""What a reasoning model wrote before its answer, kept apart from the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.types import Generation, HarnessError


@dataclass(frozen=True)
class Thinking:
    """The marks between which a model thinks, and whether that is scored.

    Raises:
        HarnessError: a mark is empty.
    """

    start: str = "<think>"
    end: str = "</think>"
    opened: bool = False
    """The prompt ends with the start mark already, as some chat templates do: an answer without
    the end mark is then nothing but thinking."""
    scored: bool = False
    """Show scorers the thinking and the answer, instead of the answer."""

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            if not getattr(self, name).strip():
                raise HarnessError(f"thinking.{name} is empty; give the mark, such as </think>")

    def part(self, generation: Generation) -> Generation:
        """The generation with its thinking apart.

        Whoever stopped before the end mark has not answered: the text is then empty, which scorers
        count as missing.
        """
        text = generation.text
        if text is None or generation.thinking is not None:
            return generation
        begins = text.lstrip().startswith(self.start)
        thought, mark, answer = text.partition(self.end)
        if not mark and not begins and not self.opened:
            return generation
        thought = thought.lstrip().removeprefix(self.start)
        return replace(generation, text=answer.lstrip() if mark else "", thinking=thought.strip())
