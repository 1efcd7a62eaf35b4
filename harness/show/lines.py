"""Lines of text in any script: as wide as a terminal shows them, in the order that they are in."""

from __future__ import annotations

from harness.types import RIGHT_TO_LEFT

MARKED = "\u200e\u2068{}\u2069"
"""Nothing that is seen: the line runs from left to right, and the text in it as its letters do."""


def steady(text: str) -> str:
    """A text beside which a terminal or a figure keeps everything in its place.

    Numbers and brackets that stand after an Arabic word would be drawn before it.

    >>> steady("kind"), steady("\u0642\u0633\u0645") == "\u200e\u2068\u0642\u0633\u0645\u2069"
    ('kind', True)
    """
    return MARKED.format(text) if RIGHT_TO_LEFT.search(text) else text


def wrap(text: str, columns: int, most: int | None = None) -> list[str]:
    """The text on lines of at most so many columns of a terminal, its white space made single.

    Args:
        text: to be wrapped at white space, and within what has none and is longer than a line.
        columns: at most.
        most: lines; the last ends with an ellipsis where there would be more.
    """
    import textwrap

    text = " ".join(text.split())
    if text.isascii():
        return textwrap.wrap(text, columns, max_lines=most, placeholder=" \u2026")
    import wcwidth

    return wcwidth.wrap(text, columns, max_lines=most, placeholder=" \u2026")
