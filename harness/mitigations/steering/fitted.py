"""What steering is made of, as safetensors: read from a user's file, or fitted once and kept."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from filelock import FileLock
from safetensors.torch import save

from harness.mitigations.tensors import read_tensors
from harness.types import HarnessError, cache_folder, fingerprint, written_whole

logger = logging.getLogger(__name__)

Tensors = Mapping[str, torch.Tensor]


def fitted(kind: str, key: Mapping[str, str], forecast: str, fit: Callable[[], Tensors]) -> Tensors:
    """What was fitted before under this key, or is fitted now.

    Args:
        kind: of what is fitted; a folder of the cache.
        key: all that changes it: the model's digest, the data's, seed and settings.
        forecast: what the fit will take, said before it begins.
        fit: makes it.

    Raises:
        HarnessError: the cache cannot be written, or the kept file is not whole.
    """
    path = cache_folder() / "mitigations" / f"{kind}-{fingerprint(key)}.safetensors"
    if path.is_file():
        return read(path, ())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.is_file():
                logger.warning("%s is fitted, once: %s", kind, forecast)
                write(path, fit(), key)
    except OSError as error:
        raise HarnessError(
            f"{str(path)!r} cannot be written ({error.strerror}); choose another folder for the "
            "cache with HARNESS_CACHE=FOLDER"
        ) from error
    return read(path, ())


def write(path: Path, tensors: Tensors, facts: Mapping[str, str]) -> None:
    """Write tensors whole or not at all, with what they were made of."""
    content = save({name: tensor.contiguous() for name, tensor in tensors.items()},
                   {"harness": json.dumps(dict(facts))})  # fmt: skip
    with written_whole(path) as file:
        file.write(content)


def read(path: Path, names: Iterable[str]) -> dict[str, torch.Tensor]:
    """The tensors of a file.

    Args:
        path: of the file.
        names: that must be there.

    Raises:
        HarnessError: there is no such file, it is not safetensors, lacks one of the names, or
            has a number that is not finite.
    """
    return read_tensors(repr(str(path)), path, names)


def digest(tensors: Tensors) -> str:
    """SHA-256 of tensors by name."""
    content = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        content.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        content.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return content.hexdigest()


def check_width(path: str, name: str, tensor: torch.Tensor, width: int) -> None:
    """Refuse a tensor that is not as wide as the model's states.

    Raises:
        HarnessError: its last side is of another length.
    """
    if tensor.shape[-1:] != (width,):
        raise HarnessError(
            f"{path!r}: {name!r} is of shape {tuple(tensor.shape)}, and the model's states are "
            f"{width} wide; it was made for another model"
        )


def check_shape(path: str, name: str, tensor: torch.Tensor, shape: tuple[int, ...]) -> None:
    """Refuse a tensor of another shape than it has to have.

    Raises:
        HarnessError: it is of another one.
    """
    if tuple(tensor.shape) != shape:
        raise HarnessError(
            f"{path!r}: {name!r} is of shape {tuple(tensor.shape)}, and has to be of {shape}"
        )
