"""A scorer by a small network on a sentence encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.scorers.readable import ENGLISH, reading_identity, unasked, unreadable
from harness.types import (
    Generation,
    HarnessError,
    Metric,
    Sample,
    Score,
    asked,
    digest_file,
    well_formed,
)

if TYPE_CHECKING:
    from harness.scorers.offline.minilm import Reader

WEIGHTS = Path(__file__).parent / "weights"
VERSION = "2"
"""Of the reading: pieces, pooling, encoder. 2: no short text in another language is read."""
DIGITS = 5
"""Decimals that are kept: what stands in the same batch moves the ones behind them."""


class OfflineScorer:
    """Reads answers with weights of ours, loaded when they are first used; the longest in pieces.

    A scorer names itself, says how its scores come from what is read, and makes them.

    Args:
        weights: a safetensors file that `python -m harness.train` made; None: the weights that come
            with the project.
        device: as torch writes it; `auto`: an accelerator where there is one.
    """

    name: ClassVar[str]
    reading: ClassVar[Mapping[str, str]] = {}
    """What else changes a score: part of the identity."""
    metrics: Mapping[str, Metric]
    cheap = True
    languages: frozenset[str] | None = ENGLISH
    reads_request: ClassVar[bool] = True

    def __init__(self, weights: str | None = None, device: str = "auto") -> None:
        self.path = Path(weights) if weights else WEIGHTS / f"{self.name}.safetensors"
        if not self.path.is_file():
            raise HarnessError(
                f"there are no weights {str(self.path)!r} for the scorer {self.name!r}; make them "
                f"with python -m harness.train recipe={self.name}"
            )
        self.device = device
        self._reader: Reader | None = None

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """Digest of the weights, and how they are read."""
        return {
            "scorer": self.name,
            **self.reading,
            "version": VERSION,
            "weights": digest_file(self.path),
            "encoder": "all-MiniLM-L6-v2",
            "reads": reading_identity(self.languages),
        }

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read every answer; one that is empty or not in English has no score."""
        requests = [asked(sample.prompt) for sample in samples]
        answers = [generation.text or "" for generation in generations]
        reasons = [self._unread(*pair) for pair in zip(requests, answers, strict=True)]
        scores = [[Score.missing(m, reason or "") for m in self.metrics] for reason in reasons]
        readable = [i for i, reason in enumerate(reasons) if reason is None]
        if not readable:
            return scores
        asking = [well_formed(requests[i]) for i in readable]
        answering = [well_formed(answers[i]) for i in readable]
        parts = self._parts(asking, answering)
        counts = [len(of_one) for of_one in parts]
        read = most(self._read([part for of_one in parts for part in of_one]), counts)
        for i, shares, count in zip(readable, read, counts, strict=True):
            scores[i] = self._scores(shares, count)
        return scores

    def _unread(self, request: str, answer: str) -> str | None:
        """Why there is no score: the answer, or a request that is read with it, is not English."""
        reason = unreadable(answer, request, self.languages)
        if reason is None and self.reads_request:
            return unasked(request, self.languages)
        return reason

    def _parts(self, requests: Sequence[str], answers: Sequence[str]) -> Sequence[Sequence[Any]]:
        """What is read of each answer: its parts, each with the end of the request."""
        return self._loaded().pairs_of(requests, answers)

    def _scores(self, shares: NDArray[np.float64], count: int) -> list[Score]:
        """The scores from the largest share of each output over so many parts."""
        raise NotImplementedError

    def _read(self, texts: Sequence[Any]) -> NDArray[np.float64]:
        """Sigmoids of the outputs, of shape (texts, outputs); each different text is read once."""
        distinct = list(dict.fromkeys(texts))
        logits = self._loaded()(distinct)
        shares = np.round(1 / (1 + np.exp(-logits)), DIGITS)
        place = {text: i for i, text in enumerate(distinct)}
        of_texts: NDArray[np.float64] = shares[[place[text] for text in texts]]
        return of_texts

    def _loaded(self) -> Reader:
        if self._reader is None:
            from harness.scorers.offline.minilm import Reader

            self._reader = Reader(self.path, self.device)
            self.device = self._reader.device
        return self._reader


def most(values: NDArray[np.float64], counts: Sequence[int]) -> NDArray[np.float64]:
    """The largest of each output over the pieces of each text, of shape (texts, outputs)."""
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(int)
    largest: NDArray[np.float64] = np.maximum.reduceat(values, starts, axis=0)
    return largest
