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


def read_tokenizer(folder: Path, name: str, trust_remote_code: bool) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint.

    Raises:
        HarnessError: transformers cannot load it.
    """
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise _refused(error, f"the tokenizer of model={name!r}", "") from error


def read_model(
    folder: Path,
    name: str,
    dtype: str,
    device: str,
    trust_remote_code: bool,
    *,
    compared: bool = False,
) -> Any:
    """The model of a checkpoint, on its device.

    Args:
        folder: of the checkpoint.
        name: what the user called it.
        dtype: of weights and activations.
        device: `auto`, or as torch writes it.
        trust_remote_code: whether the checkpoint may run Python of its own.
        compared: whether names and shapes of these weights are known to be its class's, so that
            they need not be compared before they are loaded; they are once more then.

    Raises:
        HarnessError: transformers cannot load it, or not all of its weights are there.
    """
    transformers.utils.logging.disable_progress_bar()
    try:
        place = torch.device(best_device() if device == "auto" else device)
        if not compared:
            check_weights(folder, name, trust_remote_code)
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            trust_remote_code=trust_remote_code,
            **REPORTED,
        )
        refuse_other_weights(report, folder, f"model={name!r}", type(model).__name__)
        return model.to(place).eval()
    except HarnessError:
        raise
    except Exception as error:
        raise _refused(error, f"model={name!r}", f" on device {device!r} in {dtype}") from error


def _refused(error: Exception, what: str, how: str) -> HarnessError:
    reason = ", ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])[:300]
    return HarnessError(
        f"{what} cannot be loaded by transformers {transformers.__version__}{how}: {reason}"
    )
