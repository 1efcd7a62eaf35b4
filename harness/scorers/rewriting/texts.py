"""A toxic text with what people marked in it, and how it would be without a model."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from harness.types import Sample

BASELINES = ("unchanged", "deleted", "reference")
"""What any model has to be better than, and what people wrote."""
UNSPACED = frozenset({"zh", "ja", "th", "lo", "km", "my"})
"""Codes of languages that set no spaces between words."""


class Rewriting(NamedTuple):
    """What a sample asks to be rewritten."""

    text: str
    reference: str
    words: tuple[str, ...]
    """What people marked as toxic in it."""
    language: str

    @classmethod
    def of(cls, sample: Sample) -> Rewriting | None:
        """That of a sample's metadata `text`, `reference`, `toxic_words` and `language`."""
        facts = sample.metadata
        text, reference = facts.get("text"), facts.get("reference")
        if not isinstance(text, str) or not isinstance(reference, str):
            return None
        words = json.loads(str(facts.get("toxic_words") or "[]"))
        return cls(text, reference, tuple(words), str(facts.get("language") or ""))

    def baselines(self) -> Mapping[str, str]:
        """The text by `BASELINES`: as it is, without the marked words, and as people rewrote it.

        >>> Rewriting("What a silly hat.", "What a hat.", ("silly",), "en").baselines()["deleted"]
        'What a hat.'
        """
        return dict(zip(BASELINES, (self.text, self._deleted(), self.reference), strict=True))

    def standing(self, text: str) -> list[str]:
        """The marked words that stand in a text.

        >>> Rewriting("You ass.", "You.", ("ass",), "en").standing("ASSES, in a class.")
        ['ass']
        """
        plain = _plain(text)
        return [word for word in self.words if _pattern(word, self.language).search(plain)]

    def _deleted(self) -> str:
        text = self.text
        for word in sorted(self.words, key=len, reverse=True):
            text = text.replace(word, "")
        if self.language in UNSPACED:
            return text
        lines = (" ".join(line.split()) for line in text.splitlines())
        return re.sub(r" (?=[.,;:!?])", "", "\n".join(lines))


@lru_cache(maxsize=10_000)
def _pattern(word: str, language: str) -> re.Pattern[str]:
    """Where a word stands: anywhere, or where spaces part words from the beginning of one on.

    So an ending does not hide it (`idiots`), and the inside of another word is none (`class`).
    """
    plain = _plain(word)
    begins = plain[:1].isalnum() and language not in UNSPACED
    return re.compile((r"(?<!\w)" if begins else "") + re.escape(plain))


def _plain(text: str) -> str:
    """A text without case and without the width of its characters."""
    return unicodedata.normalize("NFKC", text).casefold()
