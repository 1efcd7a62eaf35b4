"""From the states of toxic and other texts to the direction between them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from harness.mitigations.steering.contrast import Contrast
from harness.mitigations.steering.residual import Residual

SINK = 3.0
"""Times the median norm from which on a state is an attention sink's, which says nothing of its
text and would be most of any mean."""


def difference_of_means(
    residual: Residual, contrast: Contrast, layers: Sequence[int]
) -> dict[str, torch.Tensor]:
    """Of each layer the mean state of either kind, and the norm beyond which states are sinks.

    A text counts once, by the mean over its tokens.
    """
    kinds = {
        kind: list(residual.states(texts, layers))
        for kind, texts in (("toxic", contrast.toxic), ("clean", contrast.clean))
    }
    fitted: dict[str, torch.Tensor] = {}
    for layer in layers:
        states = {kind: [of_text[layer] for of_text in texts] for kind, texts in kinds.items()}
        longest = (
            SINK * torch.cat([x.norm(dim=-1) for each in states.values() for x in each]).median()
        )
        fitted[f"longest.{layer}"] = longest
        for kind, each in states.items():
            fitted[f"{kind}.{layer}"] = mean_of(each, longest)
    return fitted


def longest_of(states: Sequence[torch.Tensor]) -> torch.Tensor:
    """The norm beyond which a state is a sink's."""
    return SINK * torch.cat([of_text.norm(dim=-1) for of_text in states]).median()


def mean_of(states: Sequence[torch.Tensor], longest: torch.Tensor) -> torch.Tensor:
    """The mean over texts of the mean over their tokens but for sinks.

    Args:
        states: of each text, shape (tokens, width).
        longest: norm of a state that is no sink's.
    """
    short = [of_text[of_text.norm(dim=-1) <= longest] for of_text in states]
    return torch.stack([of_text.mean(0) for of_text in short if len(of_text)]).mean(0)


class Direction:
    """From the clean to the toxic mean after one layer.

    Args:
        clean: mean state, shape (width,).
        toxic: the other.
        longest: norm up to which a state is read as a token's; beyond are attention sinks.
    """

    def __init__(self, clean: torch.Tensor, toxic: torch.Tensor, longest: torch.Tensor) -> None:
        self.clean, self.longest = clean.float(), float(longest)
        self.vector = toxic.float() - self.clean
        self._reading = self.vector / self.vector.square().sum()

    def scores(self, states: torch.Tensor) -> torch.Tensor:
        """Where states lie along it, from 0 at the clean mean to 1 at the toxic one."""
        reading, clean = (x.to(states.device) for x in (self._reading, self.clean))
        wide = states.float()
        scores = (wide - clean) @ reading
        return scores.masked_fill(wide.norm(dim=-1) > self.longest, -torch.inf)
