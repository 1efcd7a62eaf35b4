"""The words by which texts are told: lists of our own, and the dictionary of simplemma."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

CODES = {
    "English": "en", "French": "fr", "Italian": "it", "Portuguese": "pt", "Russian": "ru",
    "Spanish": "es", "Turkish": "tr",
}  # fmt: skip
"""Languages that a scorer may read, as simplemma names their dictionaries."""


def word_lists(name: str) -> Mapping[str, str]:
    """The lines of a file beside this one, which says what each is, by their names."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    rows = [line.partition("\t") for line in lines if not line.startswith("#")]
    return {name: words for name, _, words in rows}


LISTS = {name: frozenset(words.split()) for name, words in word_lists("common_words.tsv").items()}
"""The lists of `common_words.tsv`."""
COMMON = {name: words for name, words in LISTS.items() if not name.startswith("(")}
"""For each language written in Latin letters its commonest words, but for those of English."""
_UNLISTED = LISTS["(English unlisted)"]
_STRETCHED = re.compile(r"(.)\1{2,}")


@lru_cache(maxsize=8)
def foreign_words(languages: frozenset[str]) -> frozenset[str]:
    """The commonest words of all languages but these.

    >>> {"nein", "oui"} & foreign_words(frozenset({"English", "French"}))
    frozenset({'nein'})
    """
    read = [words for name, words in COMMON.items() if name in languages]
    return frozenset().union(*COMMON.values()).difference(*read)


@lru_cache(maxsize=65_536)
def has_word(word: str, languages: frozenset[str]) -> bool:
    """Whether a dictionary of these languages has a word.

    >>> [has_word(word, frozenset({"English"})) for word in ("harbour", "uxr")]
    [True, False]
    """
    import simplemma

    if len(word) == 1 or word in _UNLISTED:
        return True
    stem = _STRETCHED.sub(r"\1", word.partition("'")[0] or word)
    forms = (stem, f"{stem}g") if stem.endswith("in") else (stem,)
    codes = [CODES[name] for name in languages]
    return any(simplemma.is_known(form, lang=code) for form in forms for code in codes)
