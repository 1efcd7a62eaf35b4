"""Segments that rows share, side by side, and attention over a part of the keys.

What says which token attends to which is small and the same for all layers, and is copied once to
each device that layers are on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch.nn.utils.rnn import pad_sequence

from harness.models.hf.prefixes import KeyValues, Segment

Tensor = torch.Tensor
Part = tuple[Tensor, Tensor]
"""Attention over some of the keys, and the log of the sum of its exponentials."""

MASKED = -1e30
UNLIKE = 3
"""Segments to which so many times fewer tokens attend are not padded to the others."""


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
        keeps: whether what is laid side by side is held for further forwards.
    """

    def __init__(
        self,
        segments: Sequence[Segment | None],
        lengths: Sequence[int],
        device: torch.device,
        keeps: bool = True,
    ) -> None:
        groups = list(dict.fromkeys(segments))
        widths = [len(segment.tokens) if segment else 0 for segment in groups]
        self.width = max(widths)
        number = {segment: i for i, segment in enumerate(groups)}
        self.group = Everywhere(
            torch.tensor([number[segment] for segment in segments], device=device)
        )
        self.is_private = len(groups) == len(segments)  # one a row, in order: no copy is needed
        self.mask = (torch.arange(self.width) < torch.tensor(widths)[:, None]).to(device)
        """Shape (groups, width): which keys are there."""
        self._all = Bucket(groups, keeps)
        self._buckets: list[tuple[Bucket, Everywhere, Everywhere]] = []
        """Each with its tokens, shape (groups, most), and the place of each among them, below."""
        self._tokens: Everywhere | None = None
        """Those that attend, in the order of the buckets; None: all, to one segment."""
        if len(groups) == 1:
            return
        members: dict[Segment, list[int]] = {}
        token = 0
        for segment, length in zip(segments, lengths, strict=True):
            if segment:
                members.setdefault(segment, []).extend(range(token, token + length))
            token += length
        attending: list[int] = []
        for held in _alike(members):
            of_each = [members[segment] for segment in held]
            most = max(map(len, of_each))
            index = [tokens + [0] * (most - len(tokens)) for tokens in of_each]
            place = [
                i * most + step for i, tokens in enumerate(of_each) for step in range(len(tokens))
            ]
            places = [Everywhere(torch.tensor(x, device=device)) for x in (index, place)]
            self._buckets.append((Bucket(held, keeps), places[0], places[1]))
            attending += (token for tokens in of_each for token in tokens)
        self._tokens = Everywhere(torch.tensor(attending, device=device))

    def of_rows(self, layer: int) -> tuple[Tensor, Tensor]:
        """Keys and values of each row's segment, of shape (rows, heads, width, head width)."""
        keys, values = self._all.layer(layer)
        if self.is_private:
            return keys, values
        group = self.group.on(keys.device)
        if len(keys) == 1:
            return keys.expand(len(group), -1, -1, -1), values.expand(len(group), -1, -1, -1)
        return keys[group], values[group]

    def attend(self, layer: int, query: Tensor) -> Part:
        """One product for all tokens of a group, of groups that are about as large together."""
        if self._tokens is None:
            out, total = self._all.attend(layer, query[None])
            return out[0], total[0]
        parts = []
        for bucket, index, place in self._buckets:
            out, total = bucket.attend(layer, query[index.on(query.device)])
            at = place.on(query.device)
            parts.append((out.flatten(0, 1)[at], total.flatten(0, 1)[at]))
        tokens = self._tokens.on(query.device)
        out, total = (torch.cat(of_each) for of_each in zip(*parts, strict=True))
        # A token without a segment here has no part: what is masked weighs nothing.
        everyone = out.new_zeros(len(query), *out.shape[1:])
        totals = total.new_full((len(query), *total.shape[1:]), MASKED)
        return everyone.index_copy_(0, tokens, out), totals.index_copy_(0, tokens, total)


class Bucket:
    """Segments side by side, to each of which about as many tokens attend.

    Args:
        segments: None: an empty one.
        keeps: whether what is laid side by side is held for further forwards.
    """

    def __init__(self, segments: Sequence[Segment | None], keeps: bool) -> None:
        self._segments = segments
        self._keeps = keeps
        self._layers: dict[int, tuple[Tensor, Tensor]] = {}
        widths = torch.tensor([len(segment.tokens) if segment else 0 for segment in segments])
        mask = torch.arange(int(widths.max())) < widths[:, None]
        self._bias = None if mask.all() else Everywhere((~mask)[:, None, None] * MASKED)

    def layer(self, number: int) -> tuple[Tensor, Tensor]:
        """Keys and values, each of shape (segments, heads, longest, head width)."""
        if number in self._layers:
            return self._layers[number]
        caches = [segment.cache[number] if segment and segment.cache else None
                  for segment in self._segments]  # fmt: skip
        like = next(cache for cache in caches if cache)
        keys, values = (
            _side_by_side([cache[i] if cache else like[i][:0] for cache in caches]) for i in (0, 1)
        )
        if self._keeps:
            self._layers[number] = keys, values
        return keys, values

    def attend(self, layer: int, query: Tensor) -> Part:
        """One product a segment; shape of `query`: (segments, tokens, heads, repeat, width)."""
        count, tokens, kv_heads, repeat, width = query.shape
        keys, values = self.layer(layer)
        rows = query.transpose(1, 2).reshape(count, kv_heads, tokens * repeat, width)
        bias = None if self._bias is None else self._bias.on(query.device)
        out, total = part(rows, keys, values, bias)
        out = out.view(count, kv_heads, tokens, repeat, out.shape[-1]).transpose(1, 2)
        return out, total.view(count, kv_heads, tokens, repeat).transpose(1, 2)


def _alike(members: Mapping[Segment, Sequence[int]]) -> Iterator[list[Segment]]:
    """Segments in lists of those to which about as many tokens attend, the most first."""
    alike: list[Segment] = []
    for segment in sorted(members, key=lambda segment: -len(members[segment])):
        if alike and len(members[segment]) * UNLIKE < len(members[alike[0]]):
            yield alike
            alike = []
        alike.append(segment)
    if alike:
        yield alike


def levels(
    parents: Sequence[Segment | None],
    lengths: Sequence[int],
    device: torch.device,
    keeps: bool = True,
) -> list[Level]:
    """The segments above rows, depth by depth."""
    chains = [parent.chain() if parent else [] for parent in parents]
    return [
        Level([chain[d] if d < len(chain) else None for chain in chains], lengths, device, keeps)
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
    if len(segments) == 1:
        return segments[0].transpose(0, 1)[None].contiguous()
    return pad_sequence(list(segments), batch_first=True).transpose(1, 2).contiguous()


def cut(layers: Sequence[KeyValues], first: int, end: int) -> list[KeyValues]:
    """Keys and values of some tokens of a forward, without the others."""
    return [(keys[first:end].clone(), values[first:end].clone()) for keys, values in layers]
