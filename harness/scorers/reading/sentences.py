"""The sentences of a text, each on a line of its own."""

from __future__ import annotations

import re

ENDS = re.compile(
    r"(?<=[.!?])\s+|(?<=[.!?][\"')\]*_\u2019\u201d])\s+|(?<=[\u3002\uff01\uff1f])|\n+"
)
ABBREVIATED = re.compile(r"(?:^|[\s(])(?:[A-Z]|Dr|Mr|Mrs|Ms|Prof|St|vs|e\.g|i\.e|approx)\.$")
"""What ends in a full stop and ends no sentence."""


def sentences(text: str) -> list[str]:
    """The sentences in order, white space made plain; what holds no letter joins the next.

    So the number of a list's item stands with what it numbers, and nothing with letters is lost.
    """
    parts: list[str] = []
    held = ""
    for part in ENDS.split(text):
        words = " ".join(part.split())
        held = f"{held} {words}".strip()
        if any(map(str.isalpha, held)) and not ABBREVIATED.search(held):
            parts.append(held)
            held = ""
    if any(map(str.isalpha, held)):
        parts.append(held)
    return parts
