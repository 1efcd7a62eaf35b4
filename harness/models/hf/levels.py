"""Segments that rows share, side by side, and attention over a part of the keys.

What says which token attends to which is small and the same for all layers, and is copied once to
each device that layers are on.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.utils.rnn import pad_sequence

from harness.models.hf.prefixes import KeyValues, Segment

Tensor = torch.Tensor
Part = tuple[Tensor, Tensor]
"""Attention over some of the keys, and the log of the sum of its exponentials."""

MASKED = -1e30


class Everywhere:
    """A small tensor, and its copies on other devices whose layers have asked for it."""

    __slots__ = ("_copies", "_first")

    def __init__(self, tensor: Tensor) -> None:
        self._first = tensor
        self._copies: dict[torch.device, Tensor] = {}

    def on(self, device: torch.device) -> Tensor:
        """The tensor on a device."""
        if self._first.device == device:
            return self._first
        if device not in self._copies:
            self._copies[device] = self._first.to(device)
        return self._copies[device]


class Level:
    """Segments at one depth of the tree, side by side, and which tokens attend to which.

    Args:
        segments: of each row; None where it has none at this depth.
        lengths: tokens of each row that attend.
        device: where they are.
    """

    def __init__(
        self, segments: Sequence[Segment | None], lengths: Sequence[int], device: torch.device
    ) -> None:
        groups = list(dict.fromkeys(segments))
        caches = [segment.cache for segment in groups if segment and segment.cache]
        widths = [len(segment.tokens) if segment else 0 for segment in groups]
        self.width = max(widths)
        number = {segment: i for i, segment in enumerate(groups)}
        self.group = Everywhere(
            torch.tensor([number[segment] for segment in segments], device=device)
        )
        self.is_private = len(groups) == len(segments)  # one a row, in order: no copy is needed
        self.mask = (torch.arange(self.width) < torch.tensor(widths)[:, None]).to(device)
        """Shape (groups, width): which keys are there."""
        self._index: Everywhere | None = None
        self._bias: Everywhere | None = None
        if len(groups) == 1:
            self.layers = [
                tuple(x.transpose(0, 1)[None].contiguous() for x in pair) for pair in caches[0]
            ]
            return
        self.layers = [
            tuple(
                _side_by_side([s.cache[layer][i] if s and s.cache else none[i][:0] for s in groups])
                for i in (0, 1)
            )
            for layer, none in enumerate(caches[0])
        ]
        if len(set(widths)) > 1:
            self._bias = Everywhere((~self.mask)[:, None, None] * MASKED)
        members: list[list[int]] = [[] for _ in groups]
        token = 0
        for segment, length in zip(segments, lengths, strict=True):
            members[number[segment]].extend(range(token, token + length))
            token += length
        most = max(map(len, members))
        place = torch.empty(token, dtype=torch.long)
        for i, tokens in enumerate(members):
            place[tokens] = torch.arange(len(tokens)) + i * most
        index = [tokens + [0] * (most - len(tokens)) for tokens in members]
        self._index = Everywhere(torch.tensor(index, device=device))
        self._place = Everywhere(place.to(device))

    def of_rows(self, layer: int, which: int) -> Tensor:
        """Keys (0) or values (1) of each row's segment, shape (rows, heads, width, head width)."""
        held = self.layers[layer][which]
        if self.is_private:
            return held
        group = self.group.on(held.device)
        return held.expand(len(group), -1, -1, -1) if len(held) == 1 else held[group]

    def attend(self, layer: int, query: Tensor) -> Part:
        """One product for all tokens of a group."""
        tokens, kv_heads, repeat, width = query.shape
        keys, values = self.layers[layer]
        if self._index is None:
            rows = query.transpose(0, 1).reshape(1, kv_heads, tokens * repeat, width)
        else:
            index = self._index.on(query.device)
            rows = query[index].transpose(1, 2).reshape(len(keys), kv_heads, -1, width)
        bias = None if self._bias is None else self._bias.on(query.device)
        out, total = part(rows, keys, values, bias)
        out = out.view(len(keys), kv_heads, -1, repeat, out.shape[-1]).transpose(1, 2)
        total = total.view(len(keys), kv_heads, -1, repeat).transpose(1, 2)
        out, total = out.flatten(0, 1), total.flatten(0, 1)
        if self._index is None:
            return out, total
        place = self._place.on(query.device)
        return out[place], total[place]


def levels(
    parents: Sequence[Segment | None], lengths: Sequence[int], device: torch.device
) -> list[Level]:
    """The segments above rows, depth by depth."""
    chains = [parent.chain() if parent else [] for parent in parents]
    return [
        Level([chain[d] if d < len(chain) else None for chain in chains], lengths, device)
        for d in range(max(map(len, chains), default=0))
    ]


def part(query: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Part:
    """Attention over some keys, and the log of the sum of its exponentials, both in float32.

    Args:
        query: scaled, shape (..., queries, width).
        keys: shape (..., keys, width).
        values: shape (..., keys, width).
        bias: added to the scores; broadcasts to (..., queries, keys).
    """
    scores = torch.matmul(query, keys.transpose(-1, -2)).float()
    if bias is not None:
        scores += bias
    weights = scores.softmax(-1)
    out = torch.matmul(weights.to(values.dtype), values).float()
    # The largest weight is exp(score - total), so that the total need not be summed again.
    return out, scores.amax(-1) - weights.amax(-1).log()


def together(parts: Sequence[Part]) -> Tensor:
    """Attention over all the keys from attention over each part of them."""
    out, total = parts[0]
    for more, other in parts[1:]:
        out = torch.lerp(out, more, (other - total).sigmoid()[..., None])
        total = torch.logaddexp(total, other)
    return out


def _side_by_side(segments: Sequence[Tensor]) -> Tensor:
    """Shape (segments, key-value heads, longest, width)."""
    return pad_sequence(list(segments), batch_first=True).transpose(1, 2).contiguous()


def cut(layers: Sequence[KeyValues], first: int, end: int) -> list[KeyValues]:
    """Keys and values of some tokens of a forward, without the others."""
    return [(keys[first:end].clone(), values[first:end].clone()) for keys, values in layers]
