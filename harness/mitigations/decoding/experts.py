"""DExperts: the model's logits moved by how an expert and an anti-expert differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.mitigations.decoding.checks import (
    auxiliary_model,
    auxiliary_weights,
    check_number,
    check_tokenizer,
)
from harness.types import GenerationConfig, HarnessError, Request

if TYPE_CHECKING:
    import torch

    from harness.models.hf.hooks import Beside, Context
    from harness.models.hf.loaded import Auxiliary, LoadedModel
    from harness.models.hf.model import HuggingFaceModel


class Experts:
    """z + alpha (z+ - z-), where z is cut to its nucleus first (Liu et al. 2021).

    Args:
        expert: a checkpoint or an adapter tuned on text as it should be; None: the model itself.
        anti_expert: tuned on text as it should not be; None: the model itself.
        alpha: how far; 0: the model as it is.
        top_p: of the nucleus that the model's own distribution is cut to before; 1: all of it.
        top_k: likeliest tokens that it is cut to before; 0: all.
    """

    def __init__(
        self,
        expert: str | None = None,
        anti_expert: str | None = None,
        alpha: float = 2.0,
        top_p: float = 0.9,
        top_k: int = 0,
    ) -> None:
        self.names = {
            role: name for role, name in (("expert", expert), ("anti_expert", anti_expert)) if name
        }
        self.alpha = check_number("alpha", alpha, 0)
        self.top_p = check_number("top_p", top_p, 0.01, 1)
        self.top_k = int(check_number("top_k", top_k, 0))
        self._served: dict[str, HuggingFaceModel] = {}

    @property
    def identity(self) -> Mapping[str, str]:
        """The experts' weights and the numbers."""
        weights = {role: auxiliary_weights(role, name) for role, name in self.names.items()}
        numbers = {"alpha": self.alpha, "top_p": self.top_p, "top_k": self.top_k}
        return {
            "mitigation": "experts",
            "version": "1",
            **weights,
            **{name: repr(value) for name, value in numbers.items()},
        }

    def check_model(self, model: HuggingFaceModel) -> None:
        """Refuse experts of another tokenizer, or none."""
        if not self.names:
            raise HarnessError(
                "mitigation=experts needs mitigation.expert=CHECKPOINT, "
                "mitigation.anti_expert=CHECKPOINT, or both; python -m harness.mitigate "
                "method=domain_adaptation makes them"
            )
        for role, name in self.names.items():
            check_tokenizer(role, auxiliary_model(name), model)

    def auxiliaries(self, model: HuggingFaceModel, loaded: LoadedModel) -> Sequence[Auxiliary]:
        """The experts; where their heads are the model's, up to these."""
        from harness.models.hf.auxiliaries import read_auxiliary

        if not self.alpha:
            return ()
        return [
            read_auxiliary(self, auxiliary_model(name, model.device), loaded, role)
            for role, name in self.names.items()
        ]

    def change_likeliest(
        self,
        tokens: Sequence[str],
        weights: NDArray[np.float64],
        text: str,
        others: Sequence[Mapping[str, float]],
    ) -> NDArray[np.float64]:
        """A server's weights moved by what experts here give the same tokens after the same text.

        As the paper does with GPT-3, whose likeliest tokens alone are known.
        """
        if not self.alpha:
            return weights
        of_role = {}
        for role, name in self.names.items():
            expert = self._served.setdefault(name, auxiliary_model(name))
            of_role[role] = np.array(_weighed(expert, text, tokens))
        difference = of_role.get("expert", weights) - of_role.get("anti_expert", weights)
        order = np.argsort(-weights, kind="stable")
        before = np.exp(weights[order]).cumsum() - np.exp(weights[order])
        moved = weights + self.alpha * difference
        moved[order[before >= self.top_p]] = -np.inf
        if self.top_k:
            moved[order[self.top_k :]] = -np.inf
        changed: NDArray[np.float64] = moved
        return changed

    def change_logits(
        self, logits: torch.Tensor, contexts: Sequence[Context], beside: Sequence[Beside] = ()
    ) -> torch.Tensor:
        """The logits of the ensemble."""
        from harness.mitigations.decoding.distributions import likely

        if not beside:
            return logits
        mask = likely(logits, self.top_p, self.top_k)
        of_role = dict(zip(self.names, beside, strict=True))
        expert, anti_expert = of_role.get("expert"), of_role.get("anti_expert")
        if expert and anti_expert and expert.head and expert.head is anti_expert.head:
            # One product with the head that they share, for it is linear.
            difference = expert.head(expert.outputs - anti_expert.outputs).float()
        else:
            above = expert.logits() if expert else logits
            difference = above - (anti_expert.logits() if anti_expert else logits)
        moved = logits + self.alpha * difference
        return moved if mask is None else moved.masked_fill_(~mask, float("-inf"))


def _weighed(model: HuggingFaceModel, text: str, tokens: Sequence[str]) -> Sequence[float]:
    """Log-probabilities of tokens as texts after a text."""
    request = Request("next", text, choices=tuple(tokens))
    ((answer,),) = model.generate([request], GenerationConfig(), 0)
    if answer.choice_logprobs is None:
        raise HarnessError(f"expert {model.name!r} cannot weigh likely tokens: {answer.error}")
    return answer.choice_logprobs
