"""What a method learned, as the mitigation that edits weights by it reads it: one vector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.mitigations.tensors import read_tensors
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
    vector = read_tensors(option, path, [name])[name]
    if vector.shape != (width,):
        raise HarnessError(
            f"{option} is of shape {tuple(vector.shape)}, and the model's {states} are {width} "
            "wide; fit one for this model"
        )
    if not bool(vector.any()):
        raise HarnessError(f"{option}: {name!r} is zero, and so points nowhere")
    return vector
