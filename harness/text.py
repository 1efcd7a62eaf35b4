"""What texts have in common, whoever wrote them."""

from __future__ import annotations

import re

SENTENCE_END = re.compile(r"[.!?]+[\"'\u201d\u2019)\]]*(?=\s|$)|\n")


def well_formed(text: str) -> str:
    """The text as valid Unicode: a lone surrogate, which no file can hold, becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def first_sentence(text: str) -> str:
    """The text up to the end of its first sentence or line; the whole, where none ends."""
    start = len(text) - len(text.lstrip())
    found = SENTENCE_END.search(text, start)
    return text[: found.end()].rstrip("\n") if found else text
