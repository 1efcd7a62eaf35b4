"""Attention over segments that are kept once for all their rows, for any model of transformers.

Each token attends to the segments that its row shares with others, one product a segment for all
rows together, and to what is its row's own; the parts are put together by their log-sum-exponents
(Juravsky et al. 2024, Hydragen; Ye et al. 2024, cascade inference). transformers' models call
`attend` as their attention function, and everything else of a model stays its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.utils.rnn import pad_sequence
from transformers import AttentionInterface

from harness.models.hf.prefixes import KeyValues, Segment

Tensor = torch.Tensor
Part = tuple[Tensor, Tensor]
"""Attention over some of the keys, and the log of the sum of its exponentials."""

NAME = "harness_cascade"
MASKED = -1e30
LARGEST_SCORES = 2**27
"""Attention scores held at once at most; beyond, the fused kernel that holds none is taken."""
LONG = 16
"""Segments so many times as long as the longest row are read once for all rows; copies of shorter
ones beside each row's own cost less (as seen on a CPU in float32)."""


class Work(Protocol):
    """What one forward computes: how each token finds its keys and values."""

    window: int | None

    def attend(self, layer: int, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attention, shape of `query`: (tokens, key-value heads, queries a head, width)."""
        ...


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    work: Work,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """What transformers calls in each layer, for tokens of many rows in one packed row.

    Raises:
        NotImplementedError: the model asks for a kind of attention that this is not.
    """
    asked = {"softcap", "s_aux", "position_bias", "head_mask"} & {
        name for name, option in options.items() if option is not None
    }
    if asked or attention_mask is not None or query.shape[0] != 1:
        raise NotImplementedError(f"attention with {', '.join(sorted(asked)) or 'a mask'}")
    if sliding_window:
        work.window = min(sliding_window, work.window or sliding_window)
    heads, kv_heads, tokens, width = query.shape[1], key.shape[1], query.shape[2], query.shape[3]
    scale = width**-0.5 if scaling is None else scaling
    packed = query[0].transpose(0, 1).reshape(tokens, kv_heads, heads // kv_heads, width) * scale
    layer: int = module.layer_idx  # type: ignore[assignment]
    out = work.attend(layer, packed, key[0].transpose(0, 1), value[0].transpose(0, 1))
    return out.reshape(1, tokens, heads, -1).to(query.dtype), None


AttentionInterface.register(NAME, attend)


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
        self.group = torch.tensor([number[segment] for segment in segments], device=device)
        self.is_private = len(groups) == len(segments)  # one a row, in order: no copy is needed
        self.mask = (torch.arange(self.width) < torch.tensor(widths)[:, None]).to(device)
        """Shape (groups, width): which keys are there."""
        self._index: Tensor | None = None
        self._bias: Tensor | None = None
        if len(groups) == 1:
            self.layers = [
                tuple(x.transpose(0, 1)[None].contiguous() for x in pair) for pair in caches[0]
            ]
            return
        shape = caches[0][0][0]
        empty = shape.new_zeros(0, *shape.shape[1:])
        self.layers = [
            tuple(
                _side_by_side([s.cache[layer][i] if s and s.cache else empty for s in groups])
                for i in (0, 1)
            )
            for layer in range(len(caches[0]))
        ]
        if len(set(widths)) > 1:
            self._bias = (~self.mask)[:, None, None] * MASKED
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
        self._index, self._place = torch.tensor(index, device=device), place.to(device)

    def of_rows(self, layer: int, which: int) -> Tensor:
        """Keys (0) or values (1) of each row's segment, shape (rows, heads, width, head width)."""
        held = self.layers[layer][which]
        if self.is_private:
            return held
        return held.expand(len(self.group), -1, -1, -1) if len(held) == 1 else held[self.group]

    def attend(self, layer: int, query: Tensor) -> Part:
        """One product for all tokens of a group."""
        tokens, kv_heads, repeat, width = query.shape
        keys, values = self.layers[layer]
        if self._index is None:
            rows = query.transpose(0, 1).reshape(1, kv_heads, tokens * repeat, width)
        else:
            rows = query[self._index].transpose(1, 2).reshape(len(keys), kv_heads, -1, width)
        out, total = _part(rows, keys, values, self._bias)
        out = out.view(len(keys), kv_heads, -1, repeat, out.shape[-1]).transpose(1, 2)
        total = total.view(len(keys), kv_heads, -1, repeat).transpose(1, 2)
        out, total = out.flatten(0, 1), total.flatten(0, 1)
        return (out, total) if self._index is None else (out[self._place], total[self._place])


def levels(
    parents: Sequence[Segment | None], lengths: Sequence[int], device: torch.device
) -> list[Level]:
    """The segments above rows, depth by depth."""
    chains = [parent.chain() if parent else [] for parent in parents]
    return [
        Level([chain[d] if d < len(chain) else None for chain in chains], lengths, device)
        for d in range(max(map(len, chains), default=0))
    ]


class Prefill:
    """Whole rows of any lengths, packed without padding; their keys and values are kept.

    Args:
        lengths: own tokens of each row.
        parents: the lowest segment above each row.
        device: where the segments are.
    """

    def __init__(
        self, lengths: Sequence[int], parents: Sequence[Segment | None], device: torch.device
    ) -> None:
        self.window: int | None = None
        self.kept: list[KeyValues] = []
        self.levels = levels(parents, lengths, device)
        self._rows, self._longest = len(lengths), max(lengths)
        self._shared = sum(level.width for level in self.levels)
        private = any(level.is_private for level in self.levels) and self._rows > 1
        self._fuses = private and device.type == "cpu"
        sizes = torch.tensor(lengths, device=device)
        steps = torch.arange(self._longest, device=device)
        self._index, self._place = None, None
        if min(lengths) < self._longest:
            first = sizes.cumsum(0) - sizes
            there = steps < sizes[:, None]
            self._index = (first[:, None] + steps) * there
            self._place = there.flatten().nonzero()[:, 0]
        self._causal = steps[:, None] >= steps
        self._mask: Tensor | None = None
        self._bias: Tensor | None = None

    def attend(self, layer: int, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Own tokens causally, segments wholly."""
        self.kept.append((keys, values))
        rows = [self._padded(x) for x in (query, keys, values)]
        scores = query.shape[0] * query.shape[1] * query.shape[2] * (self._shared + self._longest)
        if not self.levels or self._fuses or scores > LARGEST_SCORES:
            return self._fused(layer, *rows)
        if self._shared > LONG * self._longest and self._rows > 1:
            return self._in_parts(layer, query, *rows)
        return self._joined(layer, *rows)

    def _in_parts(
        self, layer: int, packed: Tensor, query: Tensor, keys: Tensor, values: Tensor
    ) -> Tensor:
        """Where segments are long: they are read once for all rows."""
        rows, longest, kv_heads, repeat, width = query.shape
        turned = query.permute(0, 2, 3, 1, 4).reshape(rows, kv_heads, repeat * longest, width)
        bias = (~self._causal * MASKED).repeat(repeat, 1)
        out, total = _part(turned, keys.transpose(1, 2), values.transpose(1, 2), bias)
        out = out.view(rows, kv_heads, repeat, longest, -1).permute(0, 3, 1, 2, 4)
        total = total.view(rows, kv_heads, repeat, longest).permute(0, 3, 1, 2)
        last = self._unpadded(out.flatten(0, 1)), self._unpadded(total.flatten(0, 1))
        return _together([last, *(level.attend(layer, packed) for level in self.levels)])

    def _joined(self, layer: int, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Where they are not: one product a row over copies of the segments and the own tokens."""
        rows, longest, kv_heads, repeat, width = query.shape
        keys, values = self._with_segments(layer, keys, values)
        turned = query.permute(0, 2, 3, 1, 4).reshape(rows, kv_heads, repeat * longest, width)
        scores = torch.matmul(turned, keys.transpose(-1, -2)).float()
        by_token = scores.view(rows, kv_heads, repeat, longest, -1)
        if self._bias is None:
            self._bias = (~self._whole_mask() * MASKED)[:, :, None]
        by_token += self._bias
        out = torch.matmul(scores.softmax(-1).to(values.dtype), values)
        out = out.view(rows, kv_heads, repeat, longest, -1).permute(0, 3, 1, 2, 4)
        return self._unpadded(out.flatten(0, 1))

    def _fused(self, layer: int, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """No segments, segments of one row each, or too many scores to hold: one fused kernel."""
        rows, longest, kv_heads, repeat, width = query.shape
        query = query.reshape(rows, longest, kv_heads * repeat, width).transpose(1, 2)
        mask = self._whole_mask() if self.levels else None
        keys, values = self._with_segments(layer, keys, values)
        out = scaled_dot_product_attention(
            query, keys, values, mask, is_causal=mask is None, scale=1.0, enable_gqa=repeat > 1
        )
        out = out.transpose(1, 2).reshape(rows * longest, kv_heads, repeat, -1)
        return self._unpadded(out)

    def _with_segments(self, layer: int, keys: Tensor, values: Tensor) -> Sequence[Tensor]:
        """Each row's keys and values behind copies of those above it."""
        last = keys.transpose(1, 2), values.transpose(1, 2)
        if not self.levels:
            return last
        return [
            torch.cat([*(level.of_rows(layer, i) for level in self.levels), last[i]], dim=2)
            for i in (0, 1)
        ]

    def _whole_mask(self) -> Tensor:
        if self._mask is None:
            above = [level.mask[level.group][:, None] for level in self.levels]
            shape = (self._rows, self._longest, -1)
            parts = [part.expand(*shape) for part in (*above, self._causal)]
            self._mask = torch.cat(parts, dim=-1)[:, None]
        return self._mask

    def _padded(self, packed: Tensor) -> Tensor:
        """Shape (rows, longest, ...); what fills short rows stands behind them, unseen."""
        if self._index is None:
            return packed.view(self._rows, self._longest, *packed.shape[1:])
        return packed[self._index]

    def _unpadded(self, rows: Tensor) -> Tensor:
        return rows if self._place is None else rows[self._place]


def _part(query: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Part:
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


def _together(parts: Sequence[Part]) -> Tensor:
    """Attention over all the keys from attention over each part of them."""
    out, total = parts[0]
    for more, other in parts[1:]:
        out = torch.lerp(out, more, (other - total).sigmoid()[..., None])
        total = torch.logaddexp(total, other)
    return out


def _side_by_side(segments: Sequence[Tensor]) -> Tensor:
    """Shape (segments, key-value heads, longest, width)."""
    return pad_sequence(list(segments), batch_first=True).transpose(1, 2).contiguous()
