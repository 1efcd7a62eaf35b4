"""The encoder for reading: texts side by side without padding, linear maps in whole numbers.

Rounded, each row of states and each row of weights has a scale of its own and 255 steps, and
products are summed in whole numbers, which is exact: what a text gets depends neither on what is
read beside it nor on the machine, but for the rest, which is float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention
from transformers import BertModel

STEPS = 127
"""Largest whole number of 8 bits, with a sign."""
PACKED_TOKENS = 1024
"""Tokens that are read together on a processor: their states stay in its cache."""
SUMMED = 2**24 // STEPS**2
"""Products of two such numbers that float32 sums exactly, whatever they are."""


class Exact:
    """A linear map in float32.

    Args:
        weight: of shape (out, into).
        bias: of shape (out,).
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight, self.bias = weight, bias

    def __call__(self, states: Tensor) -> Tensor:
        """Of shape (tokens, out)."""
        return linear(states, self.weight, self.bias)


class Rounded:
    """A linear map of states and weights in 8 bits, by symmetric rounding row by row.

    Args:
        weight: of shape (out, into).
        bias: of shape (out,).
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.bias = bias
        steps, scale = rounded(weight)
        self.scale = scale.T
        short = weight.device.type == "cpu" and multiplies_bytes()
        self.steps = steps.to(torch.int8).T.contiguous() if short else steps.T

    def __call__(self, states: Tensor) -> Tensor:
        """Of shape (tokens, out)."""
        steps, scale = rounded(states)
        if self.steps.dtype == torch.int8:
            summed = torch._int_mm(steps.to(torch.int8), self.steps)
        else:
            summed = whole_product(steps, self.steps)
        return torch.addcmul(self.bias, summed * scale, self.scale)


def multiplies_bytes() -> bool:
    """Whether the processor has instructions for it; without them it is some forty times slower."""
    return bool(torch.cpu._is_vnni_supported())


def whole_product(steps: Tensor, weights: Tensor) -> Tensor:
    """The product of two matrices of such whole numbers, which are in float32 themselves.

    Over twice `SUMMED` columns at the most it is the integers' product, rounded once.
    """
    parts = zip(torch.split(steps, SUMMED, 1), torch.split(weights, SUMMED), strict=True)
    first, *more = (left @ right for left, right in parts)
    for part in more:
        first = first + part
    return first


def rounded(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers from -127 to 127, and of each row what one of them is worth."""
    most = rows.abs().amax(1, keepdim=True).clamp_(min=1e-12)
    return (rows * (STEPS / most)).round_(), most / STEPS


class Layer:
    """One layer of the encoder.

    Args:
        layer: of transformers, its adapters merged.
        kind: of its linear maps.
    """

    def __init__(self, layer: nn.Module, kind: type[Exact] | type[Rounded]) -> None:
        maps = {name: m for name, m in layer.named_modules() if isinstance(m, nn.Linear)}
        asking = [maps[f"attention.self.{name}"] for name in ("query", "key", "value")]
        self.asking = kind(
            torch.cat([m.weight.detach() for m in asking]),
            torch.cat([m.bias.detach() for m in asking]),
        )
        self.attended, self.widened, self.narrowed = (
            kind(maps[name].weight.detach(), maps[name].bias.detach())
            for name in ("attention.output.dense", "intermediate.dense", "output.dense")
        )
        self.after_attention = layer.get_submodule("attention.output.LayerNorm")
        self.after = layer.get_submodule("output.LayerNorm")

    def __call__(self, states: Tensor, runs: Sequence[tuple[int, int]], heads: int) -> Tensor:
        """The states after it, of shape (tokens, width).

        Args:
            states: of shape (tokens, width), text after text.
            runs: numbers and lengths of texts of the same length, in order.
            heads: of attention.
        """
        width = states.shape[1]
        parts = []
        sizes = [count * length for count, length in runs]
        for part, (count, length) in zip(
            torch.split(self.asking(states), sizes), runs, strict=True
        ):
            cut = part.view(count, length, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            parts.append(scaled_dot_product_attention(*cut).transpose(1, 2).reshape(-1, width))
        states = _normal(self.after_attention, self.attended(torch.cat(parts)).add_(states))
        return _normal(self.after, self.narrowed(gelu(self.widened(states))).add_(states))


class Packed:
    """The encoder of a network with its head, for reading only.

    Args:
        encoder: its adapters merged.
        head: on the mean and the maximum of a text's states.
        rounded: whether linear maps are in 8 bits.
    """

    def __init__(self, encoder: BertModel, head: nn.Module, *, rounded: bool) -> None:
        kind = Rounded if rounded else Exact
        self.embeddings, self.head = encoder.embeddings, head
        self.heads = int(encoder.config.num_attention_heads)
        self.layers = [Layer(layer, kind) for layer in encoder.encoder.layer]

    def __call__(self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]]) -> Tensor:
        """Logits of texts, of shape (texts, outputs); texts of a length stand together.

        Args:
            ids: of each text its tokens.
            types: of each token 0, or 1 in the second text of a pair.
        """
        lengths = [len(row) for row in ids]
        runs = [(len(list(run)), length) for length, run in groupby(lengths)]
        states = self._embedded(ids, types, lengths)
        for layer in self.layers:
            states = layer(states, runs, self.heads)
        pooled = []
        for part, (count, length) in zip(
            torch.split(states, [count * length for count, length in runs]), runs, strict=True
        ):
            of_texts = part.view(count, length, -1)
            pooled.append(torch.cat([of_texts.mean(1), of_texts.amax(1)], 1))
        logits: Tensor = self.head(torch.cat(pooled))
        return logits

    def _embedded(
        self,
        ids: Sequence[Sequence[int]],
        types: Sequence[Sequence[int]],
        lengths: Sequence[int],
    ) -> Tensor:
        layers = self.embeddings
        device = layers.word_embeddings.weight.device

        def flat(rows: Sequence[Sequence[int]]) -> Tensor:
            return torch.tensor([number for row in rows for number in row], device=device)

        states = layers.word_embeddings(flat(ids)) + layers.token_type_embeddings(flat(types))
        states += layers.position_embeddings(flat([range(length) for length in lengths]))
        return _normal(layers.LayerNorm, states)


def _normal(norm: nn.Module, states: Tensor) -> Tensor:
    assert isinstance(norm, nn.LayerNorm)
    return layer_norm(states, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
