"""Open dialogues: what was computed of a turn and its answer, held until the next turn is asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import takewhile

import torch

from harness.models.hf.prefixes import DEEPEST, LEAST_TOKENS, KeyValues, Segment, Tokens

Turn = tuple[str, int]
"""A request's sample, and which of its generations."""
SHARE = 0.5
"""Part of the tokens that may be held at once which histories may take from rows in work."""
LEAST_ABOVE = 64
"""Tokens of a segment that stands above histories, but for the first one; a shorter one is copied
to each."""
PATIENCE = 4
"""Calls that ask turns of dialogues after which a history that nobody went on from is dropped."""


@dataclass(frozen=True, slots=True)
class History:
    """A turn's prompt and answer in tokens, and the keys and values of them."""

    tokens: Tokens
    """Of the whole row, those of the parent's first."""
    parent: Segment | None
    """What the row shared with others."""
    cache: list[KeyValues]
    """Of the tokens below the parent, one pair a layer."""
    call: int = 0
    """In which call it was held."""

    def alone(self) -> History:
        """The same with less above it: histories, and what is short, are copied to its own.

        A segment is a product of its own in every layer, and ever fewer rows go on sharing it.
        """
        chain = self.parent.chain() if self.parent else []
        shared = list(takewhile(lambda segment: not segment.private, chain))
        while len(shared) > 1 and len(shared[-1].tokens) < LEAST_ABOVE:
            shared.pop()
        below = [segment.cache for segment in chain[len(shared) :] if segment.cache]
        if not below:
            return self
        joined = (
            (torch.cat([keys for keys, _ in pairs]), torch.cat([values for _, values in pairs]))
            for pairs in zip(*below, self.cache, strict=True)
        )
        return replace(self, parent=shared[-1] if shared else None, cache=list(joined))

    def of(self, prompt: Tokens) -> Segment | None:
        """What a prompt can go on from; None where it begins otherwise, or with little of this.

        The last token of a prompt is left to be run: its logits are wanted.
        """
        end = _common(self.tokens, prompt[:-1])
        start = self.parent.end if self.parent else 0
        if end - start < LEAST_TOKENS:
            return None
        cache = [(keys[: end - start], values[: end - start]) for keys, values in self.cache]
        tokens = prompt[start:end]
        return Segment(tokens, start, self.parent, len(prompt), cache, private=True)


class Histories:
    """Histories of open dialogues by the turn that they end with.

    Where there is no room for another the first ones stay: turns are asked in the same order each
    time, so that dropping the oldest would drop each just before it is asked for.
    """

    def __init__(self) -> None:
        self.tokens = 0
        """Whose keys and values are held; those of a parent count once."""
        self._held: dict[Turn, History] = {}
        self._parents: Counter[Segment] = Counter()
        self._call = 0

    def begin(self) -> None:
        """Count a call, and drop what nobody went on from for several."""
        self._call += 1
        for turn, history in list(self._held.items()):
            if self._call - history.call > PATIENCE:
                self.take(turn)

    def take(self, turn: Turn) -> History | None:
        """Give a history away; None where none is held."""
        history = self._held.pop(turn, None)
        if history is not None:
            self.tokens -= _below(history)
            for segment in history.parent.chain() if history.parent else ():
                self._parents[segment] -= 1
                if not self._parents[segment]:
                    del self._parents[segment]
                    self.tokens -= len(segment.tokens)
        return history

    def keep(self, turn: Turn, history: History, most: float) -> None:
        """Hold a history to its next turn, where that takes no more than so many tokens in all."""
        chain = history.parent.chain() if history.parent else []
        new = [segment for segment in chain if segment not in self._parents]
        more = _below(history) + sum(len(segment.tokens) for segment in new)
        if self.tokens + more > most or len(chain) > DEEPEST:
            return
        self.take(turn)
        self.tokens += _below(history) + sum(
            len(segment.tokens) for segment in chain if segment not in self._parents
        )
        self._parents.update(chain)
        self._held[turn] = History(history.tokens, history.parent, history.cache, self._call)

    def clear(self) -> None:
        """Forget them: memory is short, or the model was changed."""
        self._held.clear()
        self._parents.clear()
        self.tokens = 0

    def __len__(self) -> int:
        """How many are held."""
        return len(self._held)


def _below(history: History) -> int:
    return len(history.tokens) - (history.parent.end if history.parent else 0)


def _common(first: Tokens, second: Tokens) -> int:
    """How many tokens two rows begin with alike."""
    pairs = zip(first, second, strict=False)
    unlike = (place for place, (a, b) in enumerate(pairs) if a != b)
    return next(unlike, min(len(first), len(second)))
