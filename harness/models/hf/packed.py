"""Linear layers whose weights are laid out once, as the CPU's products want them.

oneDNN multiplies blocks. From plain weights it makes them anew at every call; here that is done
when a model is loaded, in the place of every `torch.nn.Linear` of any architecture. Modules and
weights keep their names, shapes and hooks, and the plain copy is given up: `weight.to_dense()` has
it back, bit by bit. Only an output layer that is tied to the embedding takes its room twice.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import linear

from harness.models.hf.memory import free_bytes, release
from harness.models.hf.trying import NOISE

logger = logging.getLogger(__name__)

ROWS = 64
"""Tokens that a layout is made for; the same layout is the best one tried from 4 to 700."""
DTYPES = (torch.bfloat16,)
"""Not float32: oneDNN adds up a whole row where MKL adds up parts of it, so that each product is
off by 1.5 to 2 times as much, and log-probabilities move as much more between batches."""
COPIED_SHARE = 0.05
"""Part of the free memory that weights which are needed plain, too, may take once more."""


class PackedLinear(torch.nn.Linear):
    """What `torch.nn.Linear` computes, from weights in oneDNN's layout."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The product; where a gradient is wanted, from the plain weights."""
        if input.requires_grad and torch.is_grad_enabled():
            return linear(input, self.weight.to_dense(), self.bias)
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(
            input, self.weight, self.bias, "none", [], ""
        )
        return product


@torch.no_grad()
def pack(model: Any) -> int:
    """Lay out the weights of every plain linear layer, if the model still says the same then.

    Args:
        model: with its own attention, and whatever changes its weights already done.

    Returns:
        How many layers are packed.
    """
    shared: dict[int, list[torch.nn.Linear]] = {}
    for module in model.modules():
        if _is_packable(module):
            shared.setdefault(id(module.weight), []).append(module)
    plain = _needed_plain(model, shared)
    copied = sum(weight.nbytes for weight in plain.values())
    if copied > COPIED_SHARE * free_bytes(torch.device("cpu")):
        shared = {key: layers for key, layers in shared.items() if key not in plain}
    if not shared:
        return 0
    tokens = torch.tensor([[1, 0, 1]])
    expected = model(tokens, use_cache=False).logits.float()
    for layers in shared.values():
        _set_weight(layers, torch.ops.mkldnn._reorder_linear_weight(layers[0].weight, ROWS))
    release()
    try:
        logits = model(tokens, use_cache=False).logits.float()
        difference = float((logits - expected).square().mean().sqrt() / expected.std())
        if difference <= NOISE.get(model.dtype, 1e-3):
            return sum(map(len, shared.values()))
        fault = f"its logits differ by {difference:.3g} deviations"
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        fault = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
    logger.info("weights are multiplied as they are: %s", fault)
    for key, layers in shared.items():
        _set_weight(layers, plain[key] if key in plain else layers[0].weight.to_dense())
    return 0


def _is_packable(module: torch.nn.Module) -> bool:
    """Whether a module multiplies by a plain weight of its own, and does nothing else."""
    if type(module) is not torch.nn.Linear or "forward" in vars(module):
        return False
    weight, bias = module.weight, module.bias
    fits = torch._C._has_mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    plain = type(weight) is torch.nn.Parameter and weight.layout == torch.strided
    of_dtype = weight.dtype in DTYPES and (bias is None or bias.dtype == weight.dtype)
    # What runs before it may put another weight in (weight normalisation of old does).
    alone = weight.device.type == "cpu" and not module._forward_pre_hooks
    return bool(fits and plain and of_dtype and alone)


def _needed_plain(model: Any, shared: Mapping[int, object]) -> dict[int, torch.nn.Parameter]:
    """Weights of linear layers that other modules read, too: an embedding's."""
    return {
        id(weight): weight
        for module in model.modules()
        if not _is_packable(module)
        for weight in module.parameters(recurse=False)
        if id(weight) in shared
    }


def _set_weight(layers: Sequence[torch.nn.Linear], weight: torch.Tensor) -> None:
    """Give layers one weight, and the product that reads its layout."""
    if not isinstance(weight, torch.nn.Parameter):
        weight = torch.nn.Parameter(weight, requires_grad=False)
    for layer in layers:
        layer.weight = weight
        layer.__class__ = PackedLinear if weight.is_mkldnn else torch.nn.Linear
