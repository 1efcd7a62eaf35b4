"""Direct preference optimisation: of two ways to go on, the clean one is made the likelier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.texts import Pair, Text, pairs_of
from harness.mitigations.fitting.tuning import Tuned, Tuning
from harness.types import HarnessError, MethodClass

if TYPE_CHECKING:
    from torch import Tensor

    from harness.mitigations.fitting.base import Base, Row


class Preference:
    """Trains on pairs of a clean and a toxic text after the same beginning.

    Args:
        beta: how dearly leaving the model as it was is paid.
        course: rate, epochs and batch of the training; a pair is an example.
        lora: of the adapter; None: all weights are trained.
    """

    starter: ClassVar[Path] = Path(__file__).with_name("texts.jsonl")
    use: ClassVar[str] = "model={out}"
    method_class: ClassVar[str] = MethodClass.PARAMETERS
    paper: ClassVar[str] = (
        "Rafailov and others, Direct Preference Optimization, 2023; on pairs of continuations as "
        "Lee and others have it for toxicity (A Mechanistic Understanding of Alignment Algorithms, "
        "2024). Their pairs come from PPLM; here they are each prompt's least and most toxic text."
    )

    def __init__(
        self,
        course: Mapping[str, Any],
        lora: Mapping[str, Any] | None = None,
        beta: float = 0.1,
    ) -> None:
        if beta <= 0:
            raise HarnessError(f"method.beta={beta} must be above 0")
        self.tuning = Tuning(course, lora)
        self.beta = beta

    @property
    def identity(self) -> Mapping[str, str]:
        """The options."""
        return {"mitigation": "preference", "beta": str(self.beta), **self.tuning.identity}

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Train on the pairs, each against the model as it was."""
        pairs = pairs_of(fit.texts)
        if not pairs:
            raise HarnessError(
                "method preference needs prompts that data= has both a clean and a toxic text of "
                "(`prompt`, `chosen`, `rejected`, or several labelled texts of a prompt)"
            )
        tuned = self.tuning.begin(fit)
        chosen, rejected = rows_of(tuned, pairs)
        before = log_probabilities_before(tuned, chosen, rejected, fit)
        margins: list[float] = []

        def loss(numbers: Sequence[int]) -> Iterator[Tensor]:
            margins.clear()
            for part, gained in pair_losses(
                tuned.base, (chosen, rejected), before, numbers, self.beta
            ):
                margins.extend(gained.tolist())
                yield part

        training = tuned.train(self.tuning, fit, len(pairs), loss)
        if not fit.forecast:
            tuned.save(fit.out)
        won = sum(margin > 0 for margin in margins) / max(1, len(margins))
        return {"pairs": len(pairs), "chosen_gained_in_the_last_step": round(won, 3),
                **training.facts}  # fmt: skip


def rows_of(tuned: Tuned, pairs: Sequence[Pair]) -> tuple[list[Row], list[Row]]:
    """The chosen and the rejected texts in tokens."""
    rows = tuned.base.rows
    return (
        rows(Text(pair.prompt, pair.chosen, 0.0, pair.asked) for pair in pairs),
        rows(Text(pair.prompt, pair.rejected, 1.0, pair.asked) for pair in pairs),
    )


def pair_losses(
    base: Base, rows: tuple[Sequence[Row], Sequence[Row]], before: Tensor,
    numbers: Sequence[int], beta: float,
) -> Iterator[tuple[Tensor, Tensor]]:  # fmt: skip
    """The loss of pairs in parts whose sum is its mean, and by how much each chosen text gained.

    Args:
        base: the model as it is by now.
        rows: the chosen texts, and the rejected ones.
        before: log-probabilities of both by the model as it was, shape (pairs, 2).
        numbers: of the pairs.
        beta: how dearly leaving the model as it was is paid.
    """
    from harness.mitigations.fitting.losses import dpo, sequence_log_probabilities

    chosen, rejected = rows
    for part in _parts(numbers, chosen, rejected):
        both = [*(chosen[n] for n in part), *(rejected[n] for n in part)]
        now = sequence_log_probabilities(base, both).chunk(2)
        reference = before[part].to(now[0].device).unbind(1)
        loss = dpo((now[0], now[1]), (reference[0], reference[1]), beta).sum() / len(numbers)
        yield loss, (now[0] - now[1] - reference[0] + reference[1]).detach()


def _parts(
    numbers: Sequence[int], chosen: Sequence[Row], rejected: Sequence[Row]
) -> Iterator[list[int]]:
    """Numbers of pairs in parts that one forward takes."""
    from harness.mitigations.fitting.base import by_length
    from harness.mitigations.fitting.losses import TRAIN_TOKENS

    longer = [max(chosen[n], rejected[n], key=lambda row: len(row.tokens)) for n in numbers]
    for part in by_length(longer, TRAIN_TOKENS // 2):
        yield [numbers[n] for n in part]


def log_probabilities_before(
    tuned: Tuned, chosen: Sequence[Row], rejected: Sequence[Row], fit: Fit
) -> Tensor:
    """Log-probabilities by the model as it was, shape (pairs, 2); computed once."""
    import torch

    from harness.mitigations.fitting.losses import sequence_log_probabilities

    log_probabilities = torch.zeros(len(chosen), 2)
    if fit.forecast:
        return log_probabilities
    tuned.base.network.eval()
    with tuned.untuned():
        for part in _parts(range(len(chosen)), chosen, rejected):
            both = [*(chosen[n] for n in part), *(rejected[n] for n in part)]
            log_probabilities[part] = torch.stack(
                sequence_log_probabilities(tuned.base, both).cpu().chunk(2), dim=1
            )
    return log_probabilities
