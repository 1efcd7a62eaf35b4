"""Reads rows from JSONL, JSON, CSV and Parquet files."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.data.disguises import seems
from harness.data.formats import READERS, WALKS, Row, ending
from harness.types import HarnessError


def read_file(path: Path, option: str = "task.data") -> Sequence[Row]:
    """The rows of one file, or of every file below a folder in the order of their paths.

    Values arrive as they stand in the file: of a CSV all are texts, "NA" and dates among them. Each
    row of a folder has the column `file`: the path below that folder.

    Args:
        path: of the file or folder.
        option: by which the user named it, for the sentence of an error.

    Raises:
        HarnessError: there is no such file, or it cannot be read as what its ending says.
    """
    if _is(path, Path.is_dir):
        return list(walk_file(path, option))
    with _read_as_it_says(path, option):
        return READERS[ending(path)](path)


def walk_file(path: Path, option: str = "task.data") -> Iterator[Row]:
    """The same, row by row; of a JSON array the rows are held all the same.

    Args:
        path: of the file or folder.
        option: by which the user named it, for the sentence of an error.

    Raises:
        HarnessError: there is no such file, or it cannot be read as what its ending says.
    """
    if _is(path, Path.is_dir):
        for file in _files_below(path, option):
            name = file.relative_to(path).as_posix()
            for row in walk_file(file, option):
                yield {**row, "file": name}
        return
    with _read_as_it_says(path, option):
        walk = WALKS.get(ending(path), READERS[ending(path)])
        yield from walk(path)


def _files_below(folder: Path, option: str) -> list[Path]:
    files = sorted(f for f in folder.rglob("*") if ending(f) in READERS)
    if not files:
        raise HarnessError(
            f"{option}: folder {str(folder)!r} holds no file that ends in {', '.join(READERS)}"
        )
    return files


@contextmanager
def _read_as_it_says(path: Path, option: str) -> Iterator[None]:
    """Say in a sentence why a file cannot be read in here.

    Raises:
        HarnessError: there is no such file, or it is not what its ending says.
    """
    if ending(path) not in READERS:
        names = "neither 'starter' nor 'hub' nor" if option == "task.data" else "not"
        raise HarnessError(
            f"{option}={str(path)!r} is {names} a file or folder of files that end in "
            f"{', '.join(READERS)}{_what_it_is(path)}"
        )
    if not _is(path, Path.is_file):
        raise HarnessError(f"{option}: there is no data file {str(path)!r}")
    try:
        yield
    except UnicodeDecodeError as error:
        raise HarnessError(
            f"data file {str(path)!r} is not UTF-8 (0x{error.object[error.start]:02x} at byte "
            f"{error.start} of what was read){_what_it_is(path) or '; save it as UTF-8'}"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise HarnessError(f"data file {str(path)!r} cannot be read: {reason}") from error


def _what_it_is(path: Path) -> str:
    """The end of a sentence on a file whose ending does not say what it holds."""
    kind = seems(path) if _is(path, Path.is_file) else None
    return f"; it seems to be {kind}: save it as CSV, JSON or Parquet" if kind else ""


def _is(path: Path, kind: Callable[[Path], bool]) -> bool:
    try:
        return kind(path)
    except OSError:  # a name that no file can have
        return False
