"""Texts as a run's page shows them."""

from __future__ import annotations

from harness.types import up_to, visible

MOST_CHARACTERS = 20_000
"""Of one text; the page says how many more there are."""


def shown_text(text: str | None) -> str | None:
    """As the page shows it: what is unseen written out, and not longer than it can hold."""
    if text is None:
        return None
    more = len(text) - MOST_CHARACTERS
    visible_text = visible(up_to(text, MOST_CHARACTERS))
    return (
        visible_text
        if more <= 0
        else f"{visible_text}\n\u2026 and {more:,} more characters in the run folder"
    )
