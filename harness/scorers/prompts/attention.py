"""Which words of a text a model's last layer attends to, held against the words people marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from harness.models.hf.model import HuggingFaceModel
from harness.scorers.justification.words import words_of
from harness.types import (
    Direction,
    Generation,
    HarnessError,
    Metric,
    Sample,
    Score,
    weights_of,
    well_formed,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.models.hf.loaded import LoadedModel

SHARE = Metric(low=0.0, high=1.0, better=Direction.HIGHER)
MOST_TOKENS = 512
"""Of a text, whose attention is a matrix of that size; a longer one has no score."""
RANKS = Metric(low=1.0, high=float(MOST_TOKENS), better=Direction.LOWER)


class Attended(NamedTuple):
    """What one head gave to a text."""

    words: frozenset[str]
    """Of its tokens that were attended to most."""
    rank: int
    """Singular values that are not zero, by numpy's tolerance."""
    spread: float
    """exp of the entropy of the singular values' shares: how many there are in effect."""


class AttentionScorer:
    """Gives the overlap of what a local model attends to with the metadata `explanation`.

    After WellDunn (Mohammadi et al. 2024, arXiv 2406.12058): the text alone is read, attention in
    one head of the last layer is summed over the tokens that attend, and the words of the `top`
    tokens are held against the words that people marked. `attention_recall` is the share of the
    different marked words among them, `attention_covered` 1 where that is more than half: the
    mean of the latter is the paper's attention overlap. Both 0 to 1, higher is better.
    `attention_rank` and `attention_effective_rank` are of the head's matrix for one text, from 1 to
    its tokens: lower means that attention is concentrated in fewer patterns.

    Args:
        model: whose attention is read: the one under test, in its own precision.
        reference: the metadata with the words which people marked; that of the text is `text`.
        head: of the last layer, from 0.
        top: tokens that count as attended to.
        device: as torch writes it; `auto`: an accelerator where there is one.

    Raises:
        HarnessError: the model has no such head, or gives no attention.
    """

    metrics: Mapping[str, Metric] = {
        "attention_recall": SHARE,
        "attention_covered": SHARE,
        "attention_rank": RANKS,
        "attention_effective_rank": RANKS,
    }
    asides = tuple(metrics)
    exact = True
    of_requests = True

    def __init__(
        self,
        model: str = "smollm2",
        reference: str = "explanation",
        head: int = 0,
        top: int = 4,
        device: str = "auto",
    ) -> None:
        for name, value, least in (("head", head, 0), ("top", top, 1)):
            if value < least:
                raise HarnessError(f"scorers.attention.{name}={value} must be {least} or more")
        self.reference, self.head, self.top = reference, head, top
        self.model = HuggingFaceModel(model, device=device)

    @property
    def device(self) -> str | None:
        """Where the model runs, or is to run where it has not been loaded."""
        return self.model.device_used or self.model.device

    @property
    def identity(self) -> Mapping[str, str]:
        """The weights whose attention it is, their precision, and what is counted of it."""
        return {
            "scorer": "attention",
            "version": "1",
            "model": weights_of(self.model.identity),
            "dtype": str(self.model.identity["dtype"]),
            "reference": self.reference,
            "head": str(self.head),
            "top": str(self.top),
        }

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read each text once, whatever was answered; without marked words there is no overlap."""
        texts = [well_formed(str(sample.metadata.get("text") or "")) for sample in samples]
        read = {text: self._read(text) for text in dict.fromkeys(texts)}
        return [
            self._scores(words_of(str(sample.metadata.get(self.reference) or "")), read[text])
            for sample, text in zip(samples, texts, strict=True)
        ]

    def _scores(self, marked: Sequence[str], read: Attended | str) -> list[Score]:
        if isinstance(read, str):
            return [Score.missing(metric, read) for metric in self.metrics]
        seen = ", ".join(sorted(read.words))
        if not marked:
            reason = f"the sample has no {self.reference}"
            overlap = [Score.missing(m, reason) for m in ("attention_recall", "attention_covered")]
        else:
            recall = len(read.words & set(marked)) / len(set(marked))
            overlap = [
                Score("attention_recall", recall, explanation=seen),
                Score("attention_covered", float(recall > 0.5), explanation=seen),
            ]
        ranks = [
            Score("attention_rank", float(read.rank)),
            Score("attention_effective_rank", read.spread),
        ]
        return [*overlap, *ranks]

    def _read(self, text: str) -> Attended | str:
        """What is attended to in a text, or why that cannot be said."""
        if not words_of(text):
            return "the sample has no text"
        from harness.scorers.prompts.attending import head_attention, tokens_at

        loaded = self._loaded
        tokens, places = tokens_at(loaded, text)
        most = min(MOST_TOKENS, loaded.context)
        if len(tokens) > most:
            return f"the text has {len(tokens):,} tokens, more than the {most:,} read"
        return attended(head_attention(loaded, tokens, self.head), text, places, self.top)

    @property
    def _loaded(self) -> LoadedModel:
        return self.model.load(self.model.identity["dtype"])


def attended(
    attention: NDArray[np.float32], text: str, places: Sequence[tuple[int, int]], top: int
) -> Attended:
    """The words that are attended to most, and the ranks of the attention.

    >>> attention = np.array([[1.0, 0.0], [0.9, 0.1]], np.float32)
    >>> sorted(attended(attention, "so sad", [(0, 2), (2, 6)], top=1).words)
    ['so']

    Args:
        attention: of one head, shape (tokens that attend, tokens attended to); rows sum to 1.
        text: that was read.
        places: where each token stands in it: begin and end.
        top: tokens that count; of equal ones the earlier.
    """
    order = np.argsort(-attention.sum(0), kind="stable")[:top]
    words = {word for i in order for word in _words_at(text, places[i])}
    values = np.linalg.svd(attention.astype(np.float64), compute_uv=False)
    shares = values / values.sum()
    shares = shares[shares > 0]
    tolerance = values.max() * max(attention.shape) * np.finfo(np.float32).eps
    spread = float(np.exp(-(shares * np.log(shares)).sum()))
    return Attended(frozenset(words), int((values > tolerance).sum()), max(1.0, spread))


def _words_at(text: str, place: tuple[int, int]) -> list[str]:
    """The whole words of which a token is a part."""
    start, end = place
    while start < end and text[start].isspace():
        start += 1
    if start == end:
        return []
    while start > 0 and _joined(text[start - 1 : start + 1]):
        start -= 1
    while end < len(text) and _joined(text[end - 1 : end + 1]):
        end += 1
    return words_of(text[start:end])


def _joined(pair: str) -> bool:
    """Whether two neighbouring characters are of one word."""
    return len(words_of(pair)) == 1 and all(words_of(character) for character in pair)
