"""A model over several places: which parts it has, what is free here, and where it computes."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

import torch
import transformers

from harness.models.checkpoints.classes import class_for
from harness.models.hf.memory import free_bytes
from harness.models.hf.places import (
    CPU,
    DISK,
    SPLIT,
    Block,
    Place,
    parse_devices,
    parse_memory,
    refuse_missing,
    spread,
)
from harness.types import HarnessError, cache_folder

WEIGHTS_SHARE = 0.8
"""Part of a device's free memory that weights may take where nobody says; keys, values and work are
in the rest."""
CLAMOUR = "accelerate.big_modeling"
"""Logs at each load that parts are elsewhere, as they are to be."""


def devices_here() -> tuple[str, ...]:
    """The devices that torch finds, as it writes them; the CPU is the last."""
    device = torch.accelerator.current_accelerator(check_available=True)
    if device is None:
        return (CPU,)
    if device.type == "mps":
        return ("mps", CPU)
    return (*(f"{device.type}:{n}" for n in range(torch.accelerator.device_count())), CPU)


def places_of(device: str, memory: str | Sequence[str] | None) -> list[Place]:
    """The places that the options name, with what each may hold.

    Raises:
        HarnessError: one is not here.
    """
    names = parse_devices(device)
    stated_rooms, here = parse_memory(memory, names), devices_here()
    if names == (SPLIT,):
        names = (*here, DISK)
    refuse_missing(device, names, here)
    rooms = stated_rooms or [
        inf if name == DISK else free_bytes(torch.device(name)) * WEIGHTS_SHARE for name in names
    ]
    return [Place(name, room) for name, room in zip(names, rooms, strict=True)]


def blocks_of(model: Any, name: str) -> list[Block]:
    """The parts of a model that stay whole, in the order in which it has them.

    Args:
        model: of transformers; its weights may be anywhere, or nowhere (`meta`).
        name: what the user called it.

    Raises:
        HarnessError: its class does not say which they are.
    """
    whole = set(model._no_split_modules or ())
    if not whole:
        raise HarnessError(
            f"model={name!r} ({type(model).__name__}) does not say which of its parts stay whole, "
            "so that it cannot be spread over backend.device; name one device"
        )
    model.tie_weights()
    owners: dict[int, str] = {}
    blocks = []
    for block, tensors in _parts("", model, whole):
        shared = [owners[id(tensor)] for tensor in tensors if id(tensor) in owners]
        new = [tensor for tensor in tensors if id(tensor) not in owners]
        owners |= {id(tensor): block for tensor in new}
        blocks.append(
            Block(block, sum(t.nbytes for t in new), shared[0] if shared and not new else None)
        )
    return blocks


def bare(folder: Path, dtype: torch.dtype, trust_remote_code: bool) -> Any:
    """A checkpoint's model without weights."""
    config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    with torch.device("meta"):
        return class_for(config).from_config(
            config, dtype=dtype, trust_remote_code=trust_remote_code
        )


def map_of(placed: Mapping[str, str]) -> dict[str, int | str]:
    """Where accelerate puts each part: it takes the first accelerator's number for the main one."""
    devices = {name: torch.device(name) for name in set(placed.values()) - {DISK}}
    return {
        block: devices[name].index
        if name != DISK and devices[name].type != CPU and devices[name].index is not None
        else name
        for block, name in placed.items()
    }


def place_blocks(
    blocks: Sequence[Block], places: Sequence[Place], name: str, size: int | None = None
) -> tuple[list[Block], dict[str, str]]:
    """The blocks as large as they are in memory, and the place of each.

    Args:
        blocks: of a model whose weights are not rounded.
        places: where they may go.
        name: what the user called the model.
        size: bytes of all of them as they are held; None: as they are.

    Raises:
        HarnessError: they do not fit.
    """
    total = sum(block.size for block in blocks)
    share = size / total if size and total else 1.0
    sized = [Block(b.name, int(b.size * share), b.beside) for b in blocks]
    return sized, spread(sized, places, name)


def offload_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for weights on disk that are not used as they stand in the checkpoint's files."""
    above = cache_folder() / "offload"
    above.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=above)


def quieten() -> None:
    """Let accelerate say errors alone; it warns of buffers, for which it wants a place."""
    logging.getLogger(CLAMOUR).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", "The following device_map keys do not match any submodules")


def device_of(module: Any) -> torch.device:
    """Where a module, or a model, is computed: what holds its weights may be another place."""
    for part in module.modules():
        hook = getattr(part, "_hf_hook", None)
        for part_of in getattr(hook, "hooks", [hook]):
            if (device := getattr(part_of, "execution_device", None)) is not None:
                return torch.device(device)
        for parameter in part.parameters(recurse=False):
            return torch.device(parameter.device)
    return torch.device(CPU)


def is_dispatched(model: Any) -> bool:
    """Whether accelerate moves what goes through the model, or its weights."""
    return any(hasattr(module, "_hf_hook") for module in model.modules())


def is_offloaded(model: Any) -> bool:
    """Whether weights come and go with each forward."""
    return any(parameter.is_meta for parameter in model.parameters())


def least_free(layers: Iterable[Any]) -> float:
    """Bytes of keys and values that fit, by the device that has least room for its layers'."""
    free = ((free_bytes(device), share) for device, share in shares(layers).items())
    return min(room / share for room, share in free)


def shares(layers: Iterable[Any]) -> dict[torch.device, float]:
    """Of each device the part of a model's layers that is computed there, 0 to 1."""
    counts = Counter(map(device_of, layers))
    return {device: count / counts.total() for device, count in counts.items()}


def where(model: Any) -> dict[str, int]:
    """The places that hold a model's weights, and how many of its layers each."""
    placed = getattr(model, "hf_device_map", None)
    if not placed:
        return {str(device_of(model.get_input_embeddings())): 1}
    names = {name: str(torch.device(at)) if isinstance(at, int) else str(at)
             for name, at in placed.items()}  # fmt: skip
    counts = dict.fromkeys(names.values(), 0)
    for name, at in names.items():
        counts[at] += name.rpartition(".")[2].isdigit()
    return counts


def _parts(prefix: str, module: Any, whole: set[str]) -> Iterator[tuple[str, list[Any]]]:
    """Parts by name, with their weights."""
    divided = [m for m in module.modules() if type(m).__name__ in whole]
    if not divided or divided[0] is module:
        yield prefix, list(module.parameters())
        return
    tensors = (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
    for name, tensor in tensors:  # accelerate wants a place for buffers, too
        yield f"{prefix}.{name}".lstrip("."), [tensor]
    for name, child in module.named_children():
        yield from _parts(f"{prefix}.{name}".lstrip("."), child, whole)
