"""Reads a task's records from its starter set, a user's file or a published data set."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO, cast, overload

from harness.types import HarnessError, Records

Row = Mapping[str, object]
BLOCK = 256
"""Rows of a JSONL file that are compressed together."""


@dataclass(frozen=True, slots=True)
class HubFiles:
    """A published data set at a pinned revision: files that `datasets` downloads and caches."""

    builder: str
    """What `datasets` reads them with: `csv`, `json`, `parquet`."""
    files: Mapping[str, Mapping[str, object]]
    """Address of each file, and the columns that its name stands for."""


def read_records(data: str, starter: Path, hub: HubFiles | None = None) -> Records:
    """Read what `task.data` names: `starter`, `hub`, a JSONL, CSV or Parquet file, or a folder.

    Raises:
        HarnessError: there is no such file, or it cannot be read as what its ending says.
    """
    if not data.strip():
        raise HarnessError("task.data is empty; give starter, hub, or a file or folder")
    if data == "starter":
        name, rows = "starter", read_file(starter)
    elif data == "hub":
        if hub is None:
            raise HarnessError(
                "task.data=hub: this task has no published data set; use task.data=FILE"
            )
        name, rows = "hub", _read_hub(hub)
    else:
        name, rows = Path(data).name, read_file(Path(data))
    if not rows:
        raise HarnessError(f"task.data={data!r} holds no records")
    return Records(name, rows)


def read_file(path: Path) -> Sequence[Row]:
    """The rows of one file, or of every file below a folder in the order of their paths.

    Each row of a folder has the column `file`: the path below that folder.
    """
    if _is(path, Path.is_dir):
        files = sorted(f for f in path.rglob("*") if _ending(f) in READERS)
        if not files:
            raise HarnessError(
                f"folder {str(path)!r} holds no file that ends in {', '.join(READERS)}"
            )
        return [
            {**row, "file": file.relative_to(path).as_posix()}
            for file in files
            for row in read_file(file)
        ]
    reader = READERS.get(_ending(path))
    if reader is None:
        raise HarnessError(
            f"task.data={str(path)!r} is neither 'starter' nor 'hub' nor a file or folder of files "
            f"that end in {', '.join(READERS)}"
        )
    if not _is(path, Path.is_file):
        raise HarnessError(f"there is no data file {str(path)!r}")
    try:
        return reader(path)
    except UnicodeDecodeError as error:
        raise HarnessError(
            f"data file {str(path)!r} is not UTF-8 (0x{error.object[error.start]:02x} at byte "
            f"{error.start} of what was read); save it as UTF-8"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise HarnessError(f"data file {str(path)!r} cannot be read: {reason}") from error


def _ending(path: Path) -> str:
    """What a file is: its ending, without that of gzip, which text may be packed by."""
    packed = path.suffix == ".gz" and Path(path.stem).suffix != ".parquet"
    return Path(path.stem).suffix if packed else path.suffix


def _open(path: Path) -> TextIO:
    """A text file, packed by gzip or not."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def text_field(row: Row, names: Sequence[str], where: str) -> str:
    """The text of the first of these columns that the row has.

    Raises:
        HarnessError: it has none of them, or nothing in it.
    """
    for name in names:
        if name in row:
            value = row[name]
            if isinstance(value, str) and value.strip():
                return value
            raise HarnessError(f"{where}: {name!r} is {value!r}, not a text")
    raise HarnessError(
        f"{where} has no column {' or '.join(map(repr, names))}; it has {', '.join(map(repr, row))}"
    )


def _is(path: Path, kind: Callable[[Path], bool]) -> bool:
    try:
        return kind(path)
    except OSError:  # a name that no file can have
        return False


class JsonLines(Sequence[Row]):
    """The objects of a JSONL file, held compressed, so that many take little memory.

    Raises:
        HarnessError: a line is no JSON object.
    """

    def __init__(self, path: Path) -> None:
        self._blocks: list[bytes] = []
        self._count = 0
        with _open(path) as file:
            lines = (line for n, line in enumerate(file, 1) if _holds_object(line, path, n))
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


def _holds_object(line: str, path: Path, number: int) -> bool:
    """Whether there is anything in a line; what is there must be an object."""
    if not line.strip():
        return False
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise HarnessError(
            f"data file {str(path)!r}, line {number} is not JSON ({error}); is the file cut off?"
        ) from error
    if not isinstance(row, dict):
        raise HarnessError(f"data file {str(path)!r}, line {number} is not a JSON object")
    return True


def _read_csv(path: Path) -> list[Row]:
    csv.field_size_limit(2**31 - 1)
    with _open(path) as lines:
        try:
            reader = csv.DictReader(lines, strict=True, restkey="(more)")
            names = list(reader.fieldnames or [])
            rows: list[Row] = [dict(row) for row in reader]
        except csv.Error as error:
            raise HarnessError(
                f"data file {str(path)!r}, line {reader.line_num} is not CSV ({error}); is the "
                "file cut off?"
            ) from error
    if len(set(names)) < len(names):
        raise HarnessError(f"data file {str(path)!r} has two columns of one name: {names}")
    for number, row in enumerate(rows, 1):
        if None in row.values() or "(more)" in row:
            raise HarnessError(
                f"data file {str(path)!r}, record {number} has other columns than the header; is "
                "the file cut off?"
            )
    return rows


def _read_parquet(path: Path) -> list[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        return cast("list[Row]", pyarrow.parquet.read_table(path).to_pylist())
    except pyarrow.ArrowException as error:
        raise HarnessError(
            f"data file {str(path)!r} is not Parquet ({error}); is it cut off?"
        ) from error


def _read_json(path: Path) -> list[Row]:
    """A JSON array of objects."""
    try:
        with _open(path) as file:
            rows = json.load(file)
    except (ValueError, RecursionError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        raise HarnessError(
            f"data file {str(path)!r} is not JSON ({error}); is the file cut off?"
        ) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise HarnessError(f"data file {str(path)!r} is not a JSON array of objects")
    return rows


READERS: Mapping[str, Callable[[Path], Sequence[Row]]] = {
    ".jsonl": JsonLines,
    ".json": _read_json,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}


def _read_hub(hub: HubFiles) -> list[Row]:
    import datasets

    rows: list[Row] = []
    for address, columns in hub.files.items():
        try:
            part = datasets.load_dataset(hub.builder, data_files=address, split="train")
        except Exception as error:
            raise HarnessError(
                f"the published data {address!r} cannot be had ({type(error).__name__}: "
                f"{' '.join(str(error).split())[:200]}); download it and pass task.data=FILE"
            ) from error
        rows += [{**row, **columns} for row in part]
    return rows
