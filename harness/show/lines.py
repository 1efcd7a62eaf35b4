"""Lines of text in any script: as wide as a terminal shows them, in the order that they are in."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from harness.types import RIGHT_TO_LEFT

MARKED = "\u200e\u2068{}\u2069"
"""Nothing that is seen: the line runs from left to right, and the text in it as its letters do."""


def steady(text: str) -> str:
    """A text beside which a terminal or a figure keeps everything in its place.

    Numbers and brackets that stand after an Arabic word would be drawn before it.

    >>> steady("kind"), steady("\u0642\u0633\u0645") == "\u200e\u2068\u0642\u0633\u0645\u2069"
    ('kind', True)
    """
    if not RIGHT_TO_LEFT.search(text):
        return text
    indent = text[: len(text) - len(text.lstrip())]
    return f"{indent}{MARKED.format(text.lstrip())}"


def wrap(text: str, columns: int, most: int | None = None) -> list[str]:
    """The text on lines of at most so many columns of a terminal, its white space made single.

    Args:
        text: to be wrapped at white space, and within what has none and is longer than a line; the
            spaces that it begins with are those of each line.
        columns: at most.
        most: lines; the last ends with an ellipsis where there would be more.
    """
    indent = text[: len(text) - len(text.lstrip(" "))]
    text, fold = " ".join(text.split()), textwrap.wrap
    if not text.isascii():
        from wcwidth import wrap as fold
    return fold(
        text,
        columns,
        initial_indent=indent,
        subsequent_indent=indent,
        max_lines=most,
        placeholder=" \u2026",
    )


def wrapped(texts: Iterable[str], columns: int) -> list[str]:
    """The lines that texts take, each a paragraph."""
    return [line for text in texts for line in wrap(text, columns)]
