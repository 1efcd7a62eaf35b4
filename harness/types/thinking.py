"""What a reasoning model wrote before its answer, kept apart from the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.types.errors import HarnessError
from harness.types.marks import (
    FAMILIES,
    GLUED,
    LOST_CHANNELS,
    Family,
    block_in,
    is_plain,
)
from harness.types.records import Generation


@dataclass(frozen=True)
class Thinking:
    """The marks between which a model thinks, and whether that is scored.

    Raises:
        HarnessError: a mark is empty.
    """

    start: str | None = None
    """None: the mark of any family that is known (`harness.types.marks`)."""
    end: str | None = None
    """None: the one that belongs to `start`."""
    opened: bool | None = None
    """The prompt ends with the start mark already, as some chat templates do: an answer without
    the end mark is then nothing but thinking. None: as the rendered prompt shows it."""
    scored: bool = False
    """Show scorers the thinking and the answer, instead of the answer."""

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            mark = getattr(self, name)
            if mark is not None and not mark.strip():
                raise HarnessError(f"thinking.{name} is empty; give the mark, such as </think>")

    @property
    def identity(self) -> dict[str, str | bool] | None:
        """What of it changes an answer; None where everything is found out."""
        if self.start is None and self.end is None and self.opened is None:
            return None
        family = self._named or FAMILIES[0]
        return {"start": family.start, "end": family.end, "opened": bool(self.opened)}

    def part(self, generation: Generation, blocks: bool = True) -> Generation:
        """The generation with its thinking apart.

        Whoever stopped before the end mark has not answered: the text is then empty, which scorers
        count as missing. Where thinking cannot be told from the answer, the generation has failed.

        Args:
            generation: as the model wrote it.
            blocks: an answer that begins with a block that is called as thinking is, by marks that
                nobody knows, has failed; a verdict has a form of its own and is read behind one.
        """
        text = generation.text
        if text is None or generation.thinking is not None:
            return generation
        opened = self._opened(generation)
        if opened is None and self._named is None and is_plain(text):
            return generation
        family = self._family(text, opened)
        if family is None:
            return self._unparted(generation, blocks)
        thought, answer = _apart(text, family)
        begun = opened is not None or _begins(text, family)
        if family.start in thought and not begun:
            return _failed(generation, f"{family.start} stands within it")
        if answer is None:
            return replace(generation, text="", thinking=_clean(thought, family), opened=None)
        for mark in (family.start, family.end) if family.ends_alone else (family.start,):
            if mark in answer:
                return _failed(generation, f"{mark} stands in it again")
        plain = _clean(answer, family) if family.inside else answer.lstrip()
        plain = plain.removeprefix(family.around[0]).removesuffix(family.around[1])
        return replace(generation, text=plain, thinking=_clean(thought, family), opened=None)

    def ended_alone(self, before: Generation, after: Generation) -> bool:
        """Whether an answer ended a thought that neither it nor a prompt known here began."""
        if before.thinking is not None or before.opened or after.thinking is None or after.error:
            return False
        family = self._family(before.text or "", None)
        return family is not None and not _begins(before.text or "", family)

    @property
    def _named(self) -> Family | None:
        """The family that the options name."""
        if self.start is None and self.end is None:
            return None
        start = self.start or FAMILIES[0].start
        known = next((family.end for family in FAMILIES if family.start == start), FAMILIES[0].end)
        return Family(start, self.end or known)

    def _opened(self, generation: Generation) -> str | None:
        """The start mark that the prompt ends with, by the options or by what was rendered."""
        named = self._named
        if self.opened is not None:
            seen = generation.opened or FAMILIES[0].start
            return (named.start if named else seen) if self.opened else None
        if named and generation.opened != named.start:
            return None
        return generation.opened

    def _family(self, text: str, opened: str | None) -> Family | None:
        """Whose marks the text has: those it begins with, then those it ends a thought with."""
        named, bare = self._named, text.lstrip()
        families = (named,) if named else FAMILIES
        if not named and GLUED.match(bare):
            return LOST_CHANNELS
        for family in families:
            # A mark made of words is one only where its partner follows.
            if _begins(text, family) and (family.ends_alone or family.end in text):
                return family
        of_prompt = [family for family in families if family.start == opened]
        if of_prompt and of_prompt[0].end in text:
            return of_prompt[0]
        ends = [(text.find(f.end), f) for f in families if f.ends_alone and f.end in text]
        if ends:
            return min(ends, key=lambda pair: pair[0])[1]
        return of_prompt[0] if of_prompt else None

    def _unparted(self, generation: Generation, blocks: bool) -> Generation:
        """The generation as it is, unless it may be thinking by marks that nobody knows."""
        text = generation.text or ""
        if self._named:
            return generation
        if unknown := block_in(text, blocks):
            return _failed(
                generation,
                f"it begins with {unknown}, which is the mark of no family that is known; name "
                "the marks with thinking.start and thinking.end",
            )
        if generation.finish_reason == "length":
            for family in FAMILIES:
                if family.start in text:
                    return _failed(generation, f"it was cut after {family.start}")
        return generation


def _begins(text: str, family: Family) -> bool:
    return text.lstrip().removeprefix(family.before).startswith(family.start)


def _apart(text: str, family: Family) -> tuple[str, str | None]:
    """The thinking and the answer, if any; blocks that follow each other are one thought."""
    remainder = text.lstrip().removeprefix(family.before)
    thoughts = []
    while True:
        if not remainder.startswith(family.end):  # which begins with the start mark in harmony
            remainder = remainder.removeprefix(family.start)
        thought, mark, answer = remainder.partition(family.end)
        thoughts.append(thought.strip())
        if not mark:
            return "\n".join(thoughts), None
        if not answer.lstrip().startswith(family.start):
            return "\n".join(thoughts), answer
        remainder = answer.lstrip()


def _clean(text: str, family: Family) -> str:
    """The text without the marks within it."""
    text = text.lstrip().removeprefix(family.label)
    for mark in family.inside:
        text = text.replace(mark, "")
    return text.strip()


def _failed(generation: Generation, reason: str) -> Generation:
    """No answer, with all that was written kept as thinking."""
    return replace(
        generation,
        text=None,
        finish_reason="error",
        error=f"its thinking cannot be told from its answer: {reason}",
        thinking=generation.text,
        opened=None,
    )
