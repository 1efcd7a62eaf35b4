"""A task vector of toxic text, negated: what a model learns of it is taken off the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.texts import split
from harness.mitigations.fitting.tuning import Tuned, Tuning
from harness.types import MethodClass

if TYPE_CHECKING:
    from torch import Tensor


class TaskVector:
    """Trains on toxic texts and goes as far the other way, times `strength`.

    Args:
        strength: 0: the model as it was; 1: the whole difference is taken off.
        course: rate, epochs and batch of the training.
        lora: of the adapter; None: all weights are trained.
    """

    starter: ClassVar[Path] = Path(__file__).with_name("texts.jsonl")
    use: ClassVar[str] = "model={out}"
    method_class: ClassVar[str] = MethodClass.MERGING
    paper: ClassVar[str] = (
        "Ilharco and others, Editing Models with Task Arithmetic, 2023. They train all weights; "
        "here by default an adapter, whose update is linear in one of its factors and so is "
        "negated exactly."
    )

    def __init__(
        self,
        course: Mapping[str, Any],
        lora: Mapping[str, Any] | None = None,
        strength: float = 0.5,
    ) -> None:
        self.tuning = Tuning(course, lora)
        self.strength = strength

    @property
    def identity(self) -> Mapping[str, str]:
        """The options."""
        return {
            "mitigation": "task_vector",
            "strength": str(self.strength),
            **self.tuning.identity,
        }

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Train on the toxic texts, negate, write."""
        from harness.mitigations.fitting.losses import text_loss

        _, toxic = split(fit.texts, "task_vector")
        tuned = self.tuning.begin(fit)
        rows = tuned.base.rows(toxic)
        tuned.remember()

        def loss(numbers: Sequence[int]) -> Iterator[Tensor]:
            return text_loss(tuned.base, [rows[n] for n in numbers])

        training = tuned.train(self.tuning, fit, len(rows), loss)
        if not fit.forecast:
            negate(tuned, self.strength)
            tuned.save(fit.out)
        return {"texts_learned": len(rows), **training.facts}


def negate(tuned: Tuned, strength: float) -> None:
    """Go from the model as it was by `strength` of what it learned, the other way."""
    import torch

    with torch.no_grad():
        if tuned.adapted is not None:
            for name, parameter in tuned.trained.items():
                if ".lora_B." in name or ".lora_embedding_B." in name:
                    parameter.mul_(-strength)
            return
        now = dict(tuned.base.network.named_parameters())
        with tuned.untuned() as base:
            untuned = dict(base.network.named_parameters())
        for name, parameter in now.items():
            parameter.copy_(untuned[name] - strength * (parameter - untuned[name]))
