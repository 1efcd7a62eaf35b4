"""Text that nobody could understand, told by rules: repetition, noise, a soup of alphabets."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

VERSION = "1"
MOST = 20_000
"""Characters of a text that are looked at."""
FEWEST_WORDS = 20
"""Of a text whose repetition can be told."""
DISTINCT = 0.3
"""Share of different runs of three words below which a text repeats itself: prose has above .9."""
FEWEST_LETTERS = 20
SCRIPTS, SHARE = 3, 0.1
"""Alphabets of which each has at least such a share of the letters make a soup."""
EAST_ASIAN = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")
"""Scripts that one text may well mix."""
HARD = 0.3
"""Share of longer words that cannot be spoken, from which on letters are noise."""
_WORD = re.compile(r"[^\W\d_]{4,}")
_UNSPEAKABLE = re.compile(r"[bcdfghjklmnpqrstvwxz]{5}|^[bcdfghjklmnpqrstvwxz]+$")
_LATIN = re.compile(r"[a-z]+")


def babbled(text: str) -> str | None:
    """Why a text cannot be understood by anyone; None where these rules do not say so."""
    text = text[:MOST]
    words = text.lower().split()
    if len(words) >= FEWEST_WORDS:
        runs = list(zip(words, words[1:], words[2:], strict=False))
        if len(set(runs)) < DISTINCT * len(runs):
            return "it repeats itself"
    scripts: Counter[str] = Counter()
    for letter, count in Counter(filter(str.isalpha, text)).items():
        name = "LATIN" if letter.isascii() else unicodedata.name(letter, "UNKNOWN").split()[0]
        scripts["EAST ASIAN" if name.startswith(EAST_ASIAN) else name] += count
    total = scripts.total()
    if total >= FEWEST_LETTERS:
        if sum(count >= SHARE * total for count in scripts.values()) >= SCRIPTS:
            return "its letters are of many alphabets"
        longer = [word for word in _WORD.findall(text.lower()) if _LATIN.fullmatch(word)]
        hard = sum(_UNSPEAKABLE.search(word) is not None for word in longer)
        if len(longer) > 3 and hard >= HARD * len(longer):
            return "its letters are noise"
    return None
