"""Which of several languages an answer is in that a scorer reads, or why it cannot be read.

What is English is told as for a scorer that reads English alone (`readable.py`), so that its
numbers do not move. What is not is told by an identifier (`harness.models.languages`).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from harness.models.languages import identity, language_of
from harness.scorers.few_words import strange_among_few_words
from harness.scorers.readable import (
    ASIDE,
    ENGLISH,
    READ,
    plainly_english,
    reading_identity,
    unreadable,
)
from harness.types import name_of, only, outside

FEWEST_LETTERS = 25
"""Letters of a sentence whose language is told by itself."""
_HIDDEN = ("digits stand", "letters stand", "marks stand", "its letters stand", "its letters are a")
"""How the reason begins for which a text hides what it says, whatever its language."""
_SENTENCE = re.compile(r"(?<=[.!?\u3002\uff01\uff1f\u0964\u061f])\s*|\n+")


class Readable(NamedTuple):
    """The language in which an answer is read."""

    language: str | None
    """Its code; None where it cannot be read."""
    reason: str | None = None
    """Why it cannot."""


def readable_in(text: str, request: str, languages: frozenset[str]) -> Readable:
    """The language that a scorer of several languages reads an answer in.

    >>> readable_in("Das kann ich leider nicht für Sie tun.", "", frozenset({"English", "German"}))
    Readable(language='de', reason=None)
    >>> readable_in("Das kann ich leider nicht für Sie tun.", "", frozenset({"English"})).language

    Args:
        text: an answer.
        request: what it answers: English that is too short to tell is taken to be in its language.
        languages: that are read, by their names in English; English is one of them.
    """
    text = text.strip()[:READ]
    reason = unreadable(text, request, ENGLISH)
    if reason is None and (plainly_english(text) or _may_be_english(text)):
        return Readable("en")
    reason = reason or "a word of these few is not English"
    if languages == ENGLISH or not any(map(str.isalpha, text)):
        return Readable(None, reason)
    detail = reason.partition("; ")[2]
    if detail.startswith(_HIDDEN):
        return Readable(None, f"only plain letters are read; {detail}")
    detected = language_of(text)
    if detected.language is None:
        return Readable(None, detected.reason)
    if detected.language == "en":
        return Readable(None, f"{only(languages)}; {detail or reason}")
    if name_of(detected.language) not in languages:
        return Readable(None, f"{only(languages)}; this is {name_of(detected.language)}")
    if other := _other_language(text, detected.language):
        return Readable(
            None, f"in two languages: {name_of(detected.language)} and {name_of(other)}"
        )
    return Readable(detected.language)


def _may_be_english(text: str) -> bool:
    """Whether what could be English is not another language that shares its words."""
    detected = language_of(text)
    if detected.language != "en" and strange_among_few_words(text, ENGLISH):
        return False
    return outside(detected.language, detected.confidence, ENGLISH) is None


def several_identity(languages: frozenset[str]) -> str:
    """What a scorer's identity says of this reading."""
    return f"{reading_identity(ENGLISH)}; {', '.join(sorted(languages))} by {identity()}"


def _other_language(text: str, language: str) -> str | None:
    """Another language that more than a quarter of a text's letters are in, by sentences."""
    letters: Counter[str] = Counter()
    for sentence in _SENTENCE.split(text):
        count = sum(map(str.isalpha, sentence))
        detected = language_of(sentence) if count >= FEWEST_LETTERS else None
        sure = detected is not None and detected.language and (detected.confidence or 0) > 0.8
        letters[detected.language if detected and sure and detected.language else language] += count
    total = letters.total()
    del letters[language]
    other, count = max(letters.items(), key=lambda item: item[1], default=("", 0))
    return other if count > ASIDE * total else None
