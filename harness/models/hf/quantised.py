"""Weights that are rounded when they are read, and how much quantised ones move by company."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch

from harness.types import HarnessError

CLAMOUR = ("bitsandbytes.autograd._functions", "bitsandbytes.backends.cpu.ops",
           "bitsandbytes.backends.utils", "bitsandbytes.nn.modules")  # fmt: skip
"""Loggers that warn at every product of what is as it should be."""
MOST_NOISE = 0.4
"""Standard deviations of logits beyond which company would hide that attention is wrong."""


def rounding(scheme: str, dtype: torch.dtype) -> Any:
    """What transformers is told, so that it rounds weights when it reads them.

    Args:
        scheme: `int8`, `nf4` or `fp4`.
        dtype: of activations.
    """
    from transformers import BitsAndBytesConfig

    if scheme == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type=scheme, bnb_4bit_compute_dtype=dtype
    )


def quieten() -> None:
    """Let bitsandbytes say errors alone; on a CPU it warns when imported and of each product."""
    for name in CLAMOUR:
        logging.getLogger(name).setLevel(logging.ERROR)


def refuse_unknown_method(declared: Mapping[str, Any] | None, name: str) -> None:
    """Refuse weights whose method transformers does not know: it reads them as plain ones.

    Args:
        declared: what the checkpoint's config says of them; None: they are plain.
        name: what the user called the model.

    Raises:
        HarnessError: it names the method, and those that are known.
    """
    import transformers
    from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING as KNOWN

    method = declared and declared.get("quant_method")
    if method and method not in (*KNOWN, "bitsandbytes"):
        raise HarnessError(
            f"model={name!r} is quantised by {method!r}, which transformers "
            f"{transformers.__version__} does not know ({', '.join(sorted(KNOWN))}); install one "
            "that does, or give the model before it was quantised"
        )


def is_quantised(model: Any) -> bool:
    """Whether a model of transformers has rounded weights."""
    return getattr(model, "hf_quantizer", None) is not None


@torch.inference_mode()
def moved_by_company(model: Any, rows: list[torch.Tensor]) -> float:
    """How far a model's own logits move with what is computed beside them.

    Some kernels of quantised weights look at all the rows of a product (LLM.int8() for outliers)
    or choose their way by how many there are.

    Args:
        model: causal, with its own attention.
        rows: token ids, each of shape (tokens,); the first is the longest.

    Returns:
        The root mean square over each row's last three tokens, in standard deviations.
    """
    together = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    beside = model(together).logits
    pairs = [
        (model(row[None]).logits[0, -3:].float(), logits[len(row) - 3 : len(row)].float())
        for row, logits in zip(rows, beside, strict=True)
    ]
    alone, among = (torch.cat(side) for side in zip(*pairs, strict=True))
    return float((alone - among).square().mean().sqrt() / alone.std())
