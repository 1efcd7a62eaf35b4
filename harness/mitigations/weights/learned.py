"""What a method learned, as the mitigation that edits weights by it reads it: one vector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.types import HarnessError

if TYPE_CHECKING:
    import torch


def read_vector(option: str, path: Path, name: str, width: int, states: str) -> torch.Tensor:
    """A vector in the space of a model's states.

    Args:
        option: that names the file, with its value.
        path: of the safetensors.
        name: of the tensor.
        width: of the model's states.
        states: what of the model is so wide, in words.

    Raises:
        HarnessError: there is no such tensor, it is of another width, or it points nowhere.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise HarnessError(f"{option} cannot be read as safetensors ({error})") from error
    if name not in tensors:
        there = ", ".join(sorted(tensors)) or "nothing"
        raise HarnessError(f"{option} has {there}, and no tensor {name!r}")
    vector = tensors[name]
    if vector.shape != (width,):
        raise HarnessError(
            f"{option} is of shape {tuple(vector.shape)}, and the model's {states} are {width} "
            "wide; fit one for this model"
        )
    if not bool(vector.isfinite().all()) or not bool(vector.any()):
        raise HarnessError(f"{option}: {name!r} is zero or not finite, and so points nowhere")
    return vector
