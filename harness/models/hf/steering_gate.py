"""What steering that goes by the prompt reads of the rows in work, and which tokens it changes.

A prompt may be run in parts: segments that it shares with others, and its own tokens. What is read
of it is the largest of one number a token, so that the parts may come in any order and company; it
is complete at the prompt's last token, from where on states are changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf

import torch

Seen = tuple[float, ...]
"""The largest number so far, of each reader; empty where nothing was read yet."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the tokens of one forward are: of which rows, and to what end."""

    rows: torch.Tensor
    """The row of each token, shape (tokens,)."""
    read: torch.Tensor | None
    """Places of tokens that are of prompts; None: of none."""
    changed: torch.Tensor
    """Places of tokens whose states are changed."""
    before: Sequence[Seen]
    """Of each row."""

    def on(self, device: torch.device) -> Parts:
        """The same on the device of a layer's states."""
        if self.rows.device == device:
            return self
        read = None if self.read is None else self.read.to(device)
        return Parts(self.rows.to(device), read, self.changed.to(device), self.before)


@dataclass
class SteeringGate:
    """Stands between the forwards of a model and its hooks that go by the prompt."""

    readers: int = 0
    """Hooks that go by the prompt, each with a number from 0."""
    _parts: Parts | None = None
    _largest: dict[int, torch.Tensor] = field(default_factory=dict)

    def open(self) -> int:
        """A new reader's number."""
        self.readers += 1
        return self.readers - 1

    def prompts(
        self,
        lengths: Sequence[int],
        before: Sequence[Seen],
        changed: Sequence[int],
        device: torch.device,
    ) -> None:
        """Say what the next forward's packed rows are.

        Args:
            lengths: tokens of each row.
            before: what was read above each row.
            changed: how many of each row's last tokens are changed; the first of these is the
                prompt's last, and the others are not the prompt's.
            device: of the states.
        """
        if not self.readers:
            return
        read: list[int] = []
        to_change: list[int] = []
        end = 0
        for length, count in zip(lengths, changed, strict=True):
            end += length
            read += range(end - length, end - max(count - 1, 0))
            to_change += range(end - count, end)
        rows = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths)).to(device)
        places, changing = (
            torch.tensor(numbers, dtype=torch.long, device=device) for numbers in (read, to_change)
        )
        self._take(Parts(rows, places, changing, before))

    def padded(self, mask: torch.Tensor, answers: Sequence[int]) -> None:
        """Say what a forward's rows are that are padded on the left.

        Args:
            mask: 1 where a token is, shape (rows, width).
            answers: of each row, how many of its last tokens are not the prompt's.
        """
        if not self.readers:
            return
        rows, width = mask.shape
        last = width - 1 - torch.tensor(answers, device=mask.device)[:, None]
        columns = torch.arange(width, device=mask.device)
        places = torch.arange(rows * width, device=mask.device).view(rows, width)
        read, changed = places[(mask > 0) & (columns <= last)], places[columns >= last]
        owners = torch.arange(rows, device=mask.device).repeat_interleave(width)
        self._take(Parts(owners, read, changed, [()] * rows))

    def step(self, seen: Sequence[Seen], device: torch.device) -> None:
        """Say whose the next forward's tokens are, one of each row's answer."""
        if self.readers:
            every = torch.arange(len(seen), device=device)
            self._take(Parts(every, None, every, seen))

    def seen(self, rows: int) -> list[Seen]:
        """What has been read of each of the rows by the forward that was last."""
        if not self.readers:
            return [()] * rows
        columns = [self._largest[reader].tolist() for reader in range(self.readers)]
        return list(zip(*columns, strict=True))

    def change(
        self,
        reader: int,
        states: torch.Tensor,
        scores: Callable[[torch.Tensor], torch.Tensor],
        change: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    ) -> torch.Tensor:
        """Read the prompts' states, and change those that are to be changed.

        Args:
            reader: its number.
            states: of a forward, shape (tokens, width); may be written into.
            scores: from states to one number each.
            change: from states, and what was read of each one's prompt, to other states.
        """
        parts = self._parts
        if parts is None:  # tried, before there is a forward
            return change(states, scores(states).float())
        parts = parts.on(states.device)
        largest = self._before(reader, parts, states.device)
        if parts.read is None:
            self._largest[reader] = largest
            return change(states, largest)
        if len(parts.read):
            read = scores(states[parts.read]).float()
            largest = largest.scatter_reduce(0, parts.rows[parts.read], read, "amax")
        self._largest[reader] = largest
        if len(parts.changed):
            of_prompt = largest[parts.rows[parts.changed]]
            states[parts.changed] = change(states[parts.changed], of_prompt)
        return states

    def _take(self, parts: Parts) -> None:
        self._parts, self._largest = parts, {}

    def _before(self, reader: int, parts: Parts, device: torch.device) -> torch.Tensor:
        before = [seen[reader] if seen else -inf for seen in parts.before]
        return torch.tensor(before, dtype=torch.float32, device=device)
