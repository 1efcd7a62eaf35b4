"""Affine maps of the states after each layer, from those of toxic texts to those of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.mitigations.steering.contrast import Contrast
from harness.types import HarnessError, Model

if TYPE_CHECKING:
    import torch

    from harness.mitigations.steering.lineas import Settings


class Transport:
    """Maps each state coordinate by coordinate, after every layer that needs it.

    Args:
        model: that is steered; the maps are fitted on it.
        strength: from 0 (nothing) to 1 (the fitted maps), or beyond.
        layers: that maps are fitted after, or of those of the file that are taken; None: all.
        texts: `starter`, or a file of records with `text` and `toxic`.
        n: texts of each kind at most; they need not be pairs.
        seed: by which they, and random slices, are drawn.
        fit: of the fit, by the names of `lineas.Settings`.
        file: safetensors that were fitted before, instead of texts.
    """

    def __init__(
        self,
        model: Model,
        strength: float = 0.5,
        layers: Sequence[int] | None = None,
        texts: str = "starter",
        n: int = 32,
        seed: int = 0,
        fit: Mapping[str, float] | None = None,
        file: str | None = None,
    ) -> None:
        self.model = model
        self.strength = strength
        self.texts = texts
        self.n = n
        self.seed = seed
        self.fit = dict(fit or {})
        self.file = file
        self._layers = layers

    @cached_property
    def layers(self) -> Sequence[int]:
        """After which there is a map; the first of those asked for where none is needed."""
        return sorted(int(name.split(".")[1]) for name in self._maps if name.startswith("scale"))

    @property
    def identity(self) -> Mapping[str, str]:
        """The maps by their digest, and the strength."""
        from harness.mitigations.steering.fitted import digest

        return {
            "mitigation": "transport",
            "maps": digest(self._maps),
            "strength": repr(float(self.strength)),
        }

    def change_states(self, states: torch.Tensor, layer: int) -> torch.Tensor:
        """Each coordinate multiplied and moved."""
        import torch

        key = (layer, states.dtype, states.device)
        if key not in self._placed:
            self._placed[key] = tuple(x.to(states) for x in self._affine[layer])
        scale, shift = self._placed[key]
        return torch.addcmul(shift, states, scale)

    @cached_property
    def _placed(self) -> dict[Any, tuple[torch.Tensor, ...]]:
        """Maps where the states are, in their dtype."""
        return {}

    @cached_property
    def _affine(self) -> Mapping[int, tuple[torch.Tensor, torch.Tensor]]:
        """By layer, what states are multiplied by and what is added."""
        return {
            layer: (
                1 + self.strength * (self._maps[f"scale.{layer}"] - 1),
                self.strength * self._maps[f"shift.{layer}"],
            )
            for layer in self.layers
        }

    @cached_property
    def _maps(self) -> Mapping[str, torch.Tensor]:
        from harness.mitigations.steering import fitted
        from harness.mitigations.steering.residual import checked_layers, width_of

        width = width_of(self.model)
        if self.file is None:
            maps = dict(self._fitted())
        else:
            tensors = fitted.read(Path(self.file), ())
            layers = [_number(name.partition(".")[2], self.file) for name in sorted(tensors)]
            chosen = checked_layers(self.model, layers if self._layers is None else self._layers)
            names = [f"{kind}.{layer}" for layer in chosen for kind in ("scale", "shift")]
            maps = {name: fitted.read(Path(self.file), names)[name] for name in names}
            for name, tensor in maps.items():
                fitted.check_width(self.file, name, tensor, width)
                fitted.check_shape(self.file, name, tensor, (width,))
        return maps or _nothing(width)

    def _fitted(self) -> Mapping[str, torch.Tensor]:
        from harness.mitigations.steering import fitted, lineas
        from harness.mitigations.steering.residual import (
            Residual,
            checked_layers,
            fastest,
            key_of,
            layers_in,
        )

        contrast = Contrast.read(self.texts, self.n, self.seed)
        every = range(layers_in(self.model))
        layers = checked_layers(self.model, every if self._layers is None else self._layers)
        settings = self._settings()
        model: Any = self.model
        key = key_of(model, texts=contrast.digest, layers=list(layers), settings=settings,
                     dtype=fastest(model))  # fmt: skip
        return fitted.fitted(
            "transport",
            key,
            f"{settings.steps} steps over {len(contrast.toxic)} texts, some minutes on a processor",
            lambda: lineas.fit(Residual(model, fastest(model)), contrast, layers, settings),
        )

    def _settings(self) -> Settings:
        from harness.mitigations.steering.lineas import Settings

        try:
            return Settings(**{**self.fit, "seed": self.seed})  # type: ignore[arg-type]
        except TypeError as error:
            raise HarnessError(
                f"mitigation.fit={self.fit}: it has {', '.join(Settings.__annotations__)}"
            ) from error


def _number(layer: str, path: str) -> int:
    if not layer.isdecimal():
        raise HarnessError(f"{path!r}: {layer!r} is no layer; names are scale.LAYER, shift.LAYER")
    return int(layer)


def _nothing(width: int) -> Mapping[str, torch.Tensor]:
    """The map that changes nothing, where the penalty left no other."""
    import torch

    return {"scale.0": torch.ones(width), "shift.0": torch.zeros(width)}
