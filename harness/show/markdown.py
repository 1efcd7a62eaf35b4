"""Text in Markdown that stays text."""

from __future__ import annotations

from harness.types import visible


def safe(text: str) -> str:
    """As Markdown shows it, on one line, whatever signs it holds."""
    text = " ".join(visible(text).split())
    for sign in "\\`*_[]<>&|!#":
        text = text.replace(sign, f"\\{sign}")
    return text
