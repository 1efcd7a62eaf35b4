"""Whether what a judge quotes stands in what it judged."""

from __future__ import annotations

import re
import unicodedata

from harness.scorers.justification.words import is_unspaced

QUOTE = re.compile(r"#+[\s*_`]*quote[\s*_`\"']*:(?P<quote>[^\n#]*)", re.IGNORECASE)
FEWEST_WORDS = 3
"""Fewer words stand in most answers, and prove nothing, unless they are the whole answer."""
LEFT_OUT = re.compile(r"\s*[\[(]?(?:\.{3,}|\u2026)[\])]?\s*")
"""What stands in a quote for words between its parts."""
FORMS = {"'": "\u2018\u2019`", '"': "\u201c\u201d\u00ab\u00bb", "-": "\u2013\u2014"}
MARKS = {ord(mark): plain for plain, marks in FORMS.items() for mark in marks}
EDGES = " \t'\"*_.,;:!"


def misquoted(written: str, answer: str) -> str | None:
    """Why the quote of a judge is none; None where each part of it stands in the answer, in order.

    Case, white space and the forms of quotation marks and dashes do not count.

    >>> misquoted('#quote: "you could  Stir it"', "Well, you could stir it.")
    >>> misquoted("#quote: you should burn it", "Well, you could stir it.")
    "the quote 'you should burn it' does not stand in the answer"

    Args:
        written: all that the judge wrote; its last quote counts.
        answer: what it judged.
    """
    quotes = [match["quote"].strip() for match in QUOTE.finditer(written)]
    if not quotes or not quotes[-1].strip(EDGES):
        return "the judge quoted nothing of the answer"
    quote, text = _plain(quotes[-1]), _plain(answer)
    if quote.strip(EDGES) == text.strip(EDGES):
        return None
    parts = [part.strip(EDGES) for part in LEFT_OUT.split(quote) if part.strip(EDGES)]
    if sum(map(_words, parts)) < FEWEST_WORDS:
        return f"the quote {quotes[-1]!r} is of fewer than {FEWEST_WORDS} words"
    place = 0
    for part in parts:
        place = text.find(part, place)
        if place < 0:
            return f"the quote {quotes[-1]!r} does not stand in the answer"
        place += len(part)
    return None


def _words(part: str) -> int:
    """Words of a part; of a script without spaces two characters are taken for one."""
    unspaced = [sum(map(is_unspaced, word)) for word in part.split()]
    return sum(max(1, count // 2) for count in unspaced)


def _plain(text: str) -> str:
    whole = unicodedata.normalize("NFKC", LEFT_OUT.sub(" ... ", text)).translate(MARKS)
    return " ".join(whole.casefold().split())
