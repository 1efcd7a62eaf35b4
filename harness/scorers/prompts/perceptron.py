"""A perceptron over inner products of a prompt's states with those of concepts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from harness.types import HarnessError

Array = NDArray[np.float32]
NAMES = ("mean", "scale", "concepts", "centre", "spread", "inner", "bias", "outer", "offset")


@dataclass(frozen=True)
class Perceptron:
    """What is learnt of a model's states.

    Attributes:
        layers: that are read.
        model: the digest of the weights whose states these are.
        arrays: by name. `mean` and `scale` of the states, of shape (layers, width); `concepts`,
            states made alike, (concepts, layers, width); `centre` and `spread` of the inner
            products, (layers times concepts); `inner` and `bias`, `outer` and `offset`: two maps.
    """

    layers: tuple[int, ...]
    model: str
    arrays: Mapping[str, Array]

    def shares(self, states: Array) -> NDArray[np.float64]:
        """The share for "a toxic prompt" of states of shape (prompts, layers, width)."""
        a = self.arrays
        hidden = np.tanh(self.features(states) @ a["inner"].T + a["bias"])
        logits = (hidden @ a["outer"].T + a["offset"])[:, 0].astype(np.float64)
        shares: NDArray[np.float64] = 1 / (1 + np.exp(-logits))
        return shares

    def features(self, states: Array) -> Array:
        """Inner products with each concept after each layer, on one scale."""
        a = self.arrays
        products = inner_products((states - a["mean"]) / a["scale"], a["concepts"])
        scaled: Array = (products - a["centre"]) / a["spread"]
        return scaled

    @classmethod
    def read(cls, path: Path) -> Perceptron:
        """Read what `python -m harness.train recipe=prompt_toxicity` wrote.

        Raises:
            HarnessError: it is not there or not whole.
        """
        try:
            with safe_open(path, "np") as file:
                about = json.loads((file.metadata() or {}).get("harness", "{}"))
                arrays = {name: file.get_tensor(name).astype(np.float32) for name in NAMES}
            return cls(tuple(about["layers"]), str(about["model"]), arrays)
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise HarnessError(
                f"weights {str(path)!r} cannot be read ({error}); make them with "
                "python -m harness.train recipe=prompt_toxicity"
            ) from error


def inner_products(states: Array, concepts: Array) -> Array:
    """Of each prompt with each concept after each layer, (prompts, layers times concepts)."""
    products: Array = np.einsum("nlw,clw->nlc", states, concepts) / states.shape[-1]
    return products.reshape(len(states), -1)
