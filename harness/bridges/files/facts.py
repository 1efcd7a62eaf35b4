"""Columns of a file that describe its samples, each of one type, as a table must have them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

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


class Kinds:
    """What stands in each column of metadata, told as the rows go by."""

    def __init__(self) -> None:
        self._types: dict[str, set[type]] = {}
        self._largest: dict[str, int] = {}
        """Of a column's whole numbers the largest magnitude."""

    def add(self, metadata: Mapping[str, Fact]) -> None:
        """Take in what describes a row."""
        for name, value in metadata.items():
            kinds = self._types.setdefault(name, set())
            if value is not None:
                kinds.add(type(value))
            if type(value) is int:
                self._largest[name] = max(self._largest.get(name, 0), abs(value))

    def __contains__(self, name: object) -> bool:
        """Whether any row has such a column."""
        return name in self._types

    def mixed(self) -> frozenset[str]:
        """The columns whose values no one type holds."""
        return frozenset(name for name in self._types if not self._is_of_one_type(name))

    def _is_of_one_type(self, name: str) -> bool:
        kinds = self._types[name]
        if not kinds <= {int, float}:
            return len(kinds) == 1
        return self._largest.get(name, 0) <= LARGEST[float if float in kinds else int]


def aligned(metadata: Mapping[str, Fact], mixed: Collection[str]) -> dict[str, Fact]:
    """The metadata of a row with texts for all in a column which no one type holds.

    >>> aligned({"dose": 5, "drug": "a", "age": None}, {"dose", "age"})
    {'dose': '5', 'drug': 'a', 'age': None}
    """
    return {
        name: _written(value) if name in mixed and value is not None else value
        for name, value in metadata.items()
    }


def _written(value: Fact) -> str:
    """A value as text; of a number too long for that its magnitude."""
    try:
        return str(value)
    except ValueError:  # Python writes no number of so many digits
        return hex(value) if isinstance(value, int) else repr(value)


def _text(value: str) -> str:
    """A text that can be stored: what is no character stands as its number."""
    return value.encode("utf-8", "backslashreplace").decode()
