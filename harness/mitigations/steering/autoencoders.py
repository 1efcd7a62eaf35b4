"""Sparse autoencoders of a model: which features toxic texts have, and one that is trained here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from harness.mitigations.steering.contrast import Contrast
from harness.mitigations.steering.directions import longest_of
from harness.mitigations.steering.fitted import fitted
from harness.mitigations.steering.residual import Residual, key_of
from harness.mitigations.steering.sparse_autoencoder import SparseAutoencoder
from harness.mitigations.steering.training import Training, states_of, train
from harness.types import GenerationConfig, Request

OWN = 2
"""Texts of its own that a model writes after each of the contrast's."""
LENGTH = 32
"""Tokens of one."""


def chosen(
    model: Any,
    autoencoder: SparseAutoencoder,
    layer: int,
    contrast: Contrast,
    features: Sequence[int] | int,
) -> dict[str, torch.Tensor]:
    """Features, and how strong each is on average where toxic texts have it.

    Args:
        model: whose states the autoencoder codes.
        autoencoder: of the layer.
        layer: of the states.
        contrast: texts of both kinds.
        features: their numbers, or how many: those whose mean over toxic texts is most above
            that over others, in standard deviations of the texts' means.
    """
    residual = Residual(model)
    toxic, clean = (
        _codes(residual, autoencoder, texts, layer) for texts in (contrast.toxic, contrast.clean)
    )
    numbers = (
        torch.tensor(features) if not isinstance(features, int) else _above(toxic, clean, features)
    )
    strong = [codes[:, numbers] for codes in toxic]
    together = torch.cat(strong)
    counts = (together > 0).sum(0).clamp(min=1)
    return {"numbers": numbers, "means": (together.sum(0) / counts).clamp(min=1e-6)}


def _above(
    toxic: Sequence[torch.Tensor], clean: Sequence[torch.Tensor], count: int
) -> torch.Tensor:
    sides = [torch.stack([codes.mean(0) for codes in kind]) for kind in (toxic, clean)]
    spread = torch.cat(sides).std(0).clamp(min=1e-6)
    difference = (sides[0].mean(0) - sides[1].mean(0)) / spread
    return difference.topk(count).indices.sort().values


def _codes(
    residual: Residual, autoencoder: SparseAutoencoder, texts: Sequence[str], layer: int
) -> list[torch.Tensor]:
    """Of each text the codes of its tokens, sinks left out."""
    states = [of_text[layer] for of_text in residual.states(texts, [layer])]
    longest = longest_of(states)
    short = [x[x.norm(dim=-1) <= longest] for x in states]
    return [autoencoder.encode(x) for x in short if len(x)]


def trained_here(model: Any, contrast: Contrast, layer: int, seed: int) -> SparseAutoencoder:
    """A small autoencoder of the contrast's texts and of what the model writes after them."""
    settings = Training(seed=seed)
    key = key_of(model, texts=contrast.digest, layer=layer, settings=settings, own=OWN)

    def fit() -> dict[str, torch.Tensor]:
        pairs = zip(contrast.toxic, contrast.clean, strict=False)
        texts = own_texts(model, [text for pair in pairs for text in pair], OWN, seed)
        states = states_of(Residual(model), texts, layer, OWN)
        return train(*states, settings).autoencoder.tensors

    forecast = f"{settings.steps} steps on what the model writes, a few minutes on a processor"
    tensors = fitted("sparse_autoencoder", key, forecast, fit)
    return SparseAutoencoder.of(tensors)


def own_texts(model: Any, texts: Sequence[str], count: int, seed: int) -> list[str]:
    """Texts, each as often as wanted with what the model writes after it.

    Args:
        model: that writes.
        texts: to go on from.
        count: how often from each.
        seed: of what is drawn.
    """
    generation = GenerationConfig(n=count, max_new_tokens=LENGTH, temperature=1.0)
    requests = [Request(str(n), text, tuple(range(count))) for n, text in enumerate(texts)]
    written = {
        (int(answer.sample_id), answer.index): texts[int(answer.sample_id)] + (answer.text or "")
        for answers in model.hooked(()).generate(requests, generation, seed)
        for answer in answers
    }
    return [written[key] for key in sorted(written)]
