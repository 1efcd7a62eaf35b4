"""Questions to forget are answered by "I don't know", by preference or by relabelling."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.tuning import Tuning
from harness.mitigations.unlearning.parts import STARTER, Forgetting, Retained
from harness.types import HarnessError, MethodClass

if TYPE_CHECKING:
    from torch import Tensor

OBJECTIVES = ("preference", "relabelling")
SENTENCES = Path(__file__).with_name("dont_know.txt")


class DontKnow:
    """Trains on questions to forget with an answer that says that nothing is known.

    Args:
        course: rate, epochs and batch of the training.
        lora: of the adapter; None: all weights are trained.
        objective: `preference` (DPO: such an answer is preferred to the true one), or `relabelling`
            (such an answer is learned, and the true one is not looked at).
        beta: of the preference, how dearly leaving the model as it was is paid.
        retain: `none`, `gdr` (gradient descent) or `klr` (divergence from the model as it was).
        weight: of the loss on texts to retain.
    """

    starter: ClassVar[Path] = STARTER
    use: ClassVar[str] = "model={out}"
    method_class: ClassVar[str] = MethodClass.PARAMETERS
    paper: ClassVar[str] = (
        "Maini and others, TOFU, 2024: preference optimisation, whose code has both forms; the "
        "preference is DPO's (Rafailov and others 2023), beta .1, beside gradient descent on texts "
        "to retain. The sentences are ours, one drawn for each question."
    )

    def __init__(
        self, course: Mapping[str, Any], lora: Mapping[str, Any] | None = None,
        objective: str = "preference", beta: float = 0.1, retain: str = "gdr", weight: float = 1.0,
    ) -> None:  # fmt: skip
        if objective not in OBJECTIVES:
            raise HarnessError(
                f"method.objective={objective!r} is not one of {', '.join(OBJECTIVES)}"
            )
        if beta <= 0:
            raise HarnessError(f"method.beta={beta} must be above 0")
        self.tuning = Tuning(course, lora)
        self.objective, self.beta = objective, beta
        self.retained = Retained(retain, weight)

    @property
    def identity(self) -> Mapping[str, str]:
        """The options."""
        beta = {"beta": str(self.beta)} if self.objective == "preference" else {}
        return {
            "mitigation": "dont_know",
            "objective": self.objective,
            **beta,
            **self.retained.identity,
            **self.tuning.identity,
        }

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Train, and write.

        Raises:
            HarnessError: a text to forget is no answer to a question.
        """
        from harness.mitigations.fitting.losses import text_loss
        from harness.mitigations.weights.preference import log_probabilities_before, pair_losses

        forgetting = Forgetting("dont_know", self.tuning, self.retained, fit)
        if unasked := sum(not text.asked for text in forgetting.texts):
            raise HarnessError(
                f"method dont_know needs questions to forget (`question` and `answer`), and "
                f"{unasked} of {len(forgetting.texts)} texts of data= are none"
            )
        answers = unknowing(len(forgetting.texts), fit.seed)
        pairs = zip(forgetting.texts, answers, strict=True)
        chosen = forgetting.base.rows(text._replace(text=words) for text, words in pairs)
        if self.objective == "relabelling":
            return forgetting.train(
                lambda numbers: text_loss(forgetting.base, [chosen[n] for n in numbers])
            )
        rejected = forgetting.forget
        before = log_probabilities_before(forgetting.tuned, chosen, rejected, fit)

        def loss(numbers: Sequence[int]) -> Iterator[Tensor]:
            for part, _ in pair_losses(
                forgetting.base, (chosen, rejected), before, numbers, self.beta
            ):
                yield part

        return forgetting.train(loss)


def unknowing(count: int, seed: int) -> list[str]:
    """So many sentences that say that nothing is known, drawn with replacement."""
    sentences = SENTENCES.read_text(encoding="utf-8").splitlines()
    return random.Random(f"{seed} unknowing").choices(sentences, k=count)
