"""What draws: figures, pages, Markdown, and what a terminal shows."""

from harness.show.categories import Labels, category, with_categories
from harness.show.columns import table
from harness.show.figures import BLUE, INK, MOST_COLUMNS, ORANGE, SIDES, Drawn, draw, forest, save
from harness.show.html import page, picture, worst_end
from harness.show.lines import steady, wrap, wrapped
from harness.show.markdown import safe
from harness.show.terminal import (
    ARROWS,
    interval,
    language_lines,
    missing_lines,
    number,
    progress,
    terminal_width,
)
from harness.show.trusted import Trust, key_to_marks, trust

__all__ = [
    "ARROWS",
    "BLUE",
    "INK",
    "MOST_COLUMNS",
    "ORANGE",
    "SIDES",
    "Drawn",
    "Labels",
    "Trust",
    "category",
    "draw",
    "forest",
    "interval",
    "key_to_marks",
    "language_lines",
    "missing_lines",
    "number",
    "page",
    "picture",
    "progress",
    "safe",
    "save",
    "steady",
    "table",
    "terminal_width",
    "trust",
    "with_categories",
    "worst_end",
    "wrap",
    "wrapped",
]
