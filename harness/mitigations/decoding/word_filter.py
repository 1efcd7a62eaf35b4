"""A list of words that are never written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.mitigations.decoding.checks import read_text
from harness.types import fingerprint

if TYPE_CHECKING:
    import torch

    from harness.models.hf.hooks import Context
    from harness.models.hf.loaded import Auxiliary, LoadedModel
    from harness.models.hf.model import HuggingFaceModel

WORDS = Path(__file__).with_name("words.txt")


class WordFilter:
    """Gives the last token of a listed word no probability where the tokens before it stand.

    As the word filter of Gehman et al. (2020): each word as it stands, with a capital, in capitals,
    and each of these after a space.

    Args:
        words: one a line, `#` begins a comment; `@FILE`: of a file; None: those that ship here;
            empty: none.
    """

    def __init__(self, words: str | None = None) -> None:
        text = WORDS.read_text(encoding="utf-8") if words is None else read_text("words", words)
        lines = (line.split("#")[0].strip().lower() for line in text.splitlines())
        self.words = tuple(dict.fromkeys(filter(None, lines)))
        self._last: dict[tuple[int, ...], list[int]] = {}
        """By the tokens before it, what is not to be written."""

    @property
    def identity(self) -> Mapping[str, str]:
        """A digest of the words."""
        return {
            "mitigation": "word_filter",
            "version": "1",
            "words": fingerprint({"words": self.words}),
        }

    def auxiliaries(self, model: HuggingFaceModel, loaded: LoadedModel) -> Sequence[Auxiliary]:
        """None; the words become tokens here."""
        tokenizer = loaded.encoder.tokenizer
        forms = dict.fromkeys(
            space + form
            for word in self.words
            for form in (word, word.capitalize(), word.upper())
            for space in ("", " ")
        )
        self._last = {}
        for form in forms:
            tokens = tokenizer.encode(form, add_special_tokens=False)
            if tokens and tokenizer.decode(tokens).strip():
                self._last.setdefault(tuple(tokens[:-1]), []).append(tokens[-1])
        return ()

    def change_likeliest(
        self,
        tokens: Sequence[str],
        weights: NDArray[np.float64],
        text: str,
        others: Sequence[Mapping[str, float]],
    ) -> NDArray[np.float64]:
        """The weights of a server's likeliest tokens without those that complete a word."""
        if not self.words:
            return weights
        ending = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, self.words))})$", re.IGNORECASE)
        completes = [bool(token.strip() and ending.search(text[-80:] + token)) for token in tokens]
        return np.where(completes, -np.inf, weights)

    def change_logits(self, logits: torch.Tensor, contexts: Sequence[Context]) -> torch.Tensor:
        """The logits without the words."""
        import torch

        if () in self._last:
            logits[:, torch.tensor(self._last[()], device=logits.device)] = -torch.inf
        longest = max(map(len, self._last), default=0)
        rows: list[int] = []
        tokens: list[int] = []
        for number, context in enumerate(contexts):
            tail = (*context.prompt[-longest:], *context.written)[-longest:] if longest else ()
            for length in range(1, len(tail) + 1):
                banned = self._last.get(tail[-length:], ())
                rows += [number] * len(banned)
                tokens += banned
        if rows:
            logits[rows, tokens] = -torch.inf
        return logits
