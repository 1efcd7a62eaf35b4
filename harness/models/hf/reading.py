"""Reads a checkpoint into memory, its weights as they stand in its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from harness.models.checkpoints.weights import REPORTED, check_weights, refuse_other_weights
from harness.models.hf.memory import best_device
from harness.models.hf.source import Source
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
    source: Source, dtype: str, device: str, trust_remote_code: bool, *, compared: bool = False
) -> Any:
    """The model of a checkpoint, on its device, adapters merged.

    Args:
        source: where its files are.
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
        return _read(source, dtype, trust_remote_code, compared).to(place).eval()
    except HarnessError:
        raise
    except Exception as error:
        how = f" on device {device!r} in {dtype}"
        raise _refused(error, f"model={source.name!r}", how) from error


def _read(source: Source, dtype: str, trust_remote_code: bool, compared: bool) -> Any:
    """The model of a checkpoint whose weights are all there."""
    folder, name = source.weights_folder(), source.name
    if source.base:
        from harness.models.hf.adapted import merged

        base = _read(source.base, dtype, trust_remote_code, compared)
        model = merged(base, folder, name, source.base.name)
        if source.tokenizer_folder != source.base.tokenizer_folder:
            _check_rows(model, source, trust_remote_code)
        return model
    if not compared:
        check_weights(folder, name, trust_remote_code)
    model, report = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=getattr(torch, dtype),
        trust_remote_code=trust_remote_code,
        **REPORTED,
    )
    refuse_other_weights(report, folder, f"model={name!r}", type(model).__name__)
    return model


def _check_rows(model: Any, source: Source, trust_remote_code: bool) -> None:
    """Refuse an adapter whose tokenizer has tokens that its base has no rows for.

    Raises:
        HarnessError: with how many of each there are.
    """
    tokenizer = read_tokenizer(source.tokenizer_folder, source.name, trust_remote_code)
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise HarnessError(
            f"model={source.name!r} is an adapter whose tokenizer has {len(tokenizer)} tokens, and "
            f"its base {source.base and source.base.name!r} has rows for {rows}; give its own base "
            "with backend.base=MODEL"
        )


def _refused(error: Exception, what: str, how: str) -> HarnessError:
    reason = ", ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])[:300]
    return HarnessError(
        f"{what} cannot be loaded by transformers {transformers.__version__}{how}: {reason}"
    )
