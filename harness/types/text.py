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
RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
"""A letter of a script that is written from right to left."""
_RUN = re.compile(rf"{RIGHT_TO_LEFT.pattern}+(?:[\W\d_]+{RIGHT_TO_LEFT.pattern}+)*")
"""Words from right to left, with what stands between them."""
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


def up_to(text: str, most: int) -> str:
    """The text's first characters, at most so many, none of them a part of what is seen as one.

    >>> up_to("\u0915\u094d\u0937\u0924\u094d\u0930", 4)
    '\u0915\u094d\u0937'
    """
    if len(text) <= most or text.isascii():
        return text[:most]
    from wcwidth import grapheme_boundary_before

    return text[: grapheme_boundary_before(text, most + 1) or most]


def shortened(text: str, columns: int, keep_end: bool = False) -> str:
    """The text in at most so many columns of a terminal, with an ellipsis where it is cut.

    A Chinese letter takes two columns. What is seen as one is never cut.

    Args:
        text: on one line, as `visible` gives it.
        columns: at most, at least 1.
        keep_end: whether its end is kept rather than its beginning.

    >>> shortened("\u533b\u7597\u4fdd\u5065", 6), shortened("model-7", 4, keep_end=True)
    ('\u533b\u7597\u2026', '\u2026l-7')
    """
    if text.isascii() and len(text) <= columns:
        return text
    from wcwidth import iter_graphemes, iter_graphemes_reverse, width

    if width(text, control_codes="ignore") <= columns:
        return text
    graphemes, room = [], columns - 1
    for grapheme in iter_graphemes_reverse(text) if keep_end else iter_graphemes(text):
        room -= width(grapheme, control_codes="ignore")
        if room < 0:
            break
        graphemes.append(grapheme)
    while True:
        cut = f"\u2026{''.join(reversed(graphemes))}" if keep_end else f"{''.join(graphemes)}\u2026"
        if not graphemes or width(cut, control_codes="ignore") <= columns:
            return cut
        graphemes.pop()  # a mark with nothing before it is wider among others than by itself


def isolated(sentence: str) -> str:
    """The sentence with words from right to left between marks that keep the others in place.

    A number or a bracket that stands after an Arabic word would be drawn before it.

    >>> isolated("kind \u0642\u0633\u0645 (2)") == "kind \u2068\u0642\u0633\u0645\u2069 (2)"
    True
    """
    return _RUN.sub("\u2068\\g<0>\u2069", sentence)


def stands_in(vendor: str, text: str) -> bool:
    """Whether a rendered prompt holds a vendor's text, line by line."""
    return all(line.strip() in text for line in vendor.splitlines())
