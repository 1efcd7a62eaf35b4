"""Reads a checkpoint into memory, its weights as they stand in its files."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from harness.models.checkpoints.weights import REPORTED, check_weights, refuse_other_weights
from harness.models.hf.memory import best_device
from harness.models.hf.source import Source
from harness.types import HarnessError


def read_model(
    source: Source, dtype: str, device: str, trust_remote_code: bool
) -> tuple[PreTrainedTokenizerBase, Any]:
    """The tokenizer and the model of a checkpoint, the model on its device, adapters merged.

    Args:
        source: where its files are.
        dtype: of weights and activations.
        device: `auto`, or as torch writes it.
        trust_remote_code: whether the checkpoint may run Python of its own.

    Raises:
        HarnessError: transformers cannot load it, or not all of its weights are there.
    """
    transformers.utils.logging.disable_progress_bar()
    try:
        place = torch.device(best_device() if device == "auto" else device)
        tokenizer, model = _read(source, dtype, trust_remote_code)
        return tokenizer, model.to(place).eval()
    except HarnessError:
        raise
    except Exception as error:
        said = [type(error).__name__, *str(error).strip().splitlines()[:1]]
        raise HarnessError(
            f"model={source.name!r} cannot be loaded by transformers {transformers.__version__} on "
            f"device {device!r} in {dtype}: {', '.join(said)[:300]}"
        ) from error


def _read(source: Source, dtype: str, trust_remote_code: bool) -> tuple[Any, Any]:
    """The tokenizer and the model of a checkpoint whose weights are all there."""
    folder, name = source.weights_folder(), source.name
    if source.base:
        from harness.models.hf.adapted import merged

        tokenizer, model = _read(source.base, dtype, trust_remote_code)
        model = merged(model, folder, name, source.base.name)
        if source.tokenizer_folder == source.base.tokenizer_folder:
            return tokenizer, model
        tokenizer = _tokenizer(source, trust_remote_code)
        rows = model.get_input_embeddings().weight.shape[0]
        if len(tokenizer) > rows:
            raise HarnessError(
                f"model={name!r} is an adapter whose tokenizer has {len(tokenizer)} tokens, and "
                f"its base {source.base.name!r} has rows for {rows}; give its own base with "
                "backend.base=MODEL"
            )
        return tokenizer, model
    check_weights(folder, name, trust_remote_code)
    model, report = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=getattr(torch, dtype),
        trust_remote_code=trust_remote_code,
        **REPORTED,
    )
    refuse_other_weights(report, folder, f"model={name!r}", type(model).__name__)
    return _tokenizer(source, trust_remote_code), model


def _tokenizer(source: Source, trust_remote_code: bool) -> Any:
    return AutoTokenizer.from_pretrained(
        source.tokenizer_folder, trust_remote_code=trust_remote_code
    )
