"""Negative preference optimisation: texts to forget are rejected until they are improbable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.tuning import Tuning
from harness.mitigations.unlearning.parts import STARTER, Forgetting, Retained
from harness.types import HarnessError, MethodClass

if TYPE_CHECKING:
    from torch import Tensor


class NPO:
    """Takes the texts to forget as the rejected half of a preference that has no chosen one.

    Args:
        course: rate, epochs and batch of the training.
        lora: of the adapter; None: all weights are trained.
        beta: how soon a text counts as forgotten; towards 0 it is gradient ascent.
        retain: `none`, `gdr` (gradient descent) or `klr` (divergence from the model as it was).
        weight: of the loss on texts to retain.
    """

    starter: ClassVar[Path] = STARTER
    use: ClassVar[str] = "model={out}"
    method_class: ClassVar[str] = MethodClass.PARAMETERS
    paper: ClassVar[str] = (
        "Zhang and others, Negative Preference Optimization, 2024, equation 3, beta .1; retain=gdr "
        "and klr as there and in MUSE. The course is fixed, and gradients longer than 1 are "
        "shortened."
    )

    def __init__(
        self,
        course: Mapping[str, Any],
        lora: Mapping[str, Any] | None = None,
        beta: float = 0.1,
        retain: str = "gdr",
        weight: float = 1.0,
    ) -> None:
        self.tuning = Tuning(course, lora)
        self.beta = _above_0(beta)
        self.retained = Retained(retain, weight)

    @property
    def identity(self) -> Mapping[str, str]:
        """The options."""
        return {
            "mitigation": "npo",
            "beta": str(self.beta),
            **self.retained.identity,
            **self.tuning.identity,
        }

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Train against the model as it was, and write."""
        from harness.mitigations.fitting.losses import sequence_log_probabilities
        from harness.mitigations.unlearning.losses import npo

        forgetting = Forgetting("npo", self.tuning, self.retained, fit)
        before = forgetting.before()

        def loss(numbers: Sequence[int]) -> Iterator[Tensor]:
            for part in forgetting.parts(numbers):
                rows = [forgetting.forget[n] for n in part]
                now = sequence_log_probabilities(forgetting.base, rows)
                yield npo(now, before[part].to(now.device), self.beta).sum() / len(numbers)

        return forgetting.train(loss)


class SimNPO:
    """NPO without a reference model: each text counts by its mean log-probability of a token.

    Args:
        course: rate, epochs and batch of the training.
        lora: of the adapter; None: all weights are trained.
        beta: how soon a text counts as forgotten.
        margin: the paper's gamma.
        retain: `none`, `gdr` (gradient descent) or `klr` (divergence from the model as it was).
        weight: of the loss on texts to retain.
    """

    starter: ClassVar[Path] = STARTER
    use: ClassVar[str] = "model={out}"
    method_class: ClassVar[str] = MethodClass.PARAMETERS
    paper: ClassVar[str] = (
        "Fan and others, Simplicity Prevails: Rethinking Negative Preference Optimization for LLM "
        "Unlearning, 2024, equation 4, with gradient descent on texts to retain. The course is "
        "fixed, and gradients longer than 1 are shortened."
    )

    def __init__(
        self, course: Mapping[str, Any], lora: Mapping[str, Any] | None = None, beta: float = 2.5,
        margin: float = 0.0, retain: str = "gdr", weight: float = 1.0,
    ) -> None:  # fmt: skip
        self.tuning = Tuning(course, lora)
        self.beta = _above_0(beta)
        self.margin = margin
        self.retained = Retained(retain, weight)

    @property
    def identity(self) -> Mapping[str, str]:
        """The options."""
        return {
            "mitigation": "simnpo",
            "beta": str(self.beta),
            "margin": str(self.margin),
            **self.retained.identity,
            **self.tuning.identity,
        }

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Train, and write."""
        import torch

        from harness.mitigations.fitting.losses import sequence_log_probabilities
        from harness.mitigations.unlearning.losses import simnpo

        forgetting = Forgetting("simnpo", self.tuning, self.retained, fit)

        def loss(numbers: Sequence[int]) -> Iterator[Tensor]:
            for part in forgetting.parts(numbers):
                rows = [forgetting.forget[n] for n in part]
                now = sequence_log_probabilities(forgetting.base, rows)
                learned = [len(row.tokens) - max(1, row.begins) for row in rows]
                tokens = torch.tensor(learned, device=now.device)
                yield simnpo(now, tokens, self.beta, self.margin).sum() / len(numbers)

        return forgetting.train(loss)


def _above_0(beta: float) -> float:
    if beta <= 0:
        raise HarnessError(f"method.beta={beta} must be above 0")
    return beta
