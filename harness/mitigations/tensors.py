"""Tensors of a user's safetensors file, or of one that was kept: whole, named and finite."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.types import HarnessError

if TYPE_CHECKING:
    import torch

SHOWN = 8
"""Names that are listed of what a file holds."""


def read_tensors(where: str, path: Path, names: Iterable[str] = ()) -> dict[str, torch.Tensor]:
    """The tensors of a file.

    Args:
        where: names the file in messages: its path, or the option with its value.
        path: of the file.
        names: that must be there.

    Raises:
        HarnessError: there is no such file, it is not safetensors, lacks one of the names, or
            has a number that is not finite.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise HarnessError(f"{where} cannot be read as safetensors ({error})") from error
    if missing := [name for name in names if name not in tensors]:
        listed = ", ".join(sorted(tensors)[:SHOWN]) or "nothing"
        raise HarnessError(f"{where} has no {missing[0]!r}, which it must; it has {listed}")
    if bad := [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]:
        raise HarnessError(f"{where}: {bad[0]!r} has numbers that are not finite")
    return tensors
