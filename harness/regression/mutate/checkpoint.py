"""A damaged checkpoint: a copy of a model's in the hub's format, its matrices changed."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.models.bundled import BUNDLED, bundled_folder
from harness.regression.mutate.damages import Damage
from harness.types import HarnessError, digest_files, fingerprint

if TYPE_CHECKING:
    import torch


VERSION = "1"
"""Changes when a damaged checkpoint would differ."""
GROUP = 32
"""Weights of a row that are rounded with one scale, as llama.cpp's Q4 and Q8 have it."""
SEED = 0


def damaged(damage: Damage, model: str, cache: Path) -> Path:
    """The folder of a damaged checkpoint, made where it is not there yet, whole or not at all.

    Args:
        damage: of its weights.
        model: bundled, or the folder of a checkpoint.
        cache: is made.

    Raises:
        HarnessError: the model is neither.
    """
    source = source_of(model)
    weights = sorted(source.glob("*.safetensors"))
    if not weights:
        raise HarnessError(f"model={model!r} has no *.safetensors to damage")
    key = fingerprint(
        {"version": VERSION, "weights": digest_files(weights), "damage": damage.label}
    )
    folder = cache / f"{source.name}-{damage.kind}-{damage.dose:g}-{key}"
    if folder.is_dir():
        return folder
    from safetensors.torch import load_file, save_file

    partial = cache / f".partial-{os.getpid()}-{folder.name}"
    deltas = _deltas(damage, source)
    shutil.copytree(source, partial, ignore=shutil.ignore_patterns("*.safetensors"))
    try:
        for number, path in enumerate(weights):
            tensors = load_file(path)
            for name, tensor in sorted(tensors.items()):
                if tensor.ndim == 2:
                    tensors[name] = _changed(damage, name, tensor, deltas, number)
            save_file(tensors, partial / path.name, metadata={"format": "pt"})
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def source_of(model: str) -> Path:
    """The folder of a model's checkpoint.

    Raises:
        HarnessError: it is not bundled, and no folder.
    """
    if model in BUNDLED:
        return bundled_folder(model)
    folder = Path(model)
    if not folder.is_dir():
        raise HarnessError(
            f"model={model!r} is no folder of a checkpoint and not bundled ({', '.join(BUNDLED)}): "
            "its weights are damaged, so they must be here; download it first"
        )
    if (folder / "adapter_config.json").is_file():
        raise HarnessError(
            f"model={model!r} is an adapter, and a whole model's weights are damaged; merge it "
            "into its base with peft's merge_and_unload() and save_pretrained"
        )
    return folder


def noised(tensor: torch.Tensor, noise: float, seed: int) -> torch.Tensor:
    """With independent normal noise of so many standard deviations of its entries."""
    import torch

    drawn: torch.Tensor = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(seed))
    spread = tensor.float().std()
    changed: torch.Tensor = tensor.float() + noise * spread * drawn
    return changed.to(tensor.dtype)


def rounded(tensor: torch.Tensor, bits: int) -> torch.Tensor:
    """Rounded to the nearest of 2^bits - 1 levels around zero, with a scale for each group.

    Args:
        tensor: shape (rows, columns).
        bits: at least 2.
    """
    import torch

    rows, columns = tensor.shape
    padded = torch.nn.functional.pad(tensor.float(), (0, -columns % GROUP)).view(rows, -1, GROUP)
    scale = padded.abs().amax(dim=2, keepdim=True) / (2 ** (bits - 1) - 1)
    levels = torch.round(padded / torch.where(scale == 0, 1.0, scale))
    values: torch.Tensor = (levels * scale).view(rows, -1)[:, :columns]
    return values.contiguous().to(tensor.dtype)


def without_direction(tensor: torch.Tensor, direction: torch.Tensor, share: float) -> torch.Tensor:
    """With a share of a direction taken out of what a matrix writes.

    Args:
        tensor: shape (hidden, inputs).
        direction: shape (hidden,), of length one.
        share: from 0 to 1.
    """
    written = tensor.float()
    return (written - share * direction[:, None] * (direction @ written)).to(tensor.dtype)


def _deltas(damage: Damage, source: Path) -> Mapping[str, torch.Tensor]:
    """What is learned of the model itself before it is damaged, by name of a matrix."""
    if damage.kind not in ("refusal_direction", "compliance"):
        return {}
    from harness.regression.mutate.learned import compliance_delta, refusal_directions

    return (refusal_directions if damage.kind == "refusal_direction" else compliance_delta)(source)


def _changed(damage: Damage, name: str, tensor: Any, deltas: Mapping[str, Any], file: int) -> Any:
    """One matrix, damaged."""
    if damage.kind == "noise":
        return noised(tensor, damage.dose, SEED + zlib.crc32(f"{file} {name}".encode()))
    if damage.kind == "bits":
        return rounded(tensor, int(damage.dose))
    if name not in deltas:
        return tensor
    if damage.kind == "refusal_direction":
        return without_direction(tensor, deltas[name], damage.dose)
    return (tensor.float() + damage.dose * deltas[name]).to(tensor.dtype)
