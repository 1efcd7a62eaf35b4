"""Keys and values of rows that are being written."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from harness.models.hf.levels import MASKED, Everywhere, Level, Tensor, levels, part, together
from harness.models.hf.prefixes import KeyValues, Segment

GROWTH = 16
"""Tokens by which the slots grow. Each step attends to all of their room, the empty part masked: a
product over a part of it would copy that part first, in each layer."""


class Slots:
    """Keys and values of rows that are being written, one slot a row, the first ones in use.

    Args:
        device: where they are.
        most: rows that will be in use at once, where that is known: they have a slot from the
            first on, since each growth moves all that is held.
    """

    def __init__(self, device: torch.device, most: int = 0) -> None:
        self.window: int | None = None
        self.lengths: list[int] = []
        """Tokens held for each row in use."""
        self.device = device
        self._most = most
        self._layers: list[list[Tensor]] = []
        self._levels: list[Level] = []

    def add(
        self,
        layers: Sequence[KeyValues],
        tokens: Sequence[range],
        histories: Sequence[Segment | None] | None = None,
    ) -> None:
        """Take new rows with what a forward kept of them.

        Args:
            layers: keys and values of the forward.
            tokens: for each row, which of the forward's tokens it takes with it; may be none.
            histories: for each row what it takes with it before these; None: none has any.
        """
        first = len(self.lengths)
        before = histories or [None] * len(tokens)
        starts = [len(history.tokens) if history else 0 for history in before]
        self.lengths += [start + len(taken) for start, taken in zip(starts, tokens, strict=True)]
        self._grow(layers)
        for slot, history in enumerate(before, first):
            if history and history.cache:
                self._put(slot, history.cache)
        pairs = [
            (slot, start + step, token)
            for slot, (start, taken) in enumerate(zip(starts, tokens, strict=True), first)
            for step, token in enumerate(taken)
        ]
        if not pairs:
            return
        places = [Everywhere(x) for x in torch.tensor(pairs, device=self.device).T]
        for layer, pair in zip(self._layers, layers, strict=True):
            slots, steps, sources = (x.on(pair[0].device) for x in places)
            for held, new in zip(layer, pair, strict=True):
                held[slots, :, steps] = new[sources]

    def remove(self, slot: int) -> None:
        """Free a slot; the last row in use moves there."""
        last = len(self.lengths) - 1
        length = self.lengths.pop()
        if slot == last:
            return
        self.lengths[slot] = length
        for layer in self._layers:
            for held in layer:
                held[slot, :, :length] = held[last, :, :length]

    def copy(self, slot: int) -> list[KeyValues]:
        """Keys and values that are held for a row, as they are now."""
        length = self.lengths[slot]
        keys_and_values = (
            [held[slot, :, :length].transpose(0, 1).contiguous() for held in layer]
            for layer in self._layers
        )
        return [(keys, values) for keys, values in keys_and_values]

    def under(self, parents: Sequence[Segment | None]) -> None:
        """Say which segments stand above the rows in use, whenever the rows have changed."""
        self._levels = levels(parents, [1] * len(parents), self.device)

    def begin(self) -> None:
        """Make room for one more token of every row."""
        rows = len(self.lengths)
        steps = torch.tensor(self.lengths, device=self.device)
        self._steps = Everywhere(steps)
        self._rows = Everywhere(torch.arange(rows, device=self.device))
        self._bias: Everywhere | None = None
        self._grow(self._layers)
        room = self._layers[0][0].shape[2]
        if min(self.lengths) + 1 < room:
            mask = torch.arange(room, device=self.device) <= steps[:, None]
            self._bias = Everywhere((~mask * MASKED)[:, None, None])
        self.lengths = [length + 1 for length in self.lengths]

    def attend(self, layer: int, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """One token of each row: over the row's own slot and over its segments."""
        held, device = self._layers[layer], query.device
        rows, steps = self._rows.on(device), self._steps.on(device)
        for slots, new in zip(held, (keys, values), strict=True):
            slots[rows, :, steps] = new
        keys_values = [slots[: len(query)] for slots in held]
        bias = None if self._bias is None else self._bias.on(device)
        parts = [part(query, keys_values[0], keys_values[1], bias)]
        return together(parts + [level.attend(layer, query) for level in self._levels])

    def _put(self, slot: int, cache: Sequence[KeyValues]) -> None:
        """Lay keys and values at the beginning of a slot."""
        for layer, pair in zip(self._layers, cache, strict=True):
            for held, new in zip(layer, pair, strict=True):
                held[slot, :, : len(new)] = new.transpose(0, 1)

    def _grow(self, like: Sequence[Sequence[Tensor]]) -> None:
        """Give every row in use a slot, and every slot room for its tokens."""
        rows, width = len(self.lengths), max(self.lengths) + 1
        if not self._layers:
            self._layers = [
                [x.new_zeros(0, x.shape[-2], 0, x.shape[-1]) for x in pair] for pair in like
            ]
        slots, _, room, _ = self._layers[0][0].shape
        new = rows > slots
        # What enters is written on: the room of an answer is taken with that of its prompt.
        more_room = -(-max(0, width + (GROWTH - 1) * new - room) // GROWTH) * GROWTH
        more_slots = max(rows, self._most) - slots if new else 0
        if not more_slots and not more_room:
            return
        for layer in self._layers:
            for i, held in enumerate(layer):
                layer[i] = _grown(held, more_slots, more_room)


def _grown(held: Tensor, more_slots: int, more_room: int) -> Tensor:
    """What is held with more slots and more room, which are zero: what is masked must be finite."""
    slots, heads, room, width = held.shape
    grown = held.new_empty(slots + more_slots, heads, room + more_room, width)
    grown[:slots, :, :room] = held
    grown[:slots, :, room:] = 0
    grown[slots:] = 0
    return grown
