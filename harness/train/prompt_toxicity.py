"""Trains the perceptron of `prompt_toxicity` on a model's states, the same on every call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save as save_bytes
from torch import nn

from harness.models.hf.model import HuggingFaceModel
from harness.scorers.prompts.perceptron import Array, Perceptron, inner_products
from harness.scorers.prompts.states import last_states, layers_of
from harness.train.prompts import CONCEPTS, part
from harness.types import weights_of

HIDDEN = 32
EPOCHS = 300
RATE = 3e-3
DECAY = 0.3
DROPPED = 0.2
"""Share of the features that are hidden in each step."""
WEIGHT = {"xstest": 2.0}
"""Of a set's requests; its safe and unsafe ones are the nearest to each other."""


def make(data: Path, out: Path, model: str, seed: int, progress: Callable[[str], None]) -> None:
    """Write weights for a model's states.

    Args:
        data: the folder with the published sets.
        out: a safetensors file.
        model: bundled, or the folder of a checkpoint.
        seed: of the perceptron's initial weights.
        progress: is given a line now and then.
    """
    prompts = part(data, 0)
    backend = HuggingFaceModel(model, dtype="float32")
    loaded = backend.load(backend.identity["dtype"])
    layers = layers_of(int(loaded.model.config.get_text_config().num_hidden_layers))
    progress(f"{len(prompts)} prompts, {len(CONCEPTS)} concepts, after layers {layers}")
    concepts = last_states(loaded, CONCEPTS, layers)
    states = last_states(loaded, [prompt.text for prompt in prompts], layers)
    progress("the states are read")
    labels = np.array([prompt.toxic for prompt in prompts], np.float32)
    weights = np.array([WEIGHT.get(prompt.source, 1.0) for prompt in prompts], np.float32)
    arrays = fit(states, concepts, labels, weights, seed)
    perceptron = Perceptron(tuple(layers), weights_of(backend.identity), arrays)
    right = (perceptron.shares(states) >= 0.5) == (labels > 0)
    progress(f"{right.mean():.3f} of what it was trained on is right")
    about = json.dumps({"layers": layers, "model": perceptron.model})
    halved = {name: array.astype(np.float16) for name, array in arrays.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(save_bytes(halved, {"harness": about}))


def fit(
    states: Array, concepts: Array, labels: Array, weights: Array, seed: int
) -> dict[str, Array]:
    """The arrays of a perceptron whose shares are the labels, as near as it gets.

    Args:
        states: of shape (prompts, layers, width).
        concepts: of shape (concepts, layers, width).
        labels: 1 of a toxic prompt, else 0.
        weights: of each prompt.
        seed: of the initial weights.
    """
    mean, scale = states.mean(0), states.std(0) + 1e-4
    alike = (concepts - mean) / scale
    products = inner_products((states - mean) / scale, alike)
    centre, spread = products.mean(0), products.std(0) + 1e-6
    maps = _maps((products - centre) / spread, labels, weights, seed)
    fixed = {"mean": mean, "scale": scale, "concepts": alike, "centre": centre, "spread": spread}
    return {name: array.astype(np.float32) for name, array in (fixed | maps).items()}


def _maps(
    features: Array, labels: Array, weights: Array, seed: int
) -> dict[str, NDArray[np.float32]]:
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Dropout(DROPPED), nn.Linear(features.shape[1], HIDDEN), nn.Tanh(),
        nn.Dropout(DROPPED), nn.Linear(HIDDEN, 1),
    )  # fmt: skip
    inputs, targets, weight = map(torch.from_numpy, (features, labels, weights))
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    for _ in range(EPOCHS):
        loss = nn.functional.binary_cross_entropy_with_logits(
            network(inputs)[:, 0], targets, weight / weight.mean()
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    state = [value.detach().numpy() for value in network.state_dict().values()]
    return dict(zip(("inner", "bias", "outer", "offset"), state, strict=True))
