"""The words of a text in its own script, for measures of overlap."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

ASCII_WORD = re.compile(r"[a-z0-9]+")
EAST_ASIAN = ("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "BOPOMOFO")
"""Beginnings of Unicode names: ideographs and the syllables that stand beside them in one text."""
UNSPACED = (
    *EAST_ASIAN, "YI", "THAI", "LAO", "KHMER", "MYANMAR", "TAI", "NEW TAI", "BALINESE", "JAVANESE",
)  # fmt: skip
"""Scripts without spaces between words: East Asian, and those of line breaking class SA (Unicode
Standard Annex 14, as of Unicode 16) with their neighbours."""
UNSEEN = re.compile(r"[\u00ad\u200c\u200d\u2060\ufeff]")
"""Characters within words that show nothing and part nothing."""


def words_of(text: str) -> list[str]:
    """The words of a text without case, in order.

    Letters, their marks and digits make a word, in any script; of scripts that set no spaces each
    character is one. Of a text in ASCII they are those of rouge-score.

    >>> words_of("Straße, ja: 2 Wege")
    ['strasse', 'ja', '2', 'wege']
    """
    if text.isascii():
        return ASCII_WORD.findall(text.lower())
    words: list[str] = []
    before = ""
    for character in UNSEEN.sub("", unicodedata.normalize("NFKC", text).casefold()):
        kind = _kind(character)
        joins = kind == "mark" if before == "alone" else kind in ("joined", "mark")
        if joins and before:
            words[-1] += character
            continue
        before = kind if kind != "mark" else ""
        if before:
            words.append(character)
    return words


def script_of(text: str) -> str | None:
    """The script that most letters of a text are of; None where it has no letters.

    Ideographs and Japanese syllables are one, `Han or Kana`.

    >>> script_of("λόγος"), script_of("42")
    ('Greek', None)
    """
    counts = Counter(script for character in text if (script := _script(character)))
    return counts.most_common(1)[0][0] if counts else None


def other_script(answer: str, reference: str) -> str | None:
    """Why the words of two texts cannot be compared, where they are in different scripts.

    >>> other_script("λόγος", "word")
    'the answer is written in Greek, the reference in Latin'
    """
    scripts = script_of(answer), script_of(reference)
    if None in scripts or scripts[0] == scripts[1]:
        return None
    return f"the answer is written in {scripts[0]}, the reference in {scripts[1]}"


@lru_cache(maxsize=10_000)
def _kind(character: str) -> str:
    """`alone` (a word by itself), `joined`, `mark`, or nothing for what parts words."""
    category = unicodedata.category(character)[0]
    if category not in "LMN":
        return ""
    if category == "M":
        return "mark"
    return "alone" if is_unspaced(character) else "joined"


def is_unspaced(character: str) -> bool:
    """Whether it is of a script without spaces between words.

    >>> is_unspaced("\u4f60"), is_unspaced("n")
    (True, False)
    """
    return unicodedata.name(character, "").startswith(UNSPACED)


@lru_cache(maxsize=10_000)
def _script(character: str) -> str:
    if not character.isalpha():
        return ""
    name = unicodedata.name(unicodedata.normalize("NFKC", character)[0], "")
    return "Han or Kana" if name.startswith(EAST_ASIAN) else name.partition(" ")[0].capitalize()
