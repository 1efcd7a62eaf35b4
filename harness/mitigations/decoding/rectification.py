"""Rectification: a token is no more probable than that the text after it need not end toxic."""

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

LEAST = 1e-7
"""Cap of a token at least, as in the authors' code: where all are dead ends, the best is left."""


class Rectification:
    """p(x) capped by 1 + Q(text, x) - epsilon, Q from -1 (a dead end) to 0 (Cao et al. 2023).

    Args:
        values: the folder of a value head on the model's own states.
        epsilon: the threshold: a token of which 1 + Q is below it is not written; -1: no cap.
    """

    def __init__(self, values: str | None = None, epsilon: float = 0.3) -> None:
        self.values = values
        self.epsilon = check_number("epsilon", epsilon, -1, 1)
        self._head: ValueHead | None = None

    @property
    def identity(self) -> Mapping[str, str]:
        """A digest of the value head, and the threshold."""
        return {
            "mitigation": "rectification",
            "version": "1",
            "values": values_digest(self.values),
            "epsilon": repr(self.epsilon),
        }

    @property
    def reads_states(self) -> bool:
        """Whether it needs the states that the model's head is given."""
        return self.epsilon > -1

    def check_model(self, model: HuggingFaceModel) -> None:
        """Refuse a value head of other weights, or none."""
        check_values("rectification", self.values, model)

    def auxiliaries(self, model: HuggingFaceModel, loaded: LoadedModel) -> Sequence[Auxiliary]:
        """None; the value head is read here."""
        from harness.mitigations.decoding.values import head_of

        if self.reads_states:
            self._head = head_of("rectification", self.values, loaded)
        return ()

    def change_logits(
        self, logits: torch.Tensor, contexts: Sequence[Context], beside: Sequence[Beside] = ()
    ) -> torch.Tensor:
        """Logarithms of the capped probabilities."""
        from harness.mitigations.decoding.distributions import capped

        if not beside or self._head is None:
            return logits
        caps = (1 + self._head(beside[0].outputs) - self.epsilon).clamp_(LEAST, 1)
        return capped(logits.softmax(-1), caps).log_()
