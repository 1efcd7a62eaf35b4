"""What is said where a mitigation's hook does not fit the model."""

from __future__ import annotations

from collections.abc import Callable

import torch

from harness.models.hf.memory import is_out_of_memory
from harness.types import HarnessError

FAULTS = (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError)
"""What a hook raises whose tensors do not fit the model's."""


def same_shape(
    mitigation: object, method: str, tensor: torch.Tensor,
    change: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:  # fmt: skip
    """What a hook makes of a tensor.

    Raises:
        HarnessError: it is of another shape, or cannot be had.
    """
    try:
        changed = change(tensor)
    except FAULTS as error:
        if is_out_of_memory(error):
            raise
        raise HarnessError(fault(mitigation, method, error)) from error
    if not isinstance(changed, torch.Tensor) or changed.shape != tensor.shape:
        shape = tuple(changed.shape) if isinstance(changed, torch.Tensor) else changed
        raise HarnessError(
            f"{named(mitigation)}: {method} gave {shape!r} for a tensor of shape "
            f"{tuple(tensor.shape)}; it gives the same shape"
        )
    return changed


def refuse_rounded(old: torch.Tensor, key: str, mitigation: object, name: str) -> None:
    """Refuse to edit what is not the weight that is computed with.

    Raises:
        HarnessError: it is rounded, or an adapter stands beside it.
    """
    beside = ".base_layer." in key
    if beside or not old.is_floating_point() or old.element_size() < 2:
        fault = "has an adapter beside it" if beside else "is quantised"
        raise HarnessError(
            f"{named(mitigation)} changes {key!r} of model={name!r}, which {fault}; give the model "
            "in plain weights (without backend.quantize, or as it was before)"
        )


def fault(mitigation: object, method: str, error: BaseException) -> str:
    """What is said of an error inside a hook."""
    words = " ".join(str(error).split())[:200]
    return (
        f"{named(mitigation)}: {method} does not fit this model ({type(error).__name__}: {words})"
    )


def named(mitigation: object) -> str:
    """A mitigation, as messages call it."""
    return f"mitigation {type(mitigation).__name__}"
