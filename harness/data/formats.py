"""The formats that rows come in, each read as it stands in the file: no value is converted."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO, overload

from harness.data.disguises import POINTER, SEPARATORS, looks_like, seems
from harness.types import HarnessError

Row = Mapping[str, object]
BLOCK = 256
"""Rows of a JSONL file that are compressed together."""
READ_AT_ONCE = 1 << 20
"""Bytes of a column of a Parquet file."""
FILE_CUT = "is the file cut off?"


def ending(path: Path) -> str:
    """What a file is: its ending in small letters, without that of gzip, which packs text."""
    stem = Path(path.stem)
    packed = path.suffix.lower() == ".gz" and stem.suffix.lower() != ".parquet"
    return (stem.suffix if packed else path.suffix).lower()


def open_text(path: Path) -> TextIO:
    """A text file, packed by gzip or not."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


class JsonLines(Sequence[Row]):
    """The objects of a JSONL file, held compressed, so that many take little memory.

    Raises:
        HarnessError: a line is no JSON object.
    """

    def __init__(self, path: Path) -> None:
        self._blocks: list[bytes] = []
        self._count = 0
        with open_text(path) as file:
            lines = (line for n, line in enumerate(file, 1) if _object(line, path, n) is not None)
            while block := list(islice(lines, BLOCK)):
                self._blocks.append(zlib.compress(f"[{','.join(block)}]".encode(), 1))
                self._count += len(block)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        for block in range(len(self._blocks)):
            yield from self._unpack(block)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        block, place = divmod(range(len(self))[index], BLOCK)
        return self._unpack(block)[place]

    def _unpack(self, block: int) -> list[Row]:
        rows: list[Row] = json.loads(zlib.decompress(self._blocks[block]))
        return rows


def walk_jsonl(path: Path) -> Iterator[Row]:
    """The objects of a JSONL file, one at a time.

    Raises:
        HarnessError: a line is no JSON object.
    """
    with open_text(path) as file:
        for number, line in enumerate(file, 1):
            row = _object(line, path, number)
            if row is not None:
                yield row


