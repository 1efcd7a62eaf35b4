"""Columns of a file that describe its samples, each of one type, as a table must have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_LABEL = 80
"""Characters of a column's text that still describes a sample."""
NOT_FACTS = (
    "prompt", "request", "question", "input", "answer", "response", "completion", "generation",
    "output", "text", "id", "resps", "filtered_resps", "arguments", "doc", "target",
)  # fmt: skip
"""Columns that describe no sample, however short what stands in them is."""
LARGEST = {int: 2**63 - 1, float: 2**53}
"""Whole numbers that a column holds: of whole numbers alone, and of others among them."""
Fact = str | int | float | bool | None


def facts(row: Mapping[str, object]) -> dict[str, Fact]:
    """What of a row describes the sample rather than being its text."""
    described: dict[str, Fact] = {}
    for name, value in row.items():
        if name in NOT_FACTS:
            continue
        if value is None or isinstance(value, bool | int | float):
            described[_text(name)] = value
        elif isinstance(value, str) and len(value) <= LONGEST_LABEL:
            described[_text(name)] = _text(value)
    return described


def align(rows: Sequence[Mapping[str, Any]]) -> None:
    """Make texts of all that stands in a column of the rows' metadata which no one type holds."""
    columns: dict[str, list[Fact]] = {}
    for row in rows:
        for name, value in row["metadata"].items():
            if value is not None:
                columns.setdefault(name, []).append(value)
    mixed = {name for name, values in columns.items() if not _is_of_one_type(values)}
    for row in rows:
        metadata = row["metadata"]
        for name in mixed & metadata.keys():
            metadata[name] = None if metadata[name] is None else _written(metadata[name])


def _is_of_one_type(values: Sequence[Fact]) -> bool:
    kinds = {type(value) for value in values}
    if not kinds <= {int, float}:
        return len(kinds) == 1
    largest = LARGEST[float if float in kinds else int]
    return all(abs(value) <= largest for value in values if type(value) is int)


def _written(value: Fact) -> str:
    """A value as text; of a number too long for that its magnitude."""
    try:
        return str(value)
    except ValueError:  # Python writes no number of so many digits
        return hex(value) if isinstance(value, int) else repr(value)


def _text(value: str) -> str:
    """A text that can be stored: what is no character stands as its number."""
    return value.encode("utf-8", "backslashreplace").decode()
