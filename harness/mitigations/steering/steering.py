"""Steering along the difference of mean states between toxic and other texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.mitigations.steering.contrast import Contrast
from harness.mitigations.steering.tiers import Shift, check_tier
from harness.types import Model

if TYPE_CHECKING:
    import torch


class Steering:
    """Shifts states from the mean of toxic texts towards that of others.

    Args:
        model: that is steered; its states are fitted on.
        strength: of the difference of means, how many times it is taken away; 0: nothing.
        layers: after which it acts; None: after the middle one.
        tier: `constant` (every token), `input` (what follows a prompt one of whose tokens scores
            above the threshold), `token` (each token that does).
        threshold: from 0, the mean of the others, to 1, that of the toxic texts.
        texts: `starter`, or a file of records with `text` and `toxic`.
        n: texts of each kind at most.
        seed: by which they are drawn.
        file: safetensors that were fitted before, instead of texts.
    """

    def __init__(
        self,
        model: Model,
        strength: float = 1.0,
        layers: Sequence[int] | None = None,
        tier: str = "constant",
        threshold: float = 0.5,
        texts: str = "starter",
        n: int = 32,
        seed: int = 0,
        file: str | None = None,
    ) -> None:
        check_tier(tier)
        self.model = model
        self.strength = strength
        self.tier = tier
        self.threshold = threshold
        self.texts = texts
        self.n = n
        self.seed = seed
        self.file = file
        self._layers = layers

    @property
    def by_prompt(self) -> bool:
        """Whether prompts decide."""
        return self.tier == "input"

    @cached_property
    def layers(self) -> Sequence[int]:
        """After which it acts."""
        from harness.mitigations.steering.residual import checked_layers

        return checked_layers(self.model, self._layers)

    @property
    def identity(self) -> Mapping[str, str]:
        """The fitted means by their digest, strength, layers and tier."""
        from harness.mitigations.steering.fitted import digest

        gate = {} if self.tier == "constant" else {"threshold": repr(float(self.threshold))}
        return {
            "mitigation": "steering",
            "means": digest(self._means),
            "strength": repr(float(self.strength)),
            "layers": ",".join(map(str, self.layers)),
            "tier": self.tier,
        } | gate

    def prompt_scores(self, states: torch.Tensor, layer: int) -> torch.Tensor:
        """Where states of a prompt lie between the means."""
        return self._shifts[layer].scores(states)

    def change_states(
        self, states: torch.Tensor, layer: int, prompt: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The states, those that the tier names shifted."""
        return self._shifts[layer](states, prompt)

    @cached_property
    def _shifts(self) -> Mapping[int, Shift]:
        from harness.mitigations.steering.directions import Direction

        shifts = {}
        for layer in self.layers:
            parts = [self._means[f"{name}.{layer}"] for name in ("clean", "toxic", "longest")]
            direction = Direction(*parts)
            vector = -self.strength * direction.vector
            shifts[layer] = Shift(vector, direction.scores, self.tier, self.threshold)
        return shifts

    @cached_property
    def _means(self) -> Mapping[str, torch.Tensor]:
        from harness.mitigations.steering import fitted
        from harness.mitigations.steering.residual import width_of

        width = width_of(self.model)
        sides = [f"{kind}.{layer}" for layer in self.layers for kind in ("clean", "toxic")]
        longest = [f"longest.{layer}" for layer in self.layers]
        if self.file is not None:
            read = fitted.read(Path(self.file), (*sides, *longest))
            for name in sides:
                fitted.check_width(self.file, name, read[name], width)
                fitted.check_shape(self.file, name, read[name], (width,))
            for name in longest:
                fitted.check_shape(self.file, name, read[name], ())
            return {name: read[name] for name in (*sides, *longest)}
        return self._fitted()

    def _fitted(self) -> Mapping[str, torch.Tensor]:
        from harness.mitigations.steering import fitted
        from harness.mitigations.steering.directions import difference_of_means
        from harness.mitigations.steering.residual import Residual, key_of

        contrast = Contrast.read(self.texts, self.n, self.seed)
        model: Any = self.model
        key = key_of(model, texts=contrast.digest, layers=list(self.layers))
        count = len(contrast.toxic) + len(contrast.clean)
        return fitted.fitted(
            "steering",
            key,
            f"{count} texts are read once",
            lambda: difference_of_means(Residual(model), contrast, self.layers),
        )
