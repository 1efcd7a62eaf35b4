"""Reads a checkpoint into memory, its weights as they stand in its files."""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
import transformers
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from harness.models.checkpoints.classes import class_for, without_sight
from harness.models.checkpoints.quantised import quantisation
from harness.models.checkpoints.weights import REPORTED, check_weights, refuse_other_weights
from harness.models.hf import spreading
from harness.models.hf.loaded import MOST_ROWS, PASS_TOKENS
from harness.models.hf.memory import best_device, hold_freed
from harness.models.hf.places import (
    AUTO,
    CPU,
    DISK,
    Block,
    by_place,
    is_several,
    parse_devices,
    refuse_missing,
)
from harness.models.hf.quantised import is_quantised, quieten, refuse_unknown_method, rounding
from harness.models.hf.sizes import STORED, weight_bytes
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
    """As torch writes it, or several; `auto`: an accelerator where there is one."""
    memory: str | Sequence[str] | None = None
    """Of several devices what each may hold; None: by what is free."""
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
        return torch.device(best_device() if self.device == AUTO else self.device)


Placed = tuple[list[Block], dict[str, str]]
"""The parts of a model, and the place of each by name."""


def placed(source: Source, reading: Reading) -> Placed | None:
    """Which part of a model goes where; None: all of it to one device. Reads no weights.

    Raises:
        HarnessError: a device is not here, or they do not hold the model.
    """
    if not is_several(reading.device):
        if reading.device != AUTO:
            names = parse_devices(reading.device)
            refuse_missing(reading.device, names, spreading.devices_here())
        return None
    places = spreading.places_of(reading.device, reading.memory)
    rounded = reading.quantize or (STORED if _stored(source) else None)
    size = weight_bytes(source.folder, reading.dtype, rounded) if rounded else None
    dtype, trusted = getattr(torch, reading.dtype), reading.trust_remote_code
    model = spreading.bare(source.folder, dtype, trusted)
    blocks, by_name = spreading.place_blocks(
        spreading.blocks_of(model, source.name), places, source.name, size
    )
    carried = {DISK} | ({CPU} if places[0].name != CPU else set())
    if rounded and carried & set(by_name.values()):
        raise HarnessError(
            f"model={source.name!r} is quantised, and what is does not leave the devices that "
            f"compute it: backend.device={reading.device!r} does not hold it; give more of them, "
            "or a smaller model"
        )
    return blocks, by_name


def placement(
    source: Source, reading: Reading, prompts: int, answers: int, longest: int
) -> tuple[dict[str, int], int, int] | None:
    """What a forecast says of a model's places; None where one holds all of it.

    Args:
        source: of the model.
        reading: how it is read.
        prompts: tokens of all prompts.
        answers: tokens of all answers, at most.
        longest: tokens of one answer, at most.

    Returns:
        Bytes of weights by place, bytes that are carried to what computes at each forward, and how
        many forwards there are: of prompts, and one for each token of the rows written together.

    Raises:
        HarnessError: a device is not here, or they do not hold the model.
    """
    sizes = by_place(*parted) if (parted := placed(source, reading)) else {}
    if len(sizes) < 2 and DISK not in sizes:
        return None
    waiting = {DISK, CPU} if sizes.keys() - {DISK, CPU} else {DISK}
    carried = sum(size for place, size in sizes.items() if place in waiting)
    steps = max(longest, ceil(answers / MOST_ROWS))
    return sizes, carried, ceil(prompts / PASS_TOKENS) + steps


def read_model(source: Source, reading: Reading) -> Any:
    """The model of a checkpoint, on its device or devices, an adapter in it.

    Raises:
        HarnessError: transformers cannot load it, or not all of its weights are there.
    """
    transformers.utils.logging.disable_progress_bar()
    hold_freed()
    try:
        parted = placed(source, reading)
        names = set(parted[1].values()) if parted else set()
        if len(names) < 2 and DISK not in names:
            reading = replace(reading, device=names.pop()) if names else reading
            model = _read(source, reading)
            # What is quantised is on its device already, and some of it refuses to be moved.
            return (model if is_quantised(model) else model.to(reading.place)).eval()
        return _read_parted(source, reading, parted[1] if parted else {}).eval()
    except HarnessError:
        raise
    except Exception as error:
        how = f" on device {reading.device!r} in {reading.dtype}"
        raise _refused(error, f"model={source.name!r}", how) from error


def _read_parted(source: Source, reading: Reading, by_name: Mapping[str, str]) -> Any:
    """The model of a checkpoint over several places; an adapter is merged before it is parted."""
    from accelerate import dispatch_model  # type: ignore[import-untyped]

    spreading.quieten()
    device_map = spreading.map_of(by_name)
    disk = spreading.offload_folder() if DISK in device_map.values() else None
    places = {"device_map": device_map, "offload_folder": disk and disk.name}
    if source.base is None or reading.quantize or _stored(source):
        model = _read(source, reading, places)
    else:
        model = _read(source, replace(reading, device=CPU))
        skipped = model._skip_keys_device_placement
        dispatch_model(model, device_map, offload_dir=disk and disk.name, skip_keys=skipped)
    if disk:
        weakref.finalize(model, disk.cleanup)
    return model


def _read(
    source: Source, reading: Reading, places: Mapping[str, Any] = MappingProxyType({})
) -> Any:
    """The model of a checkpoint whose weights are all there, in the CPU's memory or parted."""
    folder, name = source.weights_folder(), source.name
    if source.base:
        from harness.models.hf.adapted import merged, read_adapter

        adapter = read_adapter(folder, name)
        base = _read(source.base, reading, places)
        model = merged(base, adapter, source.base.name)
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
        **_rounded(folder, reading, dtype, places, name),
        **places,
        **REPORTED,
    )
    refuse_other_weights(report, folder, f"model={name!r}", type(model).__name__)
    return without_sight(model)


def _stored(source: Source) -> bool:
    """Whether a checkpoint's weights are quantised in its files."""
    config = json.loads((source.folder / "config.json").read_text("utf-8"))
    return quantisation(config) is not None


def _rounded(
    folder: Path, reading: Reading, dtype: torch.dtype, places: Mapping[str, Any], name: str
) -> dict[str, Any]:
    """What transformers is told of weights that are quantised, or are to be.

    Raises:
        HarnessError: they are by a method that it does not know.
    """
    quieten()  # of plain weights too: peft imports bitsandbytes wherever it is installed
    config = json.loads((folder / "config.json").read_text("utf-8"))
    declared = quantisation(config)
    if not reading.quantize and not declared:
        return {}
    refuse_unknown_method(declared, name)
    options: dict[str, Any] = {} if places else {"device_map": {"": reading.place}}
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


def _refused(error: Exception, subject: str, how: str) -> HarnessError:
    reason = ", ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])[:300]
    return HarnessError(
        f"{subject} cannot be loaded by transformers {transformers.__version__}{how}: {reason}"
    )
