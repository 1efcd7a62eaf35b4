"""Result files, written whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from harness.types import HarnessError, written_whole

PARQUET = {"compression": "zstd", "write_page_checksum": True}


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that is written whole or not at all.

    Raises:
        HarnessError: the disk is full or the folder cannot be written.
    """
    try:
        with written_whole(path) as file:
            yield file
    except OSError as error:
        raise HarnessError(
            f"{str(path)!r} cannot be written ({error.strerror or error}); nothing stored "
            "before is lost: make room, then run the same command again"
        ) from error


def write_text(path: Path, text: str) -> Path:
    """Replace a file of text; gives its path."""
    with whole_file(path) as file:
        file.write(text.encode())
    return path


def write_table(folder: Path, name: str, table: pa.Table, csv: bool = False) -> None:
    """Replace a table, as Parquet and where asked as CSV."""
    with whole_file(folder / f"{name}.parquet") as file:
        pq.write_table(table, file, **PARQUET)
    if csv:
        import pyarrow.csv

        with whole_file(folder / f"{name}.csv") as file:
            pyarrow.csv.write_csv(table, file)
