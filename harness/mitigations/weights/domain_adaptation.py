"""Domain-adaptive training: a model goes on learning to write, from clean text, toxic or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.texts import split
from harness.mitigations.fitting.tuning import Tuning
from harness.types import HarnessError, MethodClass

if TYPE_CHECKING:
    from harness.mitigations.fitting.base import Base, Row
    from harness.mitigations.fitting.training import Loss

TOWARD = ("clean", "toxic", "all")


class DomainAdaptation:
    """Trains on clean texts; on toxic ones it makes the anti-expert that decoding steers away from.

    Of a set with parts the clean texts are those to retain: a model that learned `all` and one that
    learned `clean` are what unlearning is measured between.

    Args:
        toward: `clean`, `toxic`, or `all`.
        course: rate, epochs and batch of the training.
        lora: of the adapter; None: all weights are trained, or those of the last layers.
        layers: train the last so many layers and no other weight, on states of the layers below
            that are computed once; None: an adapter, or all weights.
    """

    starter: ClassVar[Path] = Path(__file__).with_name("texts.jsonl")
    use: ClassVar[str] = "model={out}, or as an expert or anti-expert of mitigation=experts"
    method_class: ClassVar[str] = MethodClass.PARAMETERS
    paper: ClassVar[str] = (
        "Gururangan and others, Don't Stop Pretraining, 2020, as RealToxicityPrompts (Gehman and "
        "others, 2020) has it for non-toxic text, and DExperts (Liu and others, 2021) for toxic. "
        "They train all weights on a corpus of 150,000 documents or more; here by default an "
        "adapter, on what data= holds."
    )

    def __init__(
        self,
        course: Mapping[str, Any],
        lora: Mapping[str, Any] | None = None,
        toward: str = "clean",
        layers: int | None = None,
    ) -> None:
        if layers is not None and lora is not None:
            raise HarnessError(
                f"method.layers={layers} trains weights of the model itself, and method.lora= an "
                "adapter; give null for one of them"
            )
        if toward not in TOWARD:
            raise HarnessError(f"method.toward={toward!r} is not one of {', '.join(TOWARD)}")
        self.tuning = Tuning(course, lora)
        self.toward = toward
        self.layers = layers

    @property
    def identity(self) -> Mapping[str, str]:
        """The options."""
        return {
            "mitigation": "domain_adaptation",
            "toward": self.toward,
            **({} if self.layers is None else {"layers": str(self.layers)}),
            **self.tuning.identity,
        }

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Train on the texts of the one side."""
        texts = fit.texts
        if self.toward != "all":
            texts = split(fit.texts, "domain_adaptation")[TOWARD.index(self.toward)]
        tuned = self.tuning.begin(fit)
        rows = tuned.base.rows(texts)

        loss = self._loss(tuned.base, rows, fit)
        training = tuned.train(self.tuning, fit, len(rows), loss)
        if not fit.forecast:
            tuned.save(fit.out)
        return {"texts_learned": len(rows), **training.facts}

    def _loss(self, base: Base, rows: Sequence[Row], fit: Fit) -> Loss:
        """The loss on rows by their numbers; what is not trained takes no gradient from now on."""
        if self.layers is None:
            from harness.mitigations.fitting.losses import text_loss

            return lambda numbers: text_loss(base, [rows[n] for n in numbers])
        from harness.mitigations.fitting.upper import Upper

        upper = Upper(base, rows, self.layers)
        upper.read(fit)
        return upper.loss
