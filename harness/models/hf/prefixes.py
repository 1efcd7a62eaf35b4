"""Finds what rows of tokens have in common, so that it is computed once: a tree over token ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import torch


Tokens = tuple[int, ...]
KeyValues: TypeAlias = "tuple[torch.Tensor, torch.Tensor]"
"""Keys and values of one layer, each of shape (tokens, key-value heads, head width)."""

LEAST_TOKENS = 8
"""A shorter beginning is computed with each row: a segment of its own costs more than it saves."""
LEAST_SAVED = 32
"""Tokens that a segment must save, over all its rows."""
DEEPEST = 4
"""Segments above a row at most; each is a product of its own in every layer."""


@dataclass(eq=False, slots=True)
class Segment:
    """Tokens that several rows have in common; what comes before them is the parent's."""

    tokens: Tokens
    start: int
    """Position of its first token."""
    parent: Segment | None
    longest: int
    """Tokens of its longest row, which is worked on first."""
    cache: list[KeyValues] | None = None
    """Keys and values, one pair a layer; None until they are computed."""
    seen: tuple[float, ...] = ()
    """What steering by the prompt has read of its tokens and of those above it."""
    private: bool = False
    """Whether it is the history of one dialogue, which no other row begins with."""

    @property
    def end(self) -> int:
        """Position after its last token."""
        return self.start + len(self.tokens)

    def chain(self) -> list[Segment]:
        """Itself and what stands above it, from the root."""
        above: list[Segment] = []
        segment: Segment | None = self
        while segment is not None:
            above.append(segment)
            segment = segment.parent
        return above[::-1]


@dataclass(eq=False, slots=True)
class Leaf:
    """What is left of a row below the segments that it shares."""

    row: Tokens
    parent: Segment | None
    needed: int
    """How many of its last tokens' logits are wanted; these are never in a segment."""
    seen: tuple[float, ...] = ()
    """What steering by the prompt has read of the whole prompt, once it is run."""

    @property
    def own_tokens(self) -> Tokens:
        """Its own tokens, at least one."""
        return self.row[self.parent.end if self.parent else 0 :]


def share(rows: Sequence[tuple[Tokens, int]]) -> list[Leaf]:
    """A leaf for each distinct row, those of one segment together, the longest first.

    Args:
        rows: distinct rows of tokens, each with how many of its last tokens' logits are wanted.
    """
    leaves: list[Leaf] = []
    waiting: list[tuple[list[tuple[Tokens, int]], Segment | None, int]] = [(sorted(rows), None, 0)]
    while waiting:
        group, parent, at = waiting.pop()
        below = parent.end if parent else 0
        deep = parent is not None and len(parent.chain()) >= DEEPEST
        for run in _runs(group, at):
            if len(run) == 1 or deep:
                leaves += [Leaf(row, parent, needed) for row, needed in run]
                continue
            common = _common(run, at)
            length = common - below
            if length >= LEAST_TOKENS and length * (len(run) - 1) >= LEAST_SAVED:
                longest = max(len(row) for row, _ in run)
                segment = Segment(run[0][0][below:common], below, parent, longest)
                waiting.append((run, segment, common))
            else:
                waiting.append((run, parent, common))
    number = {segment: i for i, segment in enumerate(dict.fromkeys(_segments(leaves)))}
    leaves.sort(key=lambda leaf: _place(leaf, number))
    return leaves


def _runs(group: list[tuple[Tokens, int]], at: int) -> Iterator[list[tuple[Tokens, int]]]:
    """Rows of one group with the same token at a position; alone, what may not be shared so far."""
    shareable = [row for row in group if len(row[0]) - row[1] > at]
    for _, run in groupby(shareable, key=lambda row: row[0][at]):
        yield list(run)
    yield from ([row] for row in group if len(row[0]) - row[1] <= at)


def _common(run: Sequence[tuple[Tokens, int]], at: int) -> int:
    """How far sorted rows agree: as far as the first and the last do."""
    first, last = run[0][0], run[-1][0]
    limit = min(len(row) - needed for row, needed in run)
    return next((i for i in range(at + 1, limit) if first[i] != last[i]), limit)


def _segments(leaves: Sequence[Leaf]) -> Iterator[Segment]:
    for leaf in leaves:
        if leaf.parent:
            yield from leaf.parent.chain()


def _place(leaf: Leaf, number: dict[Segment, int]) -> list[tuple[int, int]]:
    above = leaf.parent.chain() if leaf.parent else []
    return [*((-segment.longest, number[segment]) for segment in above), (-len(leaf.row), -1)]
