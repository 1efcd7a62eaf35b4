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
from transformers import AttentionInterface

from harness.models.hf.levels import MASKED, Everywhere, Tensor, levels, part, together
from harness.models.hf.prefixes import KeyValues, Segment

NAME = "harness_cascade"
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
        self.layers: list[KeyValues] = []
        self._chains = [parent.chain() if parent else [] for parent in parents]
        self._lengths = lengths
        histories = any(segment.private for chain in self._chains for segment in chain)
        # Rows that share little are quicker one by one where a product needs no launch, and what
        # a product of one row works on stays near the processor.
        self._is_apart = histories and device.type == "cpu"
        self.levels = [] if self._is_apart else levels(parents, lengths, device, keeps=False)
        self._rows, self._longest = len(lengths), max(lengths)
        self._shared = sum(level.width for level in self.levels)
        sizes = torch.tensor(lengths, device=device)
        steps = torch.arange(self._longest, device=device)
        self._index: Everywhere | None = None
        self._place: Everywhere | None = None
        if min(lengths) < self._longest:
            first = sizes.cumsum(0) - sizes
            filled_steps = steps < sizes[:, None]
            self._index = Everywhere((first[:, None] + steps) * filled_steps)
            filled = torch.arange(self._longest) < torch.tensor(lengths)[:, None]
            self._place = Everywhere(filled.flatten().nonzero()[:, 0].to(device))
        self._causal = Everywhere(steps[:, None] >= steps)
        self._mask: Everywhere | None = None
        self._bias: Everywhere | None = None
        self._device = device

    def attend(self, layer: int, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Own tokens causally, segments wholly."""
        self.layers.append((keys, values))
        if self._is_apart:
            return self._by_row(layer, query, keys, values)
        rows = [self._padded(x) for x in (query, keys, values)]
        scores = query.shape[0] * query.shape[1] * query.shape[2] * (self._shared + self._longest)
        if not self.levels or scores > LARGEST_SCORES:
            return self._fused(layer, *rows)
        if self._shared > LONG * self._longest and self._rows > 1:
            return self._in_parts(layer, query, *rows)
        return self._joined(layer, *rows)

    def _by_row(self, layer: int, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Where rows go on from histories of their own: one kernel a row, and no padding."""
        tokens, kv_heads, repeat, width = query.shape
        by_head = query.reshape(tokens, kv_heads * repeat, width).transpose(0, 1)
        parts: list[Tensor] = []
        first = 0
        for chain, length in zip(self._chains, self._lengths, strict=True):
            end = first + length
            above = [segment.cache[layer] for segment in chain if segment.cache]
            pairs = [*above, (keys[first:end], values[first:end])]
            whole = [torch.cat(of_each).transpose(0, 1) for of_each in zip(*pairs, strict=True)]
            room = whole[0].shape[1]
            seen = torch.ones(length, room, dtype=torch.bool, device=query.device)
            out = scaled_dot_product_attention(
                by_head[None, :, first:end],
                whole[0][None],
                whole[1][None],
                seen.tril(room - length),
                scale=1.0,
                enable_gqa=repeat > 1,
            )
            parts.append(out[0].transpose(0, 1))
            first = end
        return torch.cat(parts).view(tokens, kv_heads, repeat, -1)

    def _in_parts(
        self, layer: int, packed: Tensor, query: Tensor, keys: Tensor, values: Tensor
    ) -> Tensor:
        """Where segments are long: they are read once for all rows."""
        rows, longest, kv_heads, repeat, width = query.shape
        turned = query.permute(0, 2, 3, 1, 4).reshape(rows, kv_heads, repeat * longest, width)
        bias = (~self._causal.on(query.device) * MASKED).repeat(repeat, 1)
        out, total = part(turned, keys.transpose(1, 2), values.transpose(1, 2), bias)
        out = out.view(rows, kv_heads, repeat, longest, -1).permute(0, 3, 1, 2, 4)
        total = total.view(rows, kv_heads, repeat, longest).permute(0, 3, 1, 2)
        last = self._unpadded(out.flatten(0, 1)), self._unpadded(total.flatten(0, 1))
        return together([last, *(level.attend(layer, packed) for level in self.levels)])

    def _joined(self, layer: int, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Where they are not: one product a row over copies of the segments and the own tokens."""
        rows, longest, kv_heads, repeat, width = query.shape
        keys, values = self._with_segments(layer, keys, values)
        turned = query.permute(0, 2, 3, 1, 4).reshape(rows, kv_heads, repeat * longest, width)
        scores = torch.matmul(turned, keys.transpose(-1, -2)).float()
        by_token = scores.view(rows, kv_heads, repeat, longest, -1)
        if self._bias is None:
            self._bias = Everywhere((~self._whole_mask(self._device) * MASKED)[:, :, None])
        by_token += self._bias.on(query.device)
        out = torch.matmul(scores.softmax(-1).to(values.dtype), values)
        out = out.view(rows, kv_heads, repeat, longest, -1).permute(0, 3, 1, 2, 4)
        return self._unpadded(out.flatten(0, 1))

    def _fused(self, layer: int, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """No segments, or too many scores to hold: one fused kernel."""
        rows, longest, kv_heads, repeat, width = query.shape
        query = query.reshape(rows, longest, kv_heads * repeat, width).transpose(1, 2)
        mask = self._whole_mask(query.device) if self.levels else None
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
        above = [level.of_rows(layer) for level in self.levels]
        return [torch.cat(of_each, dim=2) for of_each in zip(*above, last, strict=True)]

    def _whole_mask(self, device: torch.device) -> Tensor:
        if self._mask is None:
            at = self._device
            above = [level.mask[level.group.on(at)][:, None] for level in self.levels]
            shape = (self._rows, self._longest, -1)
            parts = [seen.expand(*shape) for seen in (*above, self._causal.on(at))]
            self._mask = Everywhere(torch.cat(parts, dim=-1)[:, None])
        return self._mask.on(device)

    def _padded(self, packed: Tensor) -> Tensor:
        """Shape (rows, longest, ...); what fills short rows stands behind them, unseen."""
        if self._index is None:
            return packed.view(self._rows, self._longest, *packed.shape[1:])
        return packed[self._index.on(packed.device)]

    def _unpadded(self, rows: Tensor) -> Tensor:
        return rows if self._place is None else rows[self._place.on(rows.device)]
