"""Reads a checkpoint into memory, its weights as they stand in its files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from harness.models.checkpoints.classes import class_for, without_sight
from harness.models.checkpoints.quantised import quantisation
from harness.models.checkpoints.weights import REPORTED, check_weights, refuse_other_weights
from harness.models.hf.memory import best_device
from harness.models.hf.quantised import is_quantised, quieten, rounding
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


@dataclass(frozen=True)
class Reading:
    """How a checkpoint is read."""

    dtype: str
    """Of weights and activations."""
    device: str = "auto"
    """As torch writes it; `auto`: an accelerator where there is one."""
    trust_remote_code: bool = False
    """Whether the checkpoint may run Python of its own."""
    quantize: str | None = None
    """The scheme that plain weights are rounded by; None: by none."""
    compared: bool = False
    """Whether names and shapes of these weights are known to be its class's, so that they need not
    be compared before they are loaded; they are once more then."""

    @property
    def place(self) -> torch.device:
        """Where the model goes."""
        return torch.device(best_device() if self.device == "auto" else self.device)


def read_model(source: Source, reading: Reading) -> Any:
    """The model of a checkpoint, on its device, an adapter in it.

    Raises:
        HarnessError: transformers cannot load it, or not all of its weights are there.
    """
    transformers.utils.logging.disable_progress_bar()
    try:
        model = _read(source, reading)
        # What is quantised is on its device already, and some of it refuses to be moved.
        return (model if is_quantised(model) else model.to(reading.place)).eval()
    except HarnessError:
        raise
    except Exception as error:
        how = f" on device {reading.device!r} in {reading.dtype}"
        raise _refused(error, f"model={source.name!r}", how) from error


def _read(source: Source, reading: Reading) -> Any:
    """The model of a checkpoint whose weights are all there."""
    folder, name = source.weights_folder(), source.name
    if source.base:
        from harness.models.hf.adapted import merged

        model = merged(_read(source.base, reading), folder, name, source.base.name)
        if source.tokenizer_folder != source.base.tokenizer_folder:
            _check_rows(model, source, reading.trust_remote_code)
        return model
    if not reading.compared:
        check_weights(folder, name, reading.trust_remote_code)
    dtype = getattr(torch, reading.dtype)
    trusted = reading.trust_remote_code
    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=trusted)
    model, report = class_for(config).from_pretrained(
        folder,
        dtype=dtype,
        trust_remote_code=trusted,
        **_rounded(folder, reading, dtype),
        **REPORTED,
    )
    refuse_other_weights(report, folder, f"model={name!r}", type(model).__name__)
    return without_sight(model)


def _rounded(folder: Path, reading: Reading, dtype: torch.dtype) -> dict[str, Any]:
    """What transformers is told of weights that are quantised, or are to be."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    if not reading.quantize and not quantisation(config):
        return {}
    quieten()
    options: dict[str, Any] = {"device_map": {"": reading.place}}
    if reading.quantize:
        options["quantization_config"] = rounding(reading.quantize, dtype)
    return options


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
