"""What the offline scorers share: weights of ours over a sentence encoder, texts in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.identity import digest_file
from harness.scorers.refusal import unreadable
from harness.text import well_formed
from harness.types import HarnessError

if TYPE_CHECKING:
    from harness.scorers.minilm import Reader

WEIGHTS = Path(__file__).parent / "weights"
VERSION = "1"
"""Of the reading: pieces, pooling, encoder."""
DIGITS = 5
"""Decimals that are kept: what stands in the same batch moves the ones behind them."""


class Offline:
    """The weights of one offline scorer, loaded when they are first used.

    Args:
        name: of the scorer; null weights are those that come with the project under this name.
        weights: a file that `python -m harness.train` made, or None.
        device: as torch writes it, or `auto`.
    """

    def __init__(self, name: str, weights: str | None, device: str) -> None:
        self.path = Path(weights) if weights else WEIGHTS / f"{name}.safetensors"
        if not self.path.is_file():
            raise HarnessError(
                f"there are no weights {str(self.path)!r} for the scorer {name!r}; make them with "
                f"python -m harness.train recipe={name}"
            )
        self.device = device
        self._digest: str | None = None
        self._reader: Reader | None = None

    @property
    def identity(self) -> dict[str, str]:
        """Digests of the weights, of ours and of the encoder's."""
        if self._digest is None:
            self._digest = digest_file(self.path)
        return {"version": VERSION, "weights": self._digest, "encoder": "all-MiniLM-L6-v2"}

    def read(self, texts: Sequence[Any]) -> NDArray[np.float64]:
        """Sigmoids of the outputs, of shape (texts, outputs); each different text is read once."""
        distinct = list(dict.fromkeys(texts))
        logits = self._loaded()(distinct)
        shares = np.round(1 / (1 + np.exp(-logits)), DIGITS)
        place = {text: i for i, text in enumerate(distinct)}
        found: NDArray[np.float64] = shares[[place[text] for text in texts]]
        return found

    def pieces(self, text: str) -> list[str]:
        """The text in parts that can be read whole."""
        return self._loaded().pieces(well_formed(text))

    def pairs(self, request: str, answer: str) -> list[tuple[str, str]]:
        """Each part of an answer with the request, of which a long one loses its beginning."""
        return self._loaded().pairs(well_formed(request), well_formed(answer))

    def _loaded(self) -> Reader:
        if self._reader is None:
            from harness.scorers.minilm import Reader

            self._reader = Reader(self.path, self.device)
            self.device = self._reader.device
        return self._reader


def reason_unread(text: str) -> str | None:
    """Why a text is not read: there is nothing in it, or it is not English; None where it is."""
    return unreadable(text)


def most(values: NDArray[np.float64], counts: Sequence[int]) -> NDArray[np.float64]:
    """The largest of each output over the pieces of each text, of shape (texts, outputs)."""
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(int)
    found: NDArray[np.float64] = np.maximum.reduceat(values, starts, axis=0)
    return found
