"""How large a checkpoint is, read from its headers; no weight is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

from harness.models.checkpoints.quantised import quantisation

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
"""What a checkpoint's config calls the number of its layers."""
WIDTHS = ("hidden_size", "n_embd", "d_model")
"""What it calls the width of its states."""
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
STORED = "stored"
"""Of weights that are quantised in their files."""
ROUNDED = {"int8": 1.0, "nf4": 0.5 + 4 / 64, "fp4": 0.5 + 4 / 64}
"""Bytes of a weight that is rounded, with its share of its block's scale."""


def sizes(
    folder: Path, config: Mapping[str, Any], dtype: str, quantize: str | None
) -> tuple[int | None, int | None]:
    """Bytes of the weights, and of the keys and values of one token; None: it is not known.

    Args:
        folder: of the checkpoint.
        config: of it.
        dtype: of what is not quantised.
        quantize: the scheme by which weights are rounded when they are read; None: by none.
    """
    scheme = STORED if quantisation(config) else quantize
    return weight_bytes(folder, dtype, scheme), token_bytes(config, dtype)


def weight_bytes(folder: Path, dtype: str, quantize: str | None = None) -> int | None:
    """Bytes of the weights in memory; None where the files do not say.

    Args:
        folder: of the checkpoint.
        dtype: of what is not quantised.
        quantize: the scheme by which weights are rounded when they are read; `STORED`: they are
            rounded in the files.
    """
    files = sorted(folder.glob("*.safetensors"))
    try:
        if files and quantize == STORED:
            return sum(path.stat().st_size for path in files)
        if files:
            return int(sum(_bytes(path, BYTES.get(dtype, 4), quantize) for path in files))
        index = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
        return int(index["metadata"]["total_size"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def token_bytes(config: Mapping[str, Any], dtype: str) -> int | None:
    """Bytes of one token's keys and values in all layers; None where the config does not say."""
    text = config.get("text_config") or config
    try:
        heads = int(text["num_attention_heads"])
        size = int(text.get("head_dim") or text["hidden_size"] // heads)
        key_heads = int(text.get("num_key_value_heads") or heads)
        return 2 * int(text["num_hidden_layers"]) * key_heads * size * BYTES.get(dtype, 4)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def shape_of(config: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """How many layers a checkpoint has and how wide its states are; None where it does not say."""
    text = {**config, **(config.get("text_config") or {})}
    count, width = (
        next((int(text[key]) for key in names if text.get(key)), None) for names in (LAYERS, WIDTHS)
    )
    return count, width


def _bytes(path: Path, plain: int, quantize: str | None) -> float:
    """Of a safetensors file, whose first eight bytes are the length of a JSON header."""
    with path.open("rb") as file:
        header: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    rounded = ROUNDED.get(quantize or "", plain)
    return sum(
        float(prod(tensor["shape"])) * (rounded if _is_rounded(name, tensor["shape"]) else plain)
        for name, tensor in header.items()
        if name != "__metadata__"
    )


def _is_rounded(name: str, shape: Sequence[int]) -> bool:
    """Whether a scheme rounds a tensor: a linear layer's, but not the output layer's."""
    return len(shape) == 2 and not any(part in name for part in ("embed", "lm_head", "wte", "wpe"))
