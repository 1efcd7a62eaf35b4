"""What a check of a bundle says: a place, and what of it does not come out or was not checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What became of a place in a bundle."""

    CHANGED = "changed"
    """Its bytes are not those that were sealed."""
    WRONG = "does not come out"
    """It is what was sealed, or sealed anew, and does not follow from the rows."""
    UNCHECKED = "not checked"
    """Nothing in the bundle could show whether it is right."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A place in a bundle with what is said of it."""

    kind: Kind
    place: str
    """The entry, then its row and column or its field: `scores.jsonl row 3 column value`."""
    words: str

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.place}: {self.words}"


def faults(findings: Sequence[Finding]) -> list[Finding]:
    """Those that say that something is not as it should be."""
    return [finding for finding in findings if finding.kind is not Kind.UNCHECKED]
