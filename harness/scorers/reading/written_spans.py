"""Spans of a text that an answer names, by kind: lists, lines or JSON, however it is broken."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

FORMS = 1
"""Version of what is read."""
MOST_READ = 20_000
"""Characters of an answer that are read."""
MOST_SPANS = 200
"""Of an answer, at most."""
NOTHING = re.compile(r"\W*(?:none|no\b.*|nothing|n/?a|null|-|not\s+(?:mentioned|stated)|)\W*", re.I)
PAIR = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"|(?<!\w)'((?:[^'\\\n]|\\.|(?<=\w)'(?=\w))*)'(?!\w)")
"""A text in quotation marks; an apostrophe within a word is none."""
BLANK = " \t\r\n\"'`*_.,;:()[]{}<>-"


class Span(NamedTuple):
    """Where a span lies; a text that does not stand there lies nowhere, at -1."""

    kind: str
    start: int
    end: int


def read_spans(answer: str, text: str, kinds: Mapping[str, Sequence[str]]) -> list[Span] | None:
    """The spans that an answer names, in order; None where it neither names any nor says none.

    What is named and does not stand in the text is a span at -1: it was given, and is wrong. The
    same text named twice is its second place, where it has one.

    >>> text = "Rash after penicillin."
    >>> read_spans("drug: penicillin", text, {"drug": ["drug"]})
    [Span(kind='drug', start=11, end=21)]
    >>> read_spans("none", text, {"drug": ["drug"]})
    []

    Args:
        answer: as it was written, without thinking.
        text: that of which the spans are.
        kinds: of each kind the words that an answer may have for it.
    """
    answer = unicodedata.normalize("NFKC", answer[:MOST_READ])
    names = {word.casefold(): kind for kind, words in kinds.items() for word in words}
    listed = "|".join(re.escape(word) for word in sorted(names, key=len, reverse=True))
    key = re.compile(rf"[\"'*_`\s\[{{,(-]*\b({listed})(?:s|\(s\))?\b[\"'*_`\s]*[:=]", re.IGNORECASE)
    heads = list(key.finditer(answer))
    if not heads:
        return [] if NOTHING.fullmatch(answer.strip().split("\n")[0]) and answer.strip() else None
    spans: list[Span] = []
    taken: dict[tuple[str, str], int] = {}
    for number, head in enumerate(heads):
        limit = heads[number + 1].start() if number + 1 < len(heads) else len(answer)
        for item in _items(answer[head.end() : limit]):
            kind = names[head[1].casefold()]
            start, end = _place(item, text, taken.get((kind, item), 0))
            taken[kind, item] = max(end, 0)
            if len(spans) < MOST_SPANS:
                spans.append(Span(kind, start, end))
    return spans


def _items(value: str) -> list[str]:
    """The texts of a value: those in quotation marks, else those between commas or on lines."""
    value = value.strip()
    quoted = [first or second for first, second in PAIR.findall(value)]
    if quoted:
        parts = quoted
    elif value.startswith("["):
        parts = re.split(r"[,;\n]", value.partition("]")[0])
    else:
        lines = value.split("\n\n")[0].split("\n")
        listed = [line for line in lines[1:] if re.match(r"\s*(?:[-*\u2022]|\d+[.)])\s", line)]
        first = re.split(r";|,\s|\}", lines[0])
        parts = [*first, *(re.sub(r"^\s*\d+[.)]", "", line) for line in listed)]
    whole = (part.strip(BLANK) for part in parts)
    return [" ".join(part.split()) for part in whole if part and not NOTHING.fullmatch(part)]


def _place(item: str, text: str, after: int) -> tuple[int, int]:
    """Where a text stands, from a place on if it does there, white space and case aside."""
    words = r"\s+".join(re.escape(word) for word in item.split())
    pattern = re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE)
    match = pattern.search(text, after) or pattern.search(text)
    return match.span() if match else (-1, -1)
