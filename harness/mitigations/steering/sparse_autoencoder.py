"""A sparse autoencoder of a model's states: how it is read, what it makes of a state.

Files are as sae_lens writes them: `W_enc` (width, features), `b_enc`, `W_dec` (features, width),
`b_dec`, and `threshold` where a feature below its threshold is none (JumpReLU, Rajamanoharan et al.
2024, arXiv 2407.14435).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from harness.mitigations.steering.fitted import check_width, read
from harness.types import HarnessError

NAMES = ("W_enc", "b_enc", "W_dec", "b_dec")
ARCHITECTURES = ("standard", "jumprelu")
CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"


@dataclass(frozen=True)
class SparseAutoencoder:
    """Codes states as a few features of many."""

    w_enc: torch.Tensor
    b_enc: torch.Tensor
    w_dec: torch.Tensor
    b_dec: torch.Tensor
    threshold: torch.Tensor
    """Of each feature; 0 without."""
    centred: bool = True
    """Whether the decoder's bias is taken from a state before it is coded."""

    @classmethod
    def read(cls, path: str, width: int) -> SparseAutoencoder:
        """Read a safetensors file, or a folder of sae_lens.

        Args:
            path: of it.
            width: of the model's states.

        Raises:
            HarnessError: a tensor is missing or of another shape, or it is of another kind.
        """
        place = Path(path)
        config: Mapping[str, object] = {}
        if place.is_dir():
            config, place = _config(place / CONFIG), place / WEIGHTS
        tensors = {name: tensor.float() for name, tensor in read(place, NAMES).items()}
        check_width(path, "W_dec", tensors["W_dec"], width)
        features = len(tensors["W_dec"])
        shapes = {
            "W_enc": (width, features), "W_dec": (features, width),
            "b_enc": (features,), "b_dec": (width,), "threshold": (features,),
        }  # fmt: skip
        tensors.setdefault("threshold", torch.zeros(features))
        for name, shape in shapes.items():
            if tuple(tensors[name].shape) != shape:
                raise HarnessError(
                    f"{path!r}: {name!r} is of shape {tuple(tensors[name].shape)}, not {shape}, "
                    "by which the other tensors go"
                )
        centred = bool(config.get("apply_b_dec_to_input", True))
        return cls.of(tensors, centred)

    @classmethod
    def of(cls, tensors: Mapping[str, torch.Tensor], centred: bool = True) -> SparseAutoencoder:
        """Of tensors as a file holds them."""
        w_enc, b_enc, w_dec, b_dec, threshold = (tensors[name] for name in (*NAMES, "threshold"))
        return cls(w_enc, b_enc, w_dec, b_dec, threshold, centred)

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """As a file holds them."""
        return {
            "W_enc": self.w_enc, "b_enc": self.b_enc, "W_dec": self.w_dec, "b_dec": self.b_dec,
            "threshold": self.threshold,
        }  # fmt: skip

    def only(self, features: torch.Tensor) -> SparseAutoencoder:
        """The same with some of the features."""
        return SparseAutoencoder(
            self.w_enc[:, features],
            self.b_enc[features],
            self.w_dec[features],
            self.b_dec,
            self.threshold[features],
            self.centred,
        )

    def to(self, device: torch.device) -> SparseAutoencoder:
        """The same on a device."""
        moved = {name: tensor.to(device) for name, tensor in self.tensors.items()}
        return SparseAutoencoder.of(moved, self.centred)

    def encode(self, states: torch.Tensor) -> torch.Tensor:
        """How strong each feature is, 0 or more, shape (tokens, features)."""
        wide = states.float()
        coded = (wide - self.b_dec if self.centred else wide) @ self.w_enc + self.b_enc
        return coded.relu() * (coded > self.threshold)

    def decode(self, features: torch.Tensor) -> torch.Tensor:
        """States from features."""
        return features @ self.w_dec + self.b_dec

    def unexplained(self, states: torch.Tensor) -> float:
        """The share of the states' variance that is lost: 0 is a perfect copy, 1 their mean."""
        wide = states.float()
        lost = (self.decode(self.encode(wide)) - wide).square().sum()
        return float(lost / (wide - wide.mean(0)).square().sum())


def _config(path: Path) -> Mapping[str, object]:
    """What sae_lens says of an autoencoder.

    Raises:
        HarnessError: it cannot be read, or is of a kind that is not read here.
    """
    try:
        config: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HarnessError(f"{str(path)!r} cannot be read ({error})") from error
    kind = config.get("architecture", "standard")
    scaled = config.get("normalize_activations") or "none"
    if kind not in ARCHITECTURES or scaled != "none":
        raise HarnessError(
            f"{str(path)!r}: an autoencoder of architecture {kind!r} on states scaled by "
            f"{scaled!r} is not read; {' and '.join(ARCHITECTURES)} on states as they are"
        )
    return config
