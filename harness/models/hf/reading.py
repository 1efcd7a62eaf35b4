"""Reads a checkpoint into memory, its weights as they stand in its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from harness.models.checkpoints.weights import REPORTED, check_weights, refuse_other_weights
from harness.models.hf.memory import best_device
from harness.types import HarnessError


def read_model(
    folder: Path, name: str, dtype: str, device: str, trust_remote_code: bool
) -> tuple[PreTrainedTokenizerBase, Any]:
    """The tokenizer and the model of a checkpoint, the model on its device.

    Args:
        folder: of the checkpoint.
        name: what the user called it.
        dtype: of weights and activations.
        device: `auto`, or as torch writes it.
        trust_remote_code: whether the checkpoint may run Python of its own.

    Raises:
        HarnessError: transformers cannot load it, or not all of its weights are there.
    """
    transformers.utils.logging.disable_progress_bar()
    try:
        place = torch.device(best_device() if device == "auto" else device)
        tokenizer, model = _read(folder, name, dtype, trust_remote_code)
        return tokenizer, model.to(place).eval()
    except HarnessError:
        raise
    except Exception as error:
        said = [type(error).__name__, *str(error).strip().splitlines()[:1]]
        raise HarnessError(
            f"model={name!r} cannot be loaded by transformers {transformers.__version__} on "
            f"device {device!r} in {dtype}: {', '.join(said)[:300]}"
        ) from error


def _read(folder: Path, name: str, dtype: str, trust_remote_code: bool) -> tuple[Any, Any]:
    """The tokenizer and the model of a checkpoint whose weights are all there."""
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    check_weights(folder, name, trust_remote_code)
    model, report = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=getattr(torch, dtype),
        trust_remote_code=trust_remote_code,
        **REPORTED,
    )
    refuse_other_weights(report, folder, f"model={name!r}", type(model).__name__)
    return tokenizer, model
