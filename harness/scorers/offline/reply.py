"""Reads replies by the published encoder and by what a reader would count."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from harness.scorers.offline.marks import digest_marks, marks
from harness.scorers.offline.minilm import TOKENS, SentenceEncoder, split
from harness.types import HarnessError

SPREAD = 4.9
"""What an embedding of length 1 is multiplied by: a quarter of the spread of the other columns."""


class ReplyReader:
    """One linear layer on the embedding of a reply and on its marks.

    Args:
        weights: a safetensors file that `python -m harness.train recipe=empathy_offline` made.
        device: as torch writes it; `auto`: an accelerator where there is one.

    Raises:
        HarnessError: the weights are not there, not whole, or were made for other marks.
    """

    def __init__(self, weights: Path, device: str = "auto") -> None:
        names = ("centre", "scale", "weight", "bias")
        try:
            with safe_open(weights, "numpy") as file:
                made_for = json.loads((file.metadata() or {}).get("harness", "{}"))["marks"]
                parts = [file.get_tensor(name).astype(np.float64) for name in names]
            if made_for != digest_marks():
                raise ValueError("they were made for other marks")
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise HarnessError(
                f"weights {str(weights)!r} cannot be read ({error}); make them with "
                "python -m harness.train recipe=empathy_offline"
            ) from error
        self.centre, self.scale, self.weight, self.bias = parts
        self.encoder = SentenceEncoder(device)
        self.device = self.encoder.device

    def __call__(self, texts: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Logits, of shape (texts, outputs)."""
        columns = read(self.encoder, texts)
        standard = (columns - self.centre) / self.scale
        logits: NDArray[np.float64] = standard @ self.weight.T + self.bias
        return logits

    def pairs_of(
        self, requests: Sequence[str], answers: Sequence[str]
    ) -> list[list[tuple[str, str]]]:
        """Each part of an answer with the message; only the part is put through the encoder."""
        return [self.pairs(*pair) for pair in zip(requests, answers, strict=True)]

    def pairs(self, request: str, answer: str) -> list[tuple[str, str]]:
        """The parts of one answer, each with the message."""
        return [(request, part) for part in split(self.encoder.tokenizer, answer, TOKENS - 2)]


def read(encoder: SentenceEncoder, texts: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
    """Marks and embedding of each reply, of shape (texts, marks + 384)."""
    counted = np.array([marks(*text) for text in texts])
    replies = list(dict.fromkeys(reply for _, reply in texts))
    place = {reply: i for i, reply in enumerate(replies)}
    embedded = encoder(replies)[[place[reply] for _, reply in texts]]
    return np.hstack([counted, SPREAD * embedded])
