"""Rows of a user's file for lm-eval, with every value as it stands in the file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from harness.data import READERS, read_file
from harness.types import HarnessError

NUMBER = re.compile(r"-?\d+(\.\d+)?")
"""What a CSV cell must be to be a number; Python must also write it the same."""
Row = dict[str, Any]


class Rows(Sequence[Row]):
    """What lm-eval uses of a `datasets.Dataset`, over rows that Arrow would change.

    Arrow gives a column one type: keys that some rows lack become null in them, whole numbers
    beside others become floating-point ones, and a column of numbers and texts cannot be had.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = list(rows)

    @property
    def features(self) -> Mapping[str, None]:
        """The columns, by name."""
        return dict.fromkeys(key for row in self._rows for key in row)

    @property
    def column_names(self) -> list[str]:
        """The columns' names."""
        return list(self.features)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Rows: ...
    @overload
    def __getitem__(self, at: str) -> list[Any]: ...
    def __getitem__(self, at: int | slice | str) -> Row | Rows | list[Any]:
        if isinstance(at, str):
            return [row.get(at) for row in self._rows]
        return Rows(self._rows[at]) if isinstance(at, slice) else self._rows[at]

    def map(
        self,
        function: Callable[..., Mapping[str, Any] | None],
        with_indices: bool = False,
        remove_columns: str | Sequence[str] = (),
        fn_kwargs: Mapping[str, Any] | None = None,
        batched: bool = False,
    ) -> Rows:
        """Every row with what the function makes of it laid over it."""
        if batched:
            raise _unknown("map(batched=True)")
        arguments = dict(fn_kwargs or {})
        lost = {remove_columns} if isinstance(remove_columns, str) else set(remove_columns or ())
        mapped = []
        for number, row in enumerate(self._rows):
            columns = function(dict(row), *([number] if with_indices else []), **arguments)
            remaining = {key: value for key, value in row.items() if key not in lost}
            mapped.append({**remaining, **(columns or {})})
        return Rows(mapped)

    def filter(self, function: Callable[..., Any], with_indices: bool = False) -> Rows:
        """The rows for which the function holds."""
        return Rows(
            [
                row
                for number, row in enumerate(self._rows)
                if function(row, *([number] if with_indices else []))
            ]
        )

    def select(self, numbers: Sequence[int]) -> Rows:
        """Rows by their numbers."""
        return Rows([self._rows[number] for number in numbers])

    def shuffle(self, seed: int | None = None) -> Rows:
        """The rows in the order that `datasets` draws from this seed."""
        import numpy as np

        return self.select(np.random.default_rng(seed).permutation(len(self)).tolist())

    def remove_columns(self, names: str | Sequence[str]) -> Rows:
        """The rows without some columns."""
        return self.map(lambda row: None, remove_columns=names)

    def rename_column(self, old: str, new: str) -> Rows:
        """The rows with a column under another name, in its place."""
        return Rows(
            [{new if key == old else key: value for key, value in row.items()} for row in self]
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise _unknown(name)


def read_rows(path: Path) -> tuple[Any, list[str]]:
    """A file's rows as a data set for lm-eval, and its columns that are read as numbers.

    A cell of a CSV is its text, whatever it says (`NA`, `null`, `true`, `007`), but a column that
    holds nothing but numbers as Python writes them is one of numbers: labels count choices.

    Raises:
        HarnessError: the file cannot be read, or holds nothing.
    """
    rows = [dict(row) for row in read_file(path)]
    if not rows:
        raise HarnessError(f"task.data={str(path)!r} holds no records")
    numbers: list[str] = []
    if ".csv" in path.suffixes[-2:]:
        numbers = [name for name in rows[0] if all(_is_number(str(row[name])) for row in rows)]
        for row in rows:
            row.update({name: _number(str(row[name])) for name in numbers})
    return _as_dataset(rows), numbers


def is_readable(path: Path) -> bool:
    """Whether it is a file whose ending says how it is read."""
    return path.is_file() and path.suffix in READERS


def _as_dataset(rows: Sequence[Row]) -> Any:
    """A `datasets.Dataset`, where it gives back exactly these rows."""
    import datasets
    import pyarrow

    try:
        dataset = datasets.Dataset.from_list(list(rows))
    except (pyarrow.ArrowException, ValueError, TypeError, OverflowError):
        return Rows(rows)
    write = json.JSONEncoder(default=repr).encode
    same = all(
        write(ours) == write(converted) for ours, converted in zip(rows, dataset, strict=True)
    )
    return dataset if same else Rows(rows)


def _is_number(cell: str) -> bool:
    return bool(NUMBER.fullmatch(cell)) and str(_number(cell)) == cell


def _number(cell: str) -> int | float:
    return float(cell) if "." in cell else int(cell)


def _unknown(name: str) -> HarnessError:
    return HarnessError(
        f"lm-eval's task prepares its data with Dataset.{name}, for which the file would have to "
        "be changed: give every row the same keys, and every column values of one type"
    )
