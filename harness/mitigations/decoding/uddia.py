"""UDDIA: bias terms tuned at each token so that what comes next is not toxic, and then reset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.mitigations.decoding.checks import check_number
from harness.mitigations.decoding.valued import check_values, values_digest

if TYPE_CHECKING:
    import torch

    from harness.mitigations.decoding.values import ValueHead
    from harness.models.hf.hooks import Beside, Context
    from harness.models.hf.loaded import Auxiliary, LoadedModel
    from harness.models.hf.model import HuggingFaceModel


class Uddia:
    """Tunes a bias behind the last layer for each row and token (after Yang et al. 2023).

    Descends on the toxicity that the next token is expected to lead to, by a value head, and on the
    divergence from the model's own distribution; the tuned distribution is then mixed with that.

    Args:
        values: the folder of a value head on the model's own states.
        rate: length of a step, in lengths of the state; 0: the model as it is.
        steps: of the descent.
        divergence: weight of the Kullback-Leibler divergence, in nats, beside a toxicity from 0 to
            1.
        mixed: part of the tuned log-probabilities in the geometric mean with the model's own.
    """

    def __init__(
        self,
        values: str | None = None,
        rate: float = 0.05,
        steps: int = 3,
        divergence: float = 0.01,
        mixed: float = 0.9,
    ) -> None:
        self.values = values
        self.rate = check_number("rate", rate, 0)
        self.steps = int(check_number("steps", steps, 1, 100))
        self.divergence = check_number("divergence", divergence, 0)
        self.mixed = check_number("mixed", mixed, 0, 1)
        self._head: ValueHead | None = None
        self._weight: torch.Tensor | None = None

    @property
    def identity(self) -> Mapping[str, str]:
        """A digest of the value head, and the numbers of the descent."""
        numbers = {
            name: repr(getattr(self, name)) for name in ("rate", "steps", "divergence", "mixed")
        }
        values = values_digest(self.values)
        return {"mitigation": "uddia", "version": "1", "values": values, **numbers}

    @property
    def reads_states(self) -> bool:
        """Whether it needs the states that the model's head is given."""
        return self.rate > 0

    def check_model(self, model: HuggingFaceModel) -> None:
        """Refuse a value head of other weights, or none."""
        check_values("uddia", self.values, model)

    def auxiliaries(self, model: HuggingFaceModel, loaded: LoadedModel) -> Sequence[Auxiliary]:
        """None; the value head is read here."""
        from harness.mitigations.decoding.values import head_of

        if self.reads_states:
            self._head = head_of("uddia", self.values, loaded)
            self._weight = loaded.model.get_output_embeddings().weight.detach().float()
        return ()

    def change_logits(
        self, logits: torch.Tensor, contexts: Sequence[Context], beside: Sequence[Beside] = ()
    ) -> torch.Tensor:
        """Log-probabilities of the mixture, not normalised."""
        if not beside or self._head is None or self._weight is None:
            return logits
        states = beside[0].outputs.float()
        toxicity, untuned = -self._head(states), logits.log_softmax(-1)
        length, tuned = self.rate * states.norm(dim=-1, keepdim=True), untuned
        moved = untuned
        for _ in range(self.steps):
            slope = self._slope(tuned, untuned, toxicity) @ self._weight
            step = length * slope / slope.norm(dim=-1, keepdim=True).clamp(min=1e-12)
            moved = moved - step @ self._weight.T
            tuned = moved.log_softmax(-1)
        return self.mixed * tuned + (1 - self.mixed) * untuned

    def _slope(
        self, tuned: torch.Tensor, untuned: torch.Tensor, toxicity: torch.Tensor
    ) -> torch.Tensor:
        """By the logits: of E[toxicity] + divergence * KL(tuned, own)."""
        probabilities = tuned.exp()
        change = (tuned - untuned).nan_to_num_(0.0, 0.0, 0.0)  # a filter before may have left -inf
        cost = toxicity + self.divergence * change
        mean = (probabilities * cost).sum(-1, keepdim=True)
        return probabilities * (cost - mean)
