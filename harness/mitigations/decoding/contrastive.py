"""Contrastive decoding against the model itself, told to write what it should not."""

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


class Contrastive:
    """(1 + alpha) z - alpha z', z' being the model's logits after a description of toxic text.

    Args:
        description: what stands before the prompt for z'.
        alpha: how far; 0: the model as it is.
        plausible: tokens less probable than this part of the likeliest's probability are left out,
            as Li et al. (2023) do; 0: none.
    """

    def __init__(
        self, description: str = DESCRIPTION, alpha: float = 1.0, plausible: float = 0.1
    ) -> None:
        check_descriptions((description,))
        self.description = description
        self.alpha = check_number("alpha", alpha, 0)
        self.plausible = check_number("plausible", plausible, 0, 1)

    @property
    def identity(self) -> Mapping[str, str]:
        """The description and the numbers."""
        return {
            "mitigation": "contrastive",
            "version": "1",
            "description": self.description,
            "alpha": repr(self.alpha),
            "plausible": repr(self.plausible),
        }

    def auxiliaries(self, model: HuggingFaceModel, loaded: LoadedModel) -> Sequence[Auxiliary]:
        """The model itself, asked after the description."""
        from harness.models.hf.loaded import Auxiliary

        if not self.alpha:
            return ()
        return [Auxiliary(self, loaded, partial(described, description=self.description))]

    @property
    def asks(self) -> Sequence[Callable[[Request], Request]]:
        """What a server is asked beside."""
        return (partial(described, description=self.description),) if self.alpha else ()

    def change_likeliest(
        self,
        tokens: Sequence[str],
        weights: NDArray[np.float64],
        text: str,
        others: Sequence[Mapping[str, float]],
    ) -> NDArray[np.float64]:
        """A server's weights moved; one not listed after the description has the least there."""
        if not self.alpha:
            return weights
        (other,) = others
        moved = (1 + self.alpha) * weights - self.alpha * listed(tokens, other)
        if self.plausible:
            moved[weights < weights.max() + math.log(self.plausible)] = -np.inf
        return moved

    def change_logits(
        self, logits: torch.Tensor, contexts: Sequence[Context], beside: Sequence[Beside] = ()
    ) -> torch.Tensor:
        """The logits moved away from those after the description."""
        if not beside:
            return logits
        (other,) = beside
        moved = (1 + self.alpha) * logits - self.alpha * other.logits()
        if self.plausible:
            least = logits.amax(-1, keepdim=True) + math.log(self.plausible)
            moved = moved.masked_fill(logits < least, float("-inf"))
        return moved
