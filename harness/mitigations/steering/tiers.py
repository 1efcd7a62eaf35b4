"""Which tokens are steered: all, those of prompts that call for it, or those that do themselves.

The three tiers of Goyal et al. (2025, arXiv 2505.14536).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.types import HarnessError

if TYPE_CHECKING:
    import torch

TIERS = ("constant", "input", "token")


def check_tier(tier: str) -> None:
    """Refuse a tier that there is not.

    Raises:
        HarnessError: it is none of the three.
    """
    if tier not in TIERS:
        raise HarnessError(f"mitigation.tier={tier!r} is not one of {', '.join(TIERS)}")


class Shift:
    """What is added to the states after one layer, by a tier.

    Args:
        vector: that is added, shape (width,).
        scores: from states to one number a token: how much it calls for steering.
        tier: one of `TIERS`.
        threshold: of the numbers, above which is steered; of a prompt, its largest one decides.
    """

    def __init__(
        self,
        vector: torch.Tensor,
        scores: Callable[[torch.Tensor], torch.Tensor],
        tier: str,
        threshold: float,
    ) -> None:
        self.scores = scores
        self._vector, self._tier, self._threshold = vector, tier, threshold
        self._none = not bool(vector.any())
        self._placed: dict[tuple[torch.dtype, torch.device], torch.Tensor] = {}

    def __call__(self, states: torch.Tensor, prompt: torch.Tensor | None) -> torch.Tensor:
        """The states, some of them shifted.

        Args:
            states: shape (tokens, width).
            prompt: of each token the largest score in its prompt, where the tier is `input`.
        """
        if self._none:
            return states
        key = (states.dtype, states.device)
        if key not in self._placed:
            self._placed[key] = self._vector.to(states)
        vector = self._placed[key]
        if self._tier == "constant":
            return states + vector
        scores = prompt if self._tier == "input" and prompt is not None else self.scores(states)
        return states + (scores > self._threshold).to(states.dtype)[:, None] * vector
