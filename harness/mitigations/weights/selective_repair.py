"""Selective repair: the layers that are most sensitive are found again and again, and trained."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.texts import split
from harness.mitigations.fitting.tuning import Tuned, Tuning
from harness.types import HarnessError, MethodClass

if TYPE_CHECKING:
    import torch
    from torch import Tensor

BLOCK = re.compile(r"\.(\d+)\.")
"""The number of a decoder layer in a weight's name."""


class SelectiveRepair:
    """Trains on clean texts, in each step only the layers whose gradient is largest.

    Args:
        course: rate, epochs and batch of the training.
        layers: how many are trained in a step.
        divergence: weight of the divergence from the model as it was, on the same tokens; 0: none.
    """

    starter: ClassVar[Path] = Path(__file__).with_name("texts.jsonl")
    use: ClassVar[str] = "model={out}"
    method_class: ClassVar[str] = MethodClass.PARAMETERS
    paper: ClassVar[str] = (
        "Imtiaz and others, IRepair, 2025: in each step the blocks with the largest gradient of "
        "the repair loss are trained and no others, with a Kullback-Leibler penalty. Here a "
        "block's sensitivity is the root mean square of its gradient on the step's clean texts, "
        "and the penalty is taken on the same tokens."
    )

    def __init__(self, course: Mapping[str, Any], layers: int = 1, divergence: float = 0.1) -> None:
        if layers < 1 or divergence < 0:
            raise HarnessError(
                f"method.layers={layers} must be at least 1, and divergence={divergence} at least 0"
            )
        self.tuning = Tuning(course, None)
        self.layers = layers
        self.divergence = divergence

    @property
    def identity(self) -> Mapping[str, str]:
        """The options."""
        return {
            "mitigation": "selective_repair",
            "layers": str(self.layers),
            "divergence": str(self.divergence),
            "course": self.tuning.identity["course"],
        }

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Train, and count which layers were."""
        clean, _ = split(fit.texts, "selective_repair")
        tuned = self.tuning.begin(fit)
        blocks = blocks_of(dict(tuned.base.network.named_parameters()))
        for parameter in tuned.base.network.parameters():
            parameter.requires_grad_(False)
        for names in blocks.values():
            for parameter in names.values():
                parameter.requires_grad_(True)
        rows = tuned.base.rows(clean)
        if self.divergence:
            tuned.remember()
        chosen: Counter[int] = Counter()

        def loss(numbers: Sequence[int]) -> Iterator[Tensor]:
            return _loss(tuned, [rows[n] for n in numbers], self.divergence)

        def active() -> list[str]:
            numbers = most_sensitive(blocks, self.layers)
            chosen.update(numbers)
            return [name for number in numbers for name in blocks[number]]

        training = tuned.train(self.tuning, fit, len(rows), loss, active)
        if not fit.forecast:
            tuned.save(fit.out)
        often = ", ".join(f"{number} ({times})" for number, times in chosen.most_common(5))
        return {"texts_learned": len(rows), "layers_trained_most_since_the_last_start": often,
                **training.facts}  # fmt: skip


def blocks_of(
    weights: Mapping[str, torch.nn.Parameter],
) -> dict[int, dict[str, torch.nn.Parameter]]:
    """By the number of a decoder layer its weights.

    Raises:
        HarnessError: no weight is one of a numbered layer.
    """
    blocks: dict[int, dict[str, torch.nn.Parameter]] = {}
    for name, weight in weights.items():
        if number := BLOCK.search(name):
            blocks.setdefault(int(number[1]), {})[name] = weight
    if not blocks:
        raise HarnessError(
            "no weight of this model is one of a numbered layer; there is none to find"
        )
    return blocks


def most_sensitive(blocks: Mapping[int, Mapping[str, torch.nn.Parameter]], count: int) -> list[int]:
    """The blocks with the largest root mean square gradient, the largest first."""
    squares = {
        number: sum(float(w.grad.square().sum()) for w in weights.values() if w.grad is not None)
        / sum(weight.numel() for weight in weights.values())
        for number, weights in blocks.items()
    }
    return sorted(squares, key=lambda number: (-squares[number], number))[:count]


def _loss(tuned: Tuned, rows: Sequence[Any], weight: float) -> Iterator[Tensor]:
    """Of the rows' learned tokens: negative log-probability, and the divergence's share."""
    import torch

    from harness.mitigations.fitting.base import by_length
    from harness.mitigations.fitting.losses import TRAIN_TOKENS, divergence, learned_logits

    count = sum(len(row.tokens) - row.begins for row in rows)
    for numbers in by_length(rows, TRAIN_TOKENS):
        batch = tuned.base.batch([rows[n] for n in numbers])
        logits = learned_logits(tuned.base, batch)
        targets = batch.tokens[:, 1:][batch.learned[:, 1:]]
        loss = torch.nn.functional.cross_entropy(logits, targets)
        if weight:
            with tuned.untuned():
                before = learned_logits(tuned.base, batch)
            loss = loss + weight * divergence(logits, before)
        yield loss * len(targets) / count
