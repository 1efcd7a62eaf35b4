"""Text that nobody could understand, told by rules: repetition, noise, a soup of alphabets."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter

VERSION = "2"
"""2: a short text that repeats itself is told as well."""
MOST = 20_000
"""Characters of a text that are looked at."""
FEWEST_WORDS = 20
"""Of a text whose repetition can be told."""
DISTINCT = 0.3
"""Share of different runs of three words below which a text repeats itself: prose has above .9."""
LOOPED = ((70, 0.4), (20, 0.5))
"""From so many letters on, a text repeats itself whose beginning is packed to a smaller share; of
5,000 answers of people and models none is."""
BEGINNING = 200
"""Letters that are packed."""
LAST, ENDLESS, SPOKEN = 30, 0.55, 0.3
"""A text ends in a loop whose last letters are packed to less, if such a share is alphabetic."""
FEWEST_LETTERS = 20
SCRIPTS, SHARE = 3, 0.1
"""Alphabets of which each has at least such a share of the letters make a soup."""
EAST_ASIAN = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")
"""Scripts that one text may well mix."""
HARD = 0.3
"""Share of longer words that cannot be spoken, from which on letters are noise."""
_LINE = re.compile(r"([_\-.=*~#|+])\1{2,}")
"""Lines to write on, rules and borders."""
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
    if _loops(text):
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


def _loops(text: str) -> bool:
    """Whether a text says the same again and again, however short it is.

    >>> _loops("I: DE: DE: DE: DE: DE: DE: DE: DE"), _loops("No, no, no! Leave it alone, please.")
    (True, False)
    """
    letters = " ".join(_LINE.sub(" ", text).split())
    share = _packed(letters[:BEGINNING])
    if next((share < most for n, most in LOOPED if len(letters) >= n), False):
        return True
    last = letters[-LAST:]
    spoken = sum(map(str.isalpha, last)) > SPOKEN * LAST
    return len(last) == LAST and spoken and _packed(last) < ENDLESS


def _packed(letters: str) -> float:
    """The share to which a text is packed, each letter being a byte, whatever its alphabet."""
    codes: dict[str, int] = {}
    numbers = bytes(codes.setdefault(letter, len(codes)) for letter in letters)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return len(packer.compress(numbers) + packer.flush()) / max(len(numbers), 1)
