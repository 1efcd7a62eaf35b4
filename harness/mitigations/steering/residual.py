"""The states that a bare model passes on from layer to layer, of the tokens of texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from harness.models.hf.hooks import layers_of
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.sizes import shape_of
from harness.types import HarnessError, Request, fingerprint, weights_of

DTYPE = "float32"
"""In which steering is fitted, whatever the model answers in."""
LONGEST = 128
"""Tokens of a text that are read."""
BATCH = 16
Change = Callable[[torch.Tensor], torch.Tensor]


def checked_layers(model: object, layers: Sequence[int] | None) -> Sequence[int]:
    """The layers that are named, or the middle one; loads no weights.

    Raises:
        HarnessError: the model's states cannot be had, or it has no such layers.
    """
    count, _ = _shape(model)
    if layers is None:
        return (count // 2,)
    name = getattr(model, "name", "")
    if not layers or not all(0 <= layer < count for layer in layers):
        raise HarnessError(
            f"mitigation.layers={list(layers)}: name those after which it changes states, from 0 "
            f"to {count - 1} in model={name!r}"
        )
    return tuple(sorted(set(layers)))


def layers_in(model: object) -> int:
    """How many layers a model has; loads no weights."""
    return _shape(model)[0]


def fastest(model: HuggingFaceModel) -> str:
    """The dtype in which a long fit is quickest here: one of half the bits where it is built in."""
    halved = model.device != "cpu" and torch.cuda.is_available()
    return "bfloat16" if halved or torch.cpu._is_avx512_bf16_supported() else DTYPE


def width_of(model: object) -> int:
    """How wide a model's states are; loads no weights.

    Raises:
        HarnessError: its states cannot be had.
    """
    return _shape(model)[1]


def _shape(model: object) -> tuple[int, int]:
    name = getattr(model, "name", "")
    if not isinstance(model, HuggingFaceModel):
        raise HarnessError(
            f"steering reads the states of its model, and {type(model).__name__} of "
            f"model={name!r} gives none; backend=hf does"
        )
    count, width = shape_of(model.source.check(model.trust_remote_code))
    if count is None or width is None:
        raise HarnessError(
            f"the config of model={name!r} does not say how many layers it has and how wide they "
            "are, so that it cannot be steered"
        )
    return count, width


def key_of(model: HuggingFaceModel, **settings: object) -> dict[str, str]:
    """What names a fit: the model's weights, and all else that changes it."""
    texts = {name: str(value) for name, value in settings.items()}
    return {"weights": weights_of(model.identity), "fit": fingerprint(texts), **texts}


class Residual:
    """A bare model that is run over texts, padded on the right.

    Args:
        model: to run; what is loaded for it is let go of with this.
        dtype: of weights and states.
    """

    def __init__(self, model: HuggingFaceModel, dtype: str = DTYPE) -> None:
        self._model = model.hooked(())  # a copy, so that the caller's keeps nothing in memory
        self.loaded = self._model.load(dtype)
        self.loaded.use_cascade(False)
        self.network: Any = self.loaded.model
        self.layers = layers_of(self.network, model.name)

    def tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and which of them are the texts', both of shape (texts, longest)."""
        encode = self.loaded.encoder.encode
        rows = [encode(Request("text", text))[:LONGEST] for text in texts]
        width = max(map(len, rows))
        ids = [row + [self.loaded.pad] * (width - len(row)) for row in rows]
        mask = [[True] * len(row) + [False] * (width - len(row)) for row in rows]
        device = self.loaded.device
        return torch.tensor(ids, device=device), torch.tensor(mask, device=device)

    def run(self, ids: torch.Tensor, mask: torch.Tensor, changes: Mapping[int, Change]) -> None:
        """Run texts, a function at each of some layers being given its states and changing them."""
        with ExitStack() as hooks:
            for layer, change in changes.items():
                hooks.enter_context(_hooked(self.layers[layer], change))
            self.network.base_model(input_ids=ids, attention_mask=mask.long(), use_cache=False)

    def states(
        self, texts: Sequence[str], layers: Sequence[int]
    ) -> Iterator[Mapping[int, torch.Tensor]]:
        """Of each text, by layer, the states of its tokens but the first, float32.

        The first token is left out: nearly all attend to it, and its state is many times as long as
        any other (Xiao et al. 2024, attention sinks).
        """
        for start in range(0, len(texts), BATCH):
            ids, mask = self.tokens(texts[start : start + BATCH])
            states_by_layer: dict[int, torch.Tensor] = {}
            with torch.inference_mode():
                self.run(ids, mask, {layer: _keep(states_by_layer, layer) for layer in layers})
            for row, present in enumerate(mask):
                yield {
                    layer: states_by_layer[layer][row, 1:][present[1:]].float().cpu()
                    for layer in layers
                }


def _keep(states_by_layer: dict[int, torch.Tensor], layer: int) -> Change:
    def keep(states: torch.Tensor) -> torch.Tensor:
        states_by_layer[layer] = states
        return states

    return keep


@contextmanager
def _hooked(layer: torch.nn.Module, change: Change) -> Iterator[None]:
    def hook(module: torch.nn.Module, inputs: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (change(output[0]), *output[1:])
        return change(output)

    handle = layer.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