def _object(line: str, path: Path, number: int) -> Row | None:
    """What stands in a line, which must be an object; None: nothing does."""
    if not line.strip():
        return None
    try:
        row: Row = json.loads(line, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise HarnessError(
            f"data file {str(path)!r}, line {number} is not JSON ({error}); {_lines_hint(path)}"
        ) from error
    if not isinstance(row, dict):
        raise HarnessError(
            f"data file {str(path)!r}, line {number} is not a JSON object but {_kind(row)}; "
            f"{_lines_hint(path)}"
        )
    return row


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON, none of whose keys stands there twice."""
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in row if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in one object")
    return row


def _lines_hint(path: Path) -> str:
    """What a file seems to be that is named as JSON lines and holds something else."""
    try:
        with open_text(path) as file:
            content = json.load(file)
    except (ValueError, RecursionError):
        return _hint(path)
    if isinstance(content, list):
        return "the file seems to be one JSON array: name it .json"
    if isinstance(content, dict):
        return "the file seems to be one JSON object: write each row as an object in a line"
    return "write each row as an object in a line"


def _kind(value: object) -> str:
    """What JSON calls a value."""
    names = {list: "an array", dict: "an object", str: "a text", bool: "true or false"}
    return "null" if value is None else names.get(type(value), "a number")


def read_json(path: Path) -> list[Row]:
    """The objects of a JSON array.

    Raises:
        HarnessError: the file holds something else; what it seems to hold is said.
    """
    try:
        with open_text(path) as file:
            rows = json.load(file, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        raise HarnessError(
            f"data file {str(path)!r} is not JSON ({error}); {_json_hint(path)}"
        ) from error
    if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        return rows
    raise HarnessError(f"data file {str(path)!r} is not a JSON array of objects{_array_hint(rows)}")


def _json_hint(path: Path) -> str:
    """What a file seems to be that is named as JSON and holds something else."""
    try:
        with open_text(path) as file:
            lines = [json.loads(line) for line in islice(filter(str.strip, file), 2)]
    except (ValueError, RecursionError):
        return _hint(path)
    if lines and all(isinstance(line, dict) for line in lines):
        return "the file seems to hold JSON lines: name it .jsonl"
    return _hint(path)


def _hint(path: Path) -> str:
    """What the file seems to be instead; where nothing tells, it may be cut off."""
    packed = path.suffix.lower() == ".gz"
    kind = None if packed else looks_like(path)
    if kind is None or kind.endswith(f"name it {ending(path)}"):
        return FILE_CUT
    return f"it seems to be {kind}"


def _array_hint(content: Any) -> str:
    """What stands where an array of objects was looked for, and what to do."""
    if isinstance(content, list):
        kinds = sorted({_kind(row) for row in content if not isinstance(row, dict)})
        return f" but holds {' and '.join(kinds)} among them: write each row as an object"
    if not isinstance(content, dict):
        return f" but {_kind(content)}"
    lists = [name for name, value in content.items() if isinstance(value, list)]
    if lists:
        return (
            f" but an object whose lists are {', '.join(map(repr, lists))}: save the list of rows "
            "alone, each of them an object"
        )
    if content and all(isinstance(value, dict) for value in content.values()):
        return " but an object of objects: save an array with an object for each row"
    return " but one object: put it into brackets, or write each row as a line of a .jsonl file"


def read_csv(path: Path) -> list[Row]:
    """The records of a CSV file, every value a text.

    Raises:
        HarnessError: the file is no CSV, or its fields are separated by something else than commas.
    """
    return list(walk_csv(path))


def walk_csv(path: Path) -> Iterator[Row]:
    """The records of a CSV file, every value a text, one at a time.

    Raises:
        HarnessError: the file is no CSV, or its fields are separated by something else than commas.
    """
    csv.field_size_limit(2**31 - 1)
    with open_text(path) as lines:
        try:
            reader = csv.DictReader(lines, strict=True, restkey="(more)")
            names = list(reader.fieldnames or [])
            _check_header(names, path)
            for number, row in enumerate(reader, 1):
                _check_record(row, names, path, number)
                yield dict(row)
        except csv.Error as error:
            raise HarnessError(
                f"data file {str(path)!r}, line {max(reader.line_num, 1)} is not CSV ({error}); "
                f"{_hint(path)}"
            ) from error


def _check_record(row: Mapping[str, object], names: Sequence[str], path: Path, number: int) -> None:
    unnamed = "" in names[1:] and row[""]
    if unnamed or None in row.values() or "(more)" in row:
        above = "does a line stand above the header?" if unnamed or len(names) < 2 else _hint(path)
        raise HarnessError(
            f"data file {str(path)!r}, record {number} has other columns than the header "
            f"({', '.join(names)[:200]}); {above}"
        )


def _check_header(names: Sequence[str], path: Path) -> None:
    """Refuse a header that cannot be one.

    Raises:
        HarnessError: it is one name that holds another separator, or a name stands there twice.
    """
    for mark, word in SEPARATORS.items():
        if len(names) == 1 and (mark in names[0] or names[0] == f"sep={mark}"):
            raise HarnessError(
                f"data file {str(path)!r} seems to be separated by {word} (its first line is "
                f"{names[0][:80]!r}): save it with commas"
            )
    if len(set(names)) < len(names):
        hint = "; does a line stand above the header?" if names.count("") > 1 else ""
        raise HarnessError(f"data file {str(path)!r} has two columns of one name: {names}{hint}")
    if names and names[0].lstrip().startswith(("<", "[", "{", POINTER)):
        raise HarnessError(
            f"data file {str(path)!r} is not CSV (it begins with {names[0][:40]!r}); {_hint(path)}"
        )


def read_parquet(path: Path) -> list[Row]:
    """The rows of a Parquet file.

    Raises:
        HarnessError: it is none.
    """
    return list(walk_parquet(path))


def walk_parquet(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file, one at a time.

    Raises:
        HarnessError: it is none.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path, buffer_size=READ_AT_ONCE) as file:
            for batch in file.iter_batches(BLOCK):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        reason = " ".join(str(error).split())
        kind = seems(path) or looks_like(path)
        hint = "is it cut off?" if kind in (None, "a Parquet file") else f"it seems to be {kind}"
        raise HarnessError(f"data file {str(path)!r} is not Parquet ({reason}); {hint}") from error


READERS: Mapping[str, Callable[[Path], Sequence[Row]]] = {
    ".jsonl": JsonLines,
    ".json": read_json,
    ".csv": read_csv,
    ".parquet": read_parquet,
}
WALKS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": walk_jsonl,
    ".csv": walk_csv,
    ".parquet": walk_parquet,
}
"""The formats whose rows can be had one at a time."""
