"""RMU: states of texts to forget are steered to a random direction, those of others kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.tuning import Tuning
from harness.mitigations.unlearning.parts import STARTER, Forgetting, Retained
from harness.types import HarnessError, MethodClass

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from harness.mitigations.fitting.base import Base, Row

TRAINED = 3
"""Layers whose matrices are trained: the one whose states are steered and those before it."""


class RMU:
    """Representation misdirection for unlearning.

    Args:
        course: rate, epochs and batch of the training.
        layer: whose states are steered, the first being 0; the two before it are trained too.
        length: of the state that texts to forget are steered to, the paper's c.
        weight: of the distance of retained states from what they were, the paper's alpha.
        matrices: what the names of the trained weights end with.
    """

    starter: ClassVar[Path] = STARTER
    use: ClassVar[str] = "model={out}"
    method_class: ClassVar[str] = MethodClass.PARAMETERS
    paper: ClassVar[str] = (
        "Li and others, The WMDP Benchmark, 2024: c 6.5, alpha 1200, the down projections of layer "
        "7 and of the two before it. Here the first token counts nothing, since nearly all attend "
        "to it and its state is many times as long as any other; filling counts nothing either."
    )

    def __init__(
        self, course: Mapping[str, Any], layer: int = 7, length: float = 6.5,
        weight: float = 1200.0, matrices: str = "down_proj.weight",
    ) -> None:  # fmt: skip
        if layer < 0 or length <= 0:
            raise HarnessError(
                f"method.layer={layer} must be at least 0, and length={length} above 0"
            )
        self.tuning = Tuning(course, None)
        self.retained = Retained("none", weight)
        self.layer, self.length, self.matrices = layer, length, matrices

    @property
    def identity(self) -> Mapping[str, str]:
        """The options."""
        return {
            "mitigation": "rmu",
            "layer": str(self.layer),
            "length": str(self.length),
            "weight": str(self.retained.weight),
            "matrices": self.matrices,
            "course": self.tuning.identity["course"],
        }

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Train a few matrices, and write."""
        forgetting = Forgetting("rmu", self.tuning, self.retained, fit)
        self._choose(forgetting.base.network, fit.model.name)
        forgetting.tuned.remember()
        away = self._away(forgetting.base.network, fit.seed)

        def loss(numbers: Sequence[int]) -> Iterator[Tensor]:
            forget = [forgetting.forget[n] for n in numbers]
            for part in _distances(forgetting, forget, self.layer, away):
                yield part
            for part in _distances(forgetting, forgetting.beside(numbers), self.layer, None):
                yield self.retained.weight * part

        facts = forgetting.train(loss)
        return {**facts, "texts_to_retain": len(forgetting.keep)}

    def _choose(self, network: torch.nn.Module, name: str) -> None:
        """Let the matrices of the chosen layers be trained, and no other weight.

        Raises:
            HarnessError: the model has no such layer or matrix.
        """
        from harness.models.hf.hooks import layers_of

        layers = layers_of(network, name)
        if self.layer >= len(layers):
            raise HarnessError(
                f"method.layer={self.layer}: model={name!r} has layers 0 to {len(layers) - 1}"
            )
        network.requires_grad_(False)
        chosen = [
            weight
            for layer in list(layers)[max(0, self.layer - TRAINED + 1) : self.layer + 1]
            for at, weight in layer.named_parameters()
            if at.endswith(self.matrices)
        ]
        if not chosen:
            raise HarnessError(
                f"method.matrices={self.matrices!r}: no weight of layer {self.layer} of "
                f"model={name!r} ends so"
            )
        for weight in chosen:
            weight.requires_grad_(True)

    def _away(self, network: torch.nn.Module, seed: int) -> Tensor:
        """The state that texts to forget are steered to, drawn as the paper draws it."""
        import torch

        width = next(w.shape[0] for w in network.parameters() if w.requires_grad)
        drawn = torch.rand(width, generator=torch.Generator().manual_seed(seed))
        device = next(network.parameters()).device
        away: Tensor = (self.length * drawn / drawn.norm()).to(device)
        return away


def _distances(
    forgetting: Forgetting, rows: Sequence[Row], layer: int, wanted: Tensor | None
) -> Iterator[Tensor]:
    """Mean distance of the rows' states from what is wanted, or from what they were; in parts."""
    from harness.mitigations.fitting.base import by_length
    from harness.mitigations.fitting.losses import TRAIN_TOKENS
    from harness.mitigations.unlearning.losses import distance

    base = forgetting.base
    count = sum(len(row.tokens) - 1 for row in rows)
    for part in by_length(rows, TRAIN_TOKENS):
        batch = base.batch([rows[n] for n in part])
        counted = batch.mask.bool()
        counted[:, 0] = False
        target = wanted
        if target is None:
            with forgetting.tuned.untuned():
                target = states_at(base, batch.tokens, batch.mask, layer)
        now = states_at(base, batch.tokens, batch.mask, layer)
        yield distance(now, target, counted) / count


class _Reached(Exception):
    """The layer that is wanted has given its states."""


def states_at(base: Base, tokens: Tensor, mask: Tensor, layer: int) -> Tensor:
    """States after a layer, float32, shape (rows, tokens, width); later layers are not run."""
    from harness.mitigations.fitting.losses import halves
    from harness.models.hf.hooks import layers_of

    states: list[Tensor] = []

    def hook(module: object, inputs: object, output: Any) -> None:
        states.append(output[0] if isinstance(output, tuple) else output)
        raise _Reached

    handle = layers_of(base.network, base.name)[layer].register_forward_hook(hook)
    try:
        with halves(base):
            base.network.base_model(input_ids=tokens, attention_mask=mask, use_cache=False)
    except _Reached:
        pass
    finally:
        handle.remove()
    return states[0].float()
