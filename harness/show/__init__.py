"""What draws: figures, pages, Markdown, and what a terminal shows."""

from harness.show.figures import BLUE, INK, MOST_LETTERS, ORANGE, SIDES, Drawn, draw, forest, save
from harness.show.html import page, picture, worst_end
from harness.show.markdown import safe
from harness.show.terminal import ARROWS, WIDTH, missing_lines, number, progress

__all__ = [
    "ARROWS",
    "BLUE",
    "INK",
    "MOST_LETTERS",
    "ORANGE",
    "SIDES",
    "WIDTH",
    "Drawn",
    "draw",
    "forest",
    "missing_lines",
    "number",
    "page",
    "picture",
    "progress",
    "safe",
    "save",
    "worst_end",
]
