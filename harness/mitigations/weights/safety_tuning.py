"""Safety tuning: an adapter learns to answer harmful requests as safe answers do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.texts import CLEAN
from harness.mitigations.fitting.tuning import Tuning
from harness.types import HarnessError, MethodClass

if TYPE_CHECKING:
    from torch import Tensor


class SafetyTuning:
    """Trains on requests with safe answers, through the chat template.

    Args:
        course: rate, epochs and batch of the training.
        lora: of the adapter; None: all weights are trained.
    """

    starter: ClassVar[Path] = Path(__file__).with_name("answers.jsonl")
    use: ClassVar[str] = "model={out}"
    method_class: ClassVar[str] = MethodClass.PARAMETERS
    paper: ClassVar[str] = (
        "Han and others, MedSafetyBench, 2024: LoRA of rank 8, alpha 16 and dropout .05 on the "
        "queries and values, rate 3e-4, 3 epochs, batches of 128, texts cut at 256 tokens; its "
        "grid is limit=100 to 900 requests of data/med_safety_bench/train. Here the model's own "
        "chat template is used, and only the answer's tokens are learned."
    )

    def __init__(self, course: Mapping[str, Any], lora: Mapping[str, Any] | None = None) -> None:
        self.tuning = Tuning(course, lora)

    @property
    def identity(self) -> Mapping[str, str]:
        """The options."""
        return {"mitigation": "safety_tuning", **self.tuning.identity}

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Train on the safe answers."""
        from harness.mitigations.fitting.losses import text_loss

        texts = [text for text in fit.texts if text.asked and text.unwanted < CLEAN]
        if not texts:
            raise HarnessError(
                "method safety_tuning needs requests with safe answers (`request` and `answer`, or "
                "MedSafetyBench's columns), and data= has none"
            )
        tuned = self.tuning.begin(fit)
        rows = tuned.base.rows(texts)

        def loss(numbers: Sequence[int]) -> Iterator[Tensor]:
            return text_loss(tuned.base, [rows[n] for n in numbers])

        training = tuned.train(self.tuning, fit, len(rows), loss)
        if not fit.forecast:
            tuned.save(fit.out)
        return {"answers_learned": len(rows), **training.facts}
