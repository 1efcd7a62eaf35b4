"""Gradient ascent: texts to forget are made less probable, whatever becomes of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.tuning import Tuning
from harness.mitigations.unlearning.parts import STARTER, Forgetting, Retained
from harness.types import MethodClass

if TYPE_CHECKING:
    from torch import Tensor


class GradientAscent:
    """Trains with the sign of the loss turned round, alone or beside texts to retain.

    Args:
        course: rate, epochs and batch of the training.
        lora: of the adapter; None: all weights are trained.
        retain: `none`, `gdr` (gradient descent) or `klr` (divergence from the model as it was).
        weight: of the loss on texts to retain.
    """

    starter: ClassVar[Path] = STARTER
    use: ClassVar[str] = "model={out}"
    method_class: ClassVar[str] = MethodClass.PARAMETERS
    paper: ClassVar[str] = (
        "Jang and others, Knowledge Unlearning, 2023; with retain=gdr or klr as MUSE (Shi and "
        "others, 2024) has it: each text to forget stands beside one to retain, both losses weigh "
        "the same. MUSE stops at the first epoch in which utility falls below a retrained model's; "
        "here the course is fixed, and gradients longer than 1 are shortened."
    )

    def __init__(
        self,
        course: Mapping[str, Any],
        lora: Mapping[str, Any] | None = None,
        retain: str = "none",
        weight: float = 1.0,
    ) -> None:
        self.tuning = Tuning(course, lora)
        self.retained = Retained(retain, weight)

    @property
    def identity(self) -> Mapping[str, str]:
        """The options."""
        return {
            "mitigation": "gradient_ascent",
            **self.retained.identity,
            **self.tuning.identity,
        }

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Train, and write."""
        from harness.mitigations.fitting.losses import text_loss

        forgetting = Forgetting("gradient_ascent", self.tuning, self.retained, fit)

        def ascent(numbers: Sequence[int]) -> Iterator[Tensor]:
            for part in text_loss(forgetting.base, [forgetting.forget[n] for n in numbers]):
                yield -part

        return forgetting.train(ascent)
