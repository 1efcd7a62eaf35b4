"""How large a checkpoint is, read from its headers; no weight is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
"""What a checkpoint's config calls the number of its layers."""
WIDTHS = ("hidden_size", "n_embd", "d_model")
"""What it calls the width of its states."""
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


def weight_bytes(folder: Path, dtype: str) -> int | None:
    """Bytes of the weights in a dtype; None where the files do not say."""
    files = sorted(folder.glob("*.safetensors"))
    try:
        if files:
            return sum(map(_parameters, files)) * BYTES.get(dtype, 4)
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
        kept = int(text.get("num_key_value_heads") or heads)
        return 2 * int(text["num_hidden_layers"]) * kept * size * BYTES.get(dtype, 4)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def shape_of(config: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """How many layers a checkpoint has and how wide its states are; None where it does not say."""
    text = {**config, **(config.get("text_config") or {})}
    count, width = (
        next((int(text[key]) for key in names if text.get(key)), None) for names in (LAYERS, WIDTHS)
    )
    return count, width


def _parameters(path: Path) -> int:
    """Numbers in a safetensors file: its first eight bytes are the length of a JSON header."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
