"""A corpus as it streams by: a text at a time, none of them kept."""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from harness.data import open_text
from harness.types import HarnessError

ENDINGS = (".txt", ".md", ".jsonl", ".csv", ".parquet")
"""Of the files that are read; all but Parquet may be packed by gzip."""
AT_ONCE = 4096
"""Rows of a Parquet file that are held together."""


class Text(NamedTuple):
    """A text of a corpus with where it stands."""

    file: str
    number: int
    """Of its line or row, from 1."""
    text: str


def texts_of(path: Path, column: str | None = None, option: str = "corpus") -> Iterator[Text]:
    """The texts of a file, or of all files below a folder in the order of their paths.

    A line of a text file is a text, and a row of JSONL, CSV and Parquet.

    Args:
        path: of the file or folder.
        column: of a row that holds its text; None: all that is text in it, a line each.
        option: that named it, as a refusal says.

    Raises:
        HarnessError: there is none, it cannot be read, or a row lacks the column.
    """
    if not path.exists():
        raise HarnessError(f"{option}={str(path)!r}: there is no such file or folder")
    files = sorted(p for p in path.rglob("*") if _ending(p) in ENDINGS) if path.is_dir() else [path]
    if not files or _ending(files[0]) not in ENDINGS:
        raise HarnessError(
            f"{option}={str(path)!r} holds no file that ends in {', '.join(ENDINGS)}"
        )
    for file in files:
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        try:
            for number, text in enumerate(_read(file, column), start=1):
                yield Text(name, number, text)
        except (OSError, EOFError, ValueError, zlib.error, csv.Error, pa.ArrowException) as error:
            raise HarnessError(f"{option}: {str(file)!r} cannot be read: {error}") from error


def _ending(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return (
        suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else (suffixes or [""])[-1]
    )


def _read(path: Path, column: str | None) -> Iterator[str]:
    ending = _ending(path)
    if ending == ".parquet":
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(AT_ONCE):
                yield from (_text(row, column) for row in batch.to_pylist())
        return
    with open_text(path) as lines:
        if ending == ".jsonl":
            yield from (_text(json.loads(line), column) for line in lines if line.strip())
        elif ending == ".csv":
            yield from (_text(row, column) for row in csv.DictReader(lines))
        else:
            yield from lines


def _text(row: object, column: str | None) -> str:
    """The text of a row.

    Raises:
        ValueError: it lacks the column, or that is no text.
    """
    if column is None:
        return "\n".join(_within(row))
    value = row.get(column) if isinstance(row, dict) else None
    if not isinstance(value, str):
        raise ValueError(f"a row has no text in column {column!r}; name another with text=COLUMN")
    return value


def _within(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        inside: Iterable[object] = value.values() if isinstance(value, dict) else value
        for item in inside:
            yield from _within(item)
