"""Self-debiasing: what a description of toxic text makes likelier becomes less likely."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.mitigations.decoding.checks import check_number
from harness.mitigations.decoding.describing import (
    DESCRIPTION,
    check_descriptions,
    described,
    listed,
)
from harness.types import Request

if TYPE_CHECKING:
    import torch

    from harness.models.hf.hooks import Beside, Context
    from harness.models.hf.loaded import Auxiliary, LoadedModel
    from harness.models.hf.model import HuggingFaceModel


class SelfDebias:
    """p(x) exp(-decay * max(0, p'(x) - p(x))), p' after a description (Schick et al. 2021).

    Args:
        descriptions: texts that stand before the prompt for p'; of several the largest p' counts.
        decay: the paper's lambda; 0: the model as it is.
        least: part of its probability that a token keeps at least.
    """

    def __init__(
        self, descriptions: Sequence[str] = (DESCRIPTION,), decay: float = 50.0, least: float = 0.01
    ) -> None:
        self.descriptions = tuple(descriptions)
        check_descriptions(self.descriptions)
        self.decay = check_number("decay", decay, 0)
        self.least = check_number("least", least, 1e-30, 1)

    @property
    def identity(self) -> Mapping[str, str]:
        """The descriptions and the numbers."""
        return {
            "mitigation": "self_debias",
            "version": "1",
            "descriptions": "\n---\n".join(self.descriptions),
            "decay": repr(self.decay),
            "least": repr(self.least),
        }

    def auxiliaries(self, model: HuggingFaceModel, loaded: LoadedModel) -> Sequence[Auxiliary]:
        """The model itself, asked after each description."""
        from harness.models.hf.loaded import Auxiliary

        if not self.decay:
            return ()
        return [
            Auxiliary(self, loaded, partial(described, description=text))
            for text in self.descriptions
        ]

    @property
    def asks(self) -> Sequence[Callable[[Request], Request]]:
        """What a server is asked beside."""
        texts = self.descriptions if self.decay else ()
        return [partial(described, description=text) for text in texts]

    def change_likeliest(
        self,
        tokens: Sequence[str],
        weights: NDArray[np.float64],
        text: str,
        others: Sequence[Mapping[str, float]],
    ) -> NDArray[np.float64]:
        """A server's weights with the decay."""
        if not self.decay:
            return weights
        worst = np.max([np.exp(listed(tokens, other)) for other in others], axis=0)
        more = np.maximum(worst - np.exp(weights), 0.0)
        change: NDArray[np.float64] = np.maximum(-self.decay * more, math.log(self.least))
        return weights + change

    def change_logits(
        self, logits: torch.Tensor, contexts: Sequence[Context], beside: Sequence[Beside] = ()
    ) -> torch.Tensor:
        """Log-probabilities with the decay, not normalised."""
        import torch

        if not beside:
            return logits
        worst = beside[0].logits().softmax(-1)
        for other in beside[1:]:
            worst = torch.maximum(worst, other.logits().softmax(-1))
        more = (worst - logits.softmax(-1)).clamp_(min=0)
        return logits + (-self.decay * more).clamp_(min=float(torch.tensor(self.least).log()))
