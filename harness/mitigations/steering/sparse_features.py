"""Steering against chosen features of a sparse autoencoder, along their decoder vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.mitigations.steering.contrast import Contrast
from harness.mitigations.steering.tiers import Shift, check_tier
from harness.types import HarnessError, Model

if TYPE_CHECKING:
    import torch

    from harness.mitigations.steering.sparse_autoencoder import SparseAutoencoder


class SparseFeatures:
    """Takes the decoder vectors of features that toxic texts have away from states.

    Args:
        model: that is steered.
        file: the autoencoder, safetensors or a folder of sae_lens; None: one that is trained on
            the contrast's texts and the model's own, once (`python -m harness.mitigate
            method=sparse_autoencoder` trains a better one).
        layer: whose states it codes; None: the middle one.
        features: their numbers; None: those that toxic texts have most above others.
        count: how many are then taken.
        strength: of each feature's mean among toxic texts, how many times it is taken away.
        tier: `constant`, `input` or `token`, as in `steering`.
        threshold: of the features' means among toxic texts, the share above which a token has them.
        texts: `starter`, or a file of records with `text` and `toxic`.
        n: texts of each kind at most.
        seed: by which they are drawn.
    """

    def __init__(
        self,
        model: Model,
        file: str | None = None,
        layer: int | None = None,
        features: Sequence[int] | None = None,
        count: int = 4,
        strength: float = 1.0,
        tier: str = "constant",
        threshold: float = 0.5,
        texts: str = "starter",
        n: int = 32,
        seed: int = 0,
    ) -> None:
        check_tier(tier)
        self.model = model
        self.file = file
        self.features = features
        self.count = count
        self.strength = strength
        self.tier = tier
        self.threshold = threshold
        self.texts = texts
        self.n = n
        self.seed = seed
        self._layer = layer

    @property
    def by_prompt(self) -> bool:
        """Whether prompts decide."""
        return self.tier == "input"

    @cached_property
    def layers(self) -> Sequence[int]:
        """After which it acts: one."""
        from harness.mitigations.steering.residual import checked_layers

        return checked_layers(self.model, None if self._layer is None else [self._layer])

    @property
    def identity(self) -> Mapping[str, str]:
        """The chosen features' weights and means by their digest, their numbers, and the tier."""
        from harness.mitigations.steering.fitted import digest

        chosen = self._chosen
        gate = {} if self.tier == "constant" else {"threshold": repr(float(self.threshold))}
        return {
            "mitigation": "sparse_features",
            "features": ",".join(str(int(number)) for number in chosen["numbers"]),
            "digest": digest({**self._part.tensors, "means": chosen["means"]}),
            "strength": repr(float(self.strength)),
            "layers": str(self.layers[0]),
            "tier": self.tier,
        } | gate

    def prompt_scores(self, states: torch.Tensor, layer: int) -> torch.Tensor:
        """How much of the features states of a prompt have."""
        return self._shift.scores(states)

    def change_states(
        self, states: torch.Tensor, layer: int, prompt: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The states, those that the tier names shifted."""
        return self._shift(states, prompt)

    @cached_property
    def _shift(self) -> Shift:
        part, means = self._part, self._chosen["means"]
        vector = -self.strength * (means[:, None] * part.w_dec).sum(0)

        def scores(states: torch.Tensor) -> torch.Tensor:
            here = part.to(states.device)
            return (here.encode(states) / means.to(states.device)).amax(1)

        return Shift(vector, scores, self.tier, self.threshold)

    @cached_property
    def _part(self) -> SparseAutoencoder:
        """The autoencoder with the chosen features alone."""
        return self._autoencoder.only(self._chosen["numbers"])

    @cached_property
    def _autoencoder(self) -> SparseAutoencoder:
        from harness.mitigations.steering.autoencoders import trained_here
        from harness.mitigations.steering.residual import width_of
        from harness.mitigations.steering.sparse_autoencoder import SparseAutoencoder

        width = width_of(self.model)
        if self.file is not None:
            return SparseAutoencoder.read(self.file, width)
        model: Any = self.model
        return trained_here(model, self._contrast, self.layers[0], self.seed)

    @cached_property
    def _contrast(self) -> Contrast:
        return Contrast.read(self.texts, self.n, self.seed)

    @cached_property
    def _chosen(self) -> Mapping[str, torch.Tensor]:
        """Numbers of the chosen features, and their means among toxic texts that have them."""
        from harness.mitigations.steering.autoencoders import chosen

        autoencoder = self._autoencoder
        most = len(autoencoder.w_dec)
        numbers = self.features
        if numbers is not None and not (numbers and all(0 <= n < most for n in numbers)):
            raise HarnessError(
                f"mitigation.features={list(numbers)}: name features from 0 to {most - 1} of "
                f"{self.file or 'the trained autoencoder'!r}"
            )
        if not 0 < self.count <= most:
            raise HarnessError(f"mitigation.count={self.count} must be from 1 to {most}")
        model: Any = self.model
        contrast = self._contrast
        return chosen(model, autoencoder, self.layers[0], contrast, numbers or self.count)
