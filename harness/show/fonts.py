"""Fonts for what figures say in any script: those that are here, and which letters none has."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

USUAL = "DejaVu Sans"
"""Which comes with matplotlib: Latin, Greek, Cyrillic, Arabic and Hebrew letters."""
FAMILIES = (
    "Noto Sans Arabic", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil",
    "Noto Sans Telugu", "Noto Sans Gujarati", "Noto Sans Kannada", "Noto Sans Malayalam",
    "Noto Sans Gurmukhi", "Noto Sans Oriya", "Noto Sans Sinhala", "Noto Sans Thai",
    "Noto Sans Ethiopic", "Noto Sans Georgian", "Noto Sans Armenian", "Noto Sans Khmer",
    "Noto Sans Myanmar", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC",
    "WenQuanYi Zen Hei", "Lohit Devanagari", "Nirmala UI", "Microsoft YaHei", "Malgun Gothic",
    "Segoe UI", "PingFang SC", "Hiragino Sans GB", "Kohinoor Devanagari", "Apple SD Gothic Neo",
    "Arial Unicode MS", "Noto Emoji",
)  # fmt: skip
"""That have other letters, on Linux, Windows and macOS, in the order in which they are tried."""


MOST_NAMED = 3
"""Scripts that a figure names as lacking."""


class Fonts(NamedTuple):
    """What some texts are drawn with."""

    families: Sequence[str]
    """The usual one first, then those that are there for letters that it lacks."""
    lacking: Sequence[str]
    """Scripts of which a letter is in none of them, by their names in Unicode."""

    @property
    def note(self) -> str:
        """What a figure says of letters that it shows as boxes; empty where there are none."""
        if not self.lacking:
            return ""
        more = ", ..." if len(self.lacking) > MOST_NAMED else ""
        named = ", ".join(self.lacking[:MOST_NAMED])
        return f"boxes: no font here has letters of {named}{more}; install Noto fonts"


def fonts_for(texts: Iterable[str]) -> Fonts:
    """As few fonts as have the letters of these texts, of those that are here.

    >>> fonts_for(["refused by kind"])
    Fonts(families=['DejaVu Sans'], lacking=[])

    Args:
        texts: that a figure shows.
    """
    letters = {ord(character) for text in texts for character in text if _is_drawn(character)}
    lacking = letters - _letters(USUAL)
    families = [USUAL]
    for family in FAMILIES if lacking else ():
        if family in _known() and (covered := _letters(family) & lacking):
            families.append(family)
            lacking -= covered
    return Fonts(families, sorted({_script(letter) for letter in lacking}))


def _is_drawn(character: str) -> bool:
    """Whether it shows anything by itself: white space, joiners and marks of direction do not."""
    return not character.isspace() and unicodedata.category(character) not in ("Cc", "Cf")


@cache
def _known() -> frozenset[str]:
    """The families that matplotlib knows, with those that were installed since it looked."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    listed = {entry.fname for entry in fontManager.ttflist}
    names = {"NotoSansCJK", *(family.replace(" ", "") for family in FAMILIES)}
    for path in findSystemFonts():
        name, _, style = Path(path).stem.partition("-")
        if path not in listed and name in names and style in ("", "Regular"):
            fontManager.addfont(path)
    return frozenset(entry.name for entry in fontManager.ttflist)


@cache
def _letters(family: str) -> frozenset[int]:
    """Code points that a family has."""
    from matplotlib.font_manager import findfont, get_font

    path = findfont(family, fallback_to_default=False, rebuild_if_missing=False)
    return frozenset(get_font(path).get_charmap())


def _script(letter: int) -> str:
    """The first word of a letter's name, such as Devanagari; the code point where it has none."""
    name = unicodedata.name(chr(letter), "")
    word = name.partition(" ")[0].partition("-")[0]
    return "Chinese" if word == "CJK" else word.capitalize() or f"U+{letter:04X}"
