"""Who's Harry Potter: texts to forget are learned anew with what a stranger to them would write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.tuning import Tuning
from harness.mitigations.unlearning.parts import STARTER, Forgetting, Retained
from harness.types import HarnessError, MethodClass

if TYPE_CHECKING:
    from torch import Tensor


class WhosHarryPotter:
    """Relabels each token to forget with what is likeliest but for what a reinforced model knows.

    Args:
        course: rate, epochs and batch of both trainings: the reinforced model's, and this one's.
        lora: of the adapter; None: all weights are trained.
        strength: the paper's alpha.
        retain: `none`, `gdr` (gradient descent) or `klr` (divergence from the model as it was).
        weight: of the loss on texts to retain.
    """

    starter: ClassVar[Path] = STARTER
    use: ClassVar[str] = "model={out}"
    method_class: ClassVar[str] = MethodClass.PARAMETERS
    paper: ClassVar[str] = (
        "Eldan and Russinovich, Who's Harry Potter?, 2023, equation 1, alpha 5. They also replace "
        "names of the texts by others of a dictionary that GPT-4 wrote; here nothing is replaced, "
        "and the labels are those of the logits alone. Both trainings have one course."
    )

    def __init__(
        self, course: Mapping[str, Any], lora: Mapping[str, Any] | None = None,
        strength: float = 5.0, retain: str = "none", weight: float = 1.0,
    ) -> None:  # fmt: skip
        if strength <= 0:
            raise HarnessError(f"method.strength={strength} must be above 0")
        self.tuning = Tuning(course, lora)
        self.strength = strength
        self.retained = Retained(retain, weight)

    @property
    def identity(self) -> Mapping[str, str]:
        """The options."""
        return {
            "mitigation": "whos_harry_potter",
            "strength": str(self.strength),
            **self.retained.identity,
            **self.tuning.identity,
        }

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Reinforce, relabel, train on the labels, and write."""
        import torch

        from harness.mitigations.fitting.losses import learned_logits

        labels, changed = self._labels(fit)
        forgetting = Forgetting("whos_harry_potter", self.tuning, self.retained, fit)

        def loss(numbers: Sequence[int]) -> Iterator[Tensor]:
            count = sum(len(labels[n]) for n in numbers)
            for part in forgetting.parts(numbers):
                batch = forgetting.base.batch([forgetting.forget[n] for n in part])
                logits = learned_logits(forgetting.base, batch)
                targets = torch.cat([labels[n] for n in part]).to(logits.device)
                yield torch.nn.functional.cross_entropy(logits, targets, reduction="sum") / count

        return {"labels_that_differ_from_the_text": changed, **forgetting.train(loss)}

    def _labels(self, fit: Fit) -> tuple[list[Tensor], float]:
        """Of each text to forget the generic tokens, and the share that is not the text's own."""
        import torch

        from harness.mitigations.fitting.losses import learned_logits, text_loss
        from harness.mitigations.unlearning.losses import generic

        reinforced = fit.state / "reinforced"
        reinforced.mkdir(exist_ok=True)
        reinforcing = replace(fit, state=reinforced)
        strong = Forgetting("whos_harry_potter", self.tuning, Retained("none", 1.0), reinforcing)
        strong.tuned.remember()
        base, rows = strong.base, strong.forget

        def loss(numbers: Sequence[int]) -> Iterator[Tensor]:
            return text_loss(base, [rows[n] for n in numbers])

        training = strong.tuned.train(self.tuning, reinforcing, len(rows), loss)
        if not fit.forecast:
            training.save(len(training.losses))
        labels: list[Tensor] = [torch.zeros(0)] * len(rows)
        same = 0
        with torch.no_grad():
            for part in strong.parts(range(len(rows))):
                batch = base.batch([rows[n] for n in part])
                with strong.tuned.untuned():
                    before = learned_logits(base, batch)
                generic_tokens = (
                    generic(before, learned_logits(base, batch), self.strength).argmax(-1).cpu()
                )
                tokens = batch.tokens[:, 1:][batch.learned[:, 1:]].cpu()
                same += int((generic_tokens == tokens).sum())
                each = batch.learned[:, 1:].sum(1).tolist()
                for number, label in zip(part, torch.split(generic_tokens, each), strict=True):
                    labels[number] = label
        return labels, round(1 - same / sum(map(len, labels)), 3)
