"""How `python -m harness.mitigate method=sparse_autoencoder` trains and writes one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from harness.mitigations.steering.contrast import STARTER
from harness.types import weights_of


class LabelledText(Protocol):
    """A text, or what was written after a prompt."""

    prompt: str
    text: str


class Work(Protocol):
    """What the command gives."""

    model: Any
    texts: Sequence[LabelledText]
    seed: int
    out: Path
    log: Callable[[str], None]
    forecast: bool


class TrainsAutoencoder:
    """Trains a sparse autoencoder on what a model makes of texts, and writes it as sae_lens does.

    Args:
        layer: whose states it codes; None: the middle one.
        features: of which a state has few.
        active: features of a state, on average.
        steps: of the training.
        batch: states of a step.
        rate: of Adam, at its highest.
        continuations: how often the model goes on from each text, to be learned from too.
    """

    starter: ClassVar[Path] = STARTER
    use: ClassVar[str] = "mitigation=sparse_features mitigation.file={out}"
    paper: ClassVar[str] = (
        "Goyal and others, Breaking Bad Tokens: Detoxification of LLMs Using Sparse Autoencoders, "
        "2025, which takes autoencoders that others trained. Here a small one is trained, by "
        "BatchTopK (Bussmann and others, 2024)."
    )

    def __init__(
        self,
        layer: int | None = None,
        features: int = 1024,
        active: int = 16,
        steps: int = 400,
        batch: int = 512,
        rate: float = 1e-3,
        continuations: int = 2,
    ) -> None:
        self.layer = layer
        self.features = features
        self.active = active
        self.steps = steps
        self.batch = batch
        self.rate = rate
        self.continuations = continuations

    @property
    def identity(self) -> Mapping[str, str]:
        """All its options."""
        options = {name: str(value) for name, value in vars(self).items()}
        return {"mitigation": "sparse_autoencoder", **options}

    def fit(self, fit: Work) -> Mapping[str, object]:
        """Train it and write it; gives how well it copies states of texts that it has not seen.

        Raises:
            HarnessError: the texts are too few.
        """
        from harness.mitigations.steering.autoencoders import own_texts
        from harness.mitigations.steering.fitted import write
        from harness.mitigations.steering.residual import Residual, checked_layers, width_of
        from harness.mitigations.steering.sparse_autoencoder import CONFIG, WEIGHTS
        from harness.mitigations.steering.training import Training, states_of, train

        layers = None if self.layer is None else [self.layer]
        (layer,) = checked_layers(fit.model, layers)
        texts = [text.prompt + text.text for text in fit.texts]
        fit.log(
            f"states after layer {layer} of {len(texts)} texts and {self.continuations} times as "
            f"many of the model's own, then {self.steps} steps of {self.batch} states"
        )
        if fit.forecast:
            return {}
        if self.continuations:
            texts = own_texts(fit.model, texts, self.continuations, fit.seed)
        settings = Training(self.features, self.active, self.steps, self.batch, self.rate, fit.seed)
        trained = train(
            *states_of(Residual(fit.model), texts, layer, max(self.continuations, 1)),
            settings,
            fit.log,
        )
        write(fit.out / WEIGHTS, trained.autoencoder.tensors, {"layer": str(layer)})
        config = {
            "architecture": "jumprelu",
            "d_in": width_of(fit.model),
            "d_sae": self.features,
            "dtype": "float32",
            "apply_b_dec_to_input": True,
            "normalize_activations": "none",
            "metadata": {"layer": layer, "model": weights_of(fit.model.identity)},
        }
        (fit.out / CONFIG).write_text(json.dumps(config, indent=1), encoding="utf-8")
        return {
            "layer": layer,
            "states": trained.states,
            "unexplained_before": round(trained.unexplained_before, 4),
            "unexplained": round(trained.unexplained, 4),
            "active": round(trained.active, 2),
            "dead": round(trained.dead, 4),
        }
