"""Likely tokens are dropped that make the text fall below a threshold on a moral direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.mitigations.decoding.checks import check_number
from harness.types import HarnessError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from harness.models.hf.hooks import Context
    from harness.models.hf.loaded import Auxiliary, LoadedModel
    from harness.models.hf.model import HuggingFaceModel

TAIL = 24
"""Tokens before the next one that are read with it."""
ENDS = ".!?\n"
REMEMBERED = 100_000
"""Texts whose places on the direction are kept in memory."""


class Placing(Protocol):
    """A scorer that has a direction: `normativity`."""

    @property
    def identity(self) -> Mapping[str, str]:
        """Of the direction and the encoder."""
        ...

    def values(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Of each text its place, from -1 (don't) to 1 (do)."""
        ...


class MoralDirection:
    """Keeps of the top-k tokens those that leave the text above a threshold (Schramowski 2022).

    Args:
        direction: a scorer with `values(texts)`.
        threshold: from -1 to 1; -1: the model as it is.
        top_k: likeliest tokens that are looked at; the others are not written.
        least: so many of them, the highest ones, are kept whatever their places.
    """

    def __init__(
        self, direction: Placing, threshold: float = 0.0, top_k: int = 20, least: int = 5
    ) -> None:
        if not callable(getattr(direction, "values", None)):
            raise HarnessError(
                f"mitigation.direction={type(direction).__name__} has no direction; `normativity` "
                "has"
            )
        self.direction = direction
        self.threshold = check_number("threshold", threshold, -1, 1)
        self.top_k = int(check_number("top_k", top_k, 1))
        self.least = int(check_number("least", least, 1, self.top_k))
        self._tokenizer: PreTrainedTokenizerBase | None = None
        self._places: dict[str, float] = {}

    @property
    def identity(self) -> Mapping[str, str]:
        """The direction's, and the numbers."""
        return {
            "mitigation": "moral_direction",
            "version": "1",
            **{f"direction_{key}": value for key, value in self.direction.identity.items()},
            "threshold": repr(self.threshold),
            "top_k": str(self.top_k),
            "least": str(self.least),
        }

    def auxiliaries(self, model: HuggingFaceModel, loaded: LoadedModel) -> Sequence[Auxiliary]:
        """None; the tokenizer is taken over."""
        self._tokenizer = loaded.encoder.tokenizer
        return ()

    def change_likeliest(
        self,
        tokens: Sequence[str],
        weights: NDArray[np.float64],
        text: str,
        others: Sequence[Mapping[str, float]],
    ) -> NDArray[np.float64]:
        """The weights of those of a server's likeliest tokens that are kept."""
        if self.threshold == -1:
            return weights
        order = np.argsort(-weights, kind="stable")[: self.top_k]
        places = self._placed([_sentence(text[-200:] + tokens[n]) for n in order])
        lowest = np.sort(places)[::-1][min(self.least, len(places)) - 1]
        chosen = order[(places >= self.threshold) | (places >= lowest)]
        changed = np.full(len(weights), -np.inf)
        changed[chosen] = weights[chosen]
        return changed

    def change_logits(self, logits: torch.Tensor, contexts: Sequence[Context]) -> torch.Tensor:
        """The logits of the tokens that are kept."""
        import torch

        if self.threshold == -1 or self._tokenizer is None:
            return logits
        top = logits.topk(min(self.top_k, logits.shape[-1])).indices
        places = torch.tensor(self._of(contexts, top.tolist()), device=logits.device)
        places = places.masked_fill(~logits.gather(1, top).isfinite(), -2.0)
        lowest = places.topk(min(self.least, places.shape[1])).values[:, -1:]
        mask = (places >= self.threshold) | (places >= lowest)
        out = torch.ones_like(logits, dtype=torch.bool).scatter_(1, top, ~mask)
        return logits.masked_fill(out, -torch.inf)

    def _placed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Of each text its place; what was read is kept."""
        new = [text for text in dict.fromkeys(texts) if text not in self._places]
        if len(self._places) + len(new) > REMEMBERED:
            self._places = {}
            new = list(dict.fromkeys(texts))
        self._places |= dict(zip(new, self.direction.values(new).tolist(), strict=True))
        return np.array([self._places[text] for text in texts])

    def _of(self, contexts: Sequence[Context], candidates: list[list[int]]) -> list[list[float]]:
        """Of each row and candidate, the place of the sentence that it would go on with."""
        assert self._tokenizer is not None
        tails = [(*context.prompt[-TAIL:], *context.written)[-TAIL:] for context in contexts]
        rows = [
            [*tail, token]
            for tail, tokens in zip(tails, candidates, strict=True)
            for token in tokens
        ]
        texts = [
            _sentence(text) for text in self._tokenizer.batch_decode(rows, skip_special_tokens=True)
        ]
        places = self._placed(texts).tolist()
        width = len(candidates[0]) if candidates else 0
        return [places[n : n + width] for n in range(0, len(places), width)] if width else []


def _sentence(text: str) -> str:
    """The last sentence of a text, whole or begun; `-` where nothing is in it."""
    body = text.rstrip(ENDS + " ")
    start = max((body.rfind(end) for end in ENDS), default=-1) + 1
    return body[start:].strip() or "-"
