"""Checkpoints of random weights for `gpu.py`, in four shapes and four sizes, with a tokenizer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

EXPERTS, CHOSEN = 8, 2
"""Of a mixture: how many there are, and how many work on a token."""
CONTEXT = 4096


@dataclass(frozen=True)
class Size:
    """What makes a model as large as it is; its parameters in Llama's shape."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    """Heads of keys and values."""
    inner: int
    """Width of the part between attention and attention."""
    words: int
    tied: bool


SIZES = {
    "tiny": Size(64, 2, 4, 2, 128, 512, tied=False),
    "0.1": Size(768, 12, 12, 4, 2048, 32_000, tied=True),
    "1": Size(2048, 16, 32, 8, 8192, 128_256, tied=True),
    "8": Size(4096, 32, 32, 8, 14_336, 128_256, tied=False),
}
"""Billions of parameters."""
SHAPES = {
    "llama": ("LlamaConfig", {}),
    "qwen3": ("Qwen3Config", {}),
    "gemma3": ("Gemma3TextConfig", {"sliding_window": 512}),
    "mixture": (
        "Qwen3MoeConfig",
        {"num_experts": EXPERTS, "num_experts_per_tok": CHOSEN, "norm_topk_prob": True},
    ),
}
"""Configurations of transformers; the mixture's experts have a share of the inner width each."""


def make(shape: str, size: str, dtype: str, device: str, folder: Path) -> Path:
    """Save such a checkpoint; the same weights each time on the same device.

    Args:
        shape: of `SHAPES`.
        size: of `SIZES`.
        dtype: of the weights, as torch names it.
        device: where they are drawn.
        folder: where checkpoints go.
    """
    path = folder / f"{shape}-{size}-{dtype}"
    if (path / "config.json").exists():
        return path
    dimensions = SIZES[size]
    name, more = SHAPES[shape]
    options: dict[str, Any] = dict(more)
    if shape == "mixture":
        options["moe_intermediate_size"] = max(16, dimensions.inner // (EXPERTS // CHOSEN))
    config = getattr(transformers, name)(
        vocab_size=dimensions.words, hidden_size=dimensions.hidden,
        intermediate_size=dimensions.inner, num_hidden_layers=dimensions.layers,
        num_attention_heads=dimensions.heads, num_key_value_heads=dimensions.kv_heads,
        head_dim=dimensions.hidden // dimensions.heads, max_position_embeddings=CONTEXT,
        tie_word_embeddings=dimensions.tied, initializer_range=1.4 / math.sqrt(dimensions.hidden),
        bos_token_id=None, eos_token_id=0, pad_token_id=0, **options,
    )  # fmt: skip
    torch.manual_seed(1)
    with torch.device(device):
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
    transformers.utils.logging.disable_progress_bar()
    model.save_pretrained(path)
    words(dimensions.words).save_pretrained(path)
    return path


def words(count: int) -> transformers.PreTrainedTokenizerFast:
    """A tokenizer of so many words, `w2 w3 ...`, each of which is one token."""
    vocabulary = {"<end>": 0, "<other>": 1} | {f"w{n}": n for n in range(2, count)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<other>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<end>", unk_token="<other>", pad_token="<end>"
    )


def active(model: Any) -> int:
    """Parameters that work on one token, without the embedding that is looked up."""
    config = model.config
    total = sum(parameter.numel() for parameter in model.parameters())
    experts = sum(p.numel() for name, p in model.named_parameters() if ".experts." in name)
    idle = experts * (1 - CHOSEN / EXPERTS) if experts else 0
    looked_up = 0 if config.tie_word_embeddings else model.get_input_embeddings().weight.numel()
    return int(total - idle - looked_up)
