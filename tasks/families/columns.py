"""Metadata of a family's samples: where a value is read, and which values there are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import lru_cache
from typing import Any, TypeVar

from harness.data import blank, fill
from harness.types import HarnessError, Records

Row = Mapping[str, object]
Value = str | int
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Column:
    """A metadata column of a task's samples."""

    names: Sequence[str] = ()
    """The columns of a record that may hold it; the first that is not blank does."""
    levels: Mapping[Value, str] | Sequence[Value] = ()
    """The values that there are, each with the name that tables show, or without; none: any text.
    Large and small letters are alike, and so are 2 and "2.0"."""
    path: str | None = None
    """A pattern whose first group is the value in the path of a record's file, if no column is."""
    absent: str | None = None
    """What it is where nothing stands; `{data}` is the name of the data. None: it must stand there.
    With levels a blank column is refused all the same, only one that is not there is this."""
    known: Mapping[object, Value] = field(init=False, repr=False, compare=False)
    """The level that each spelling of it in small letters is."""

    def __post_init__(self) -> None:
        spelled = {str(level).casefold(): level for level in self.levels}
        object.__setattr__(self, "known", spelled)

    def read(self, row: Row, records: Records, where: str) -> Value:
        """The value of a record.

        Args:
            row: the record.
            records: of which it is one.
            where: how a sentence names the record.

        Raises:
            HarnessError: it has none, or one that is none of the levels.
        """
        text = self._text(row) or self._of_path(row, records)
        if text in self.known:
            return self.known[text]
        if not text and self.absent is not None and not (self.levels and self._stands_in(row)):
            text = fill(self.absent, {"data": records.name}, where)
            if not self.levels:
                return text
        if not self.levels and text:
            return text
        level = self.known.get((text or "").casefold().removesuffix(".0"))
        if level is None:
            expected = f"none of {', '.join(map(str, self.levels))}" if self.levels else "no text"
            raise HarnessError(
                f"{where}: {self.names[0]} is {text!r}, {expected}; give it in a column "
                f"{' or '.join(map(repr, self.names))}"
            )
        return level

    @property
    def labels(self) -> dict[str, str]:
        """The name that tables show of each level, where it has one."""
        if not isinstance(self.levels, Mapping):
            return {}
        return {str(level): name for level, name in self.levels.items()}

    def _text(self, row: Row) -> str | None:
        for name in self.names:
            value = row.get(name)
            if not blank(value) and (text := str(value).strip()):
                return text
        return None

    def _of_path(self, row: Row, records: Records) -> str | None:
        return _group(self.path, str(row.get("file", records.name))) if self.path else None

    def _stands_in(self, row: Row) -> bool:
        return any(name in row for name in self.names)


@lru_cache(maxsize=1024)
def _group(pattern: str, path: str) -> str | None:
    """The first group of a pattern in a path, which many records of a file share."""
    match = re.search(pattern, path)
    return match[1] if match else None


def part_of(kind: type[Part], options: object, where: str) -> Part:
    """A record of a family from the options that a YAML gives for it.

    Args:
        kind: the class of the record.
        options: its fields by name.
        where: the option's name.

    Raises:
        HarnessError: an option means nothing, or one that must be there is not.
    """
    known = {part.name: part for part in fields(kind) if part.init}  # type: ignore[arg-type]
    if not isinstance(options, Mapping):
        raise HarnessError(f"{where}={options!r} must be options: {', '.join(known)}")
    for name in options:
        if name not in known:
            raise HarnessError(f"{where}.{name} means nothing; there are {', '.join(known)}")
    defaults: Any = (MISSING, MISSING)
    lacking = [
        name
        for name, part in known.items()
        if (part.default, part.default_factory) == defaults and name not in options
    ]
    if lacking:
        raise HarnessError(f"{where} lacks {', '.join(lacking)}")
    return kind(**options)


def labels_of(columns: Mapping[str, Column]) -> dict[str, dict[str, str]]:
    """The names of categories, of the columns that have any."""
    return {name: column.labels for name, column in columns.items() if column.labels}


def columns_of(described: Mapping[str, object], where: str) -> dict[str, Column]:
    """The columns that a YAML describes; one of which it says nothing has its own name."""
    columns = {}
    for name, options in described.items():
        column = part_of(Column, options or {}, f"{where}.{name}")
        names = column.names or (name,)
        names = (names,) if isinstance(names, str) else names
        columns[name] = Column(names, column.levels, column.path, column.absent)
    return columns
