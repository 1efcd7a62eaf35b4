"""What texts have in common, whoever wrote them."""

from __future__ import annotations

import re
from collections.abc import Sequence

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Characters that show nothing, or change how others show: control codes, terminal colours, marks
of direction, halves of a pair, tags."""
SENTENCE_END = re.compile(r"[.!?]+[\"'\u201d\u2019)\]]*(?=\s|$)|\n")


def well_formed(text: str) -> str:
    """The text as valid Unicode: a lone surrogate, which no file can hold, becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def cut_at(text: str, stops: Sequence[str]) -> str:
    """The text up to the first of the strings in it; the whole, where it holds none."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return text[: min(places)] if places else text


def first_sentence(text: str) -> str:
    """The text up to the end of its first sentence or line; the whole, where none ends."""
    start = len(text) - len(text.lstrip())
    end = SENTENCE_END.search(text, start)
    return text[: end.end()].rstrip("\n") if end else text


def visible(text: str) -> str:
    """The text with every character that would not be seen written out, as \u27e8U+001B\u27e9."""
    return UNSEEN.sub(
        lambda match: f"\u27e8U+{ord(match[0]):04X}\u27e9", text.replace("\r\n", "\n")
    )


def stands_in(vendor: str, text: str) -> bool:
    """Whether a rendered prompt holds a vendor's text, line by line."""
    return all(line.strip() in text for line in vendor.splitlines())
