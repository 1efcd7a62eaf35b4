"""How far a metric can be trusted, as a mark and a short phrase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MARKS = {
    "well": "\u25cf",
    "partly": "\u25d0",
    "hardly": "\u25cb",
    "unknown": "?",
    "exact": "=",
}
"""Of each grade of agreement with people in `run.json`: shapes, for colours are not printed."""
WORDS = {
    "well": "agrees well with people",
    "partly": "agrees in part with people",
    "hardly": "hardly agrees with people",
    "unknown": "agreement with people",
    "exact": "",
}


@dataclass(frozen=True)
class Trust:
    """What stands beside a metric."""

    mark: str
    words: str
    """Of the mark; empty where the phrase says all."""
    phrase: str
    """Such as `AUC 0.96 on XSTest`."""


def trust(agreement: Mapping[str, Mapping[str, str]], row: Mapping[str, Any]) -> Trust:
    """How far the metric of an estimate can be trusted.

    Args:
        agreement: of each metric its grade and phrase, as `run.json` has them; a run of before has
            none, and then the whole sentence is the phrase.
        row: of the estimates.
    """
    known = agreement.get(row["metric"])
    if known is None:
        return Trust("", "", row["validity"])
    return Trust(MARKS[known["grade"]], WORDS[known["grade"]], known["phrase"])


def key_to_marks(marks: set[str]) -> str:
    """What each of some marks means, in one line; empty where none needs it."""
    words = {MARKS["well"]: "good", MARKS["partly"]: "partial", MARKS["hardly"]: "poor"}
    listed = [f"{mark} {word}" for mark, word in words.items() if mark in marks]
    return f"agreement with people: {', '.join(listed)}" if listed else ""
