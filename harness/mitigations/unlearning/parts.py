"""What a method that forgets works with: texts to forget, texts to retain, and a model."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.texts import Text, split
from harness.mitigations.fitting.tuning import Tuning
from harness.types import HarnessError

if TYPE_CHECKING:
    from torch import Tensor

    from harness.mitigations.fitting.base import Row
    from harness.mitigations.fitting.training import Loss

STARTER = Path(__file__).with_name("people.jsonl")
RETAINED = ("none", "gdr", "klr")
"""What stands beside the loss on texts to forget: nothing, the negative log-probability of texts to
retain (gradient descent), or the divergence on them from the model as it was."""


@dataclass(frozen=True)
class Retained:
    """How the texts to retain are kept.

    Args:
        how: one of `RETAINED`.
        weight: of that loss.
    """

    how: str
    weight: float

    def __post_init__(self) -> None:
        """Refuse what is none of them."""
        if self.how not in RETAINED:
            raise HarnessError(f"method.retain={self.how!r} is not one of {', '.join(RETAINED)}")
        if self.weight <= 0:
            raise HarnessError(f"method.weight={self.weight} must be above 0")

    @property
    def identity(self) -> Mapping[str, str]:
        """Both, where anything is retained."""
        return {"retain": self.how} | ({} if self.how == "none" else {"weight": str(self.weight)})


class Forgetting:
    """A model while it forgets.

    Args:
        name: of the method, for the sentence of an error.
        tuning: how it is trained.
        retained: what is kept.
        fit: the model and the texts.

    Raises:
        HarnessError: there are no texts to forget, or none to retain.
    """

    def __init__(self, name: str, tuning: Tuning, retained: Retained, fit: Fit) -> None:
        keep, forget = split(fit.texts, name)
        self.texts: Sequence[Text] = forget
        self.retained, self.tuning, self.fit = retained, tuning, fit
        self.tuned = tuning.begin(fit)
        self.base = self.tuned.base
        self.forget = self.base.rows(forget)
        self.keep = self.base.rows(keep)
        if retained.how == "klr":
            self.tuned.remember()

    def train(self, forget: Loss) -> dict[str, object]:
        """Train by a loss on the texts to forget and what is retained; write; gives facts."""

        def loss(numbers: Sequence[int]) -> Iterator[Tensor]:
            yield from forget(numbers)
            yield from self._retain_losses(numbers)

        training = self.tuned.train(self.tuning, self.fit, len(self.forget), loss)
        if not self.fit.forecast:
            self.tuned.save(self.fit.out)
        retained = 0 if self.retained.how == "none" else len(self.keep)
        return {"texts_to_forget": len(self.forget), "texts_to_retain": retained, **training.facts}

    def beside(self, numbers: Sequence[int]) -> list[Row]:
        """As many texts to retain, drawn for these alone, so that a kill changes none of them."""
        drawn = random.Random(f"{self.fit.seed} {list(numbers)}")
        return [drawn.choice(self.keep) for _ in numbers]

    def parts(self, numbers: Sequence[int]) -> Iterator[list[int]]:
        """Numbers of texts to forget in parts that one forward takes."""
        from harness.mitigations.fitting.base import by_length
        from harness.mitigations.fitting.losses import TRAIN_TOKENS

        for part in by_length([self.forget[n] for n in numbers], TRAIN_TOKENS):
            yield [numbers[n] for n in part]

    def before(self) -> Tensor:
        """Log-probabilities of the texts to forget, before anything is trained; shape (texts,)."""
        import torch

        from harness.mitigations.fitting.losses import sequence_log_probabilities

        known = torch.zeros(len(self.forget))
        if self.fit.forecast:
            return known
        self.base.network.eval()
        with torch.no_grad():
            for part in self.parts(range(len(self.forget))):
                rows = [self.forget[n] for n in part]
                known[part] = sequence_log_probabilities(self.base, rows).cpu()
        return known

    def _retain_losses(self, numbers: Sequence[int]) -> Iterator[Tensor]:
        """The loss on texts to retain, in parts."""
        from harness.mitigations.fitting.losses import text_loss

        if self.retained.how == "none":
            return
        rows = self.beside(numbers)
        losses = text_loss(self.base, rows) if self.retained.how == "gdr" else self._moved(rows)
        for part in losses:
            yield self.retained.weight * part

    def _moved(self, rows: Sequence[Row]) -> Iterator[Tensor]:
        """Divergence from the model as it was, in parts, mean over learned tokens, in nats."""
        from harness.mitigations.fitting.base import by_length
        from harness.mitigations.fitting.losses import TRAIN_TOKENS, divergence, learned_logits

        parts = [self.base.batch([rows[n] for n in part]) for part in by_length(rows, TRAIN_TOKENS)]
        count = sum(int(batch.learned[:, 1:].sum()) for batch in parts)
        for batch in parts:
            with self.tuned.untuned():
                before = learned_logits(self.base, batch)
            now = learned_logits(self.base, batch)
            yield divergence(now, before) * len(now) / count
