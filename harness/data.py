"""Reads a task's records from its starter set, a user's file or a published data set."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from harness.fields import text_field
from harness.formats import BLOCK, READERS, JsonLines, Row, ending, seems
from harness.types import HarnessError, Records

__all__ = [
    "BLOCK", "READERS", "HubFiles", "JsonLines", "Row", "read_file", "read_records", "text_field",
]  # fmt: skip


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
        files = sorted(f for f in path.rglob("*") if ending(f) in READERS)
        if not files:
            raise HarnessError(
                f"{option}: folder {str(path)!r} holds no file that ends in {', '.join(READERS)}"
            )
        return [
            {**row, "file": file.relative_to(path).as_posix()}
            for file in files
            for row in read_file(file, option)
        ]
    reader = READERS.get(ending(path))
    if reader is None:
        names = "neither 'starter' nor 'hub' nor" if option == "task.data" else "not"
        raise HarnessError(
            f"{option}={str(path)!r} is {names} a file or folder of files that end in "
            f"{', '.join(READERS)}{_what_it_is(path)}"
        )
    if not _is(path, Path.is_file):
        raise HarnessError(f"{option}: there is no data file {str(path)!r}")
    try:
        return reader(path)
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


def _read_hub(hub: HubFiles) -> list[Row]:
    rows: list[Row] = []
    for address, columns in hub.files.items():
        try:
            part = _published(hub.builder, address)
        except Exception as error:
            raise HarnessError(
                f"the published data {address!r} cannot be had ({type(error).__name__}: "
                f"{' '.join(str(error).split())[:200]}); download it and pass task.data=FILE"
            ) from error
        rows += [{**row, **columns} for row in part]
    return rows


def _published(builder: str, address: str) -> Iterable[Row]:
    """The rows of a published file; texts stay texts, which `datasets` makes dates and nothing of.

    (datasets 5.2: its CSV reader turns "NA" and "None" into null, its JSON reader "2009-01-12" into
    a timestamp.)
    """
    import datasets

    options = {"keep_default_na": False} if builder == "csv" else {}
    part = datasets.load_dataset(builder, data_files=address, split="train", **options)
    if builder == "json" and "timestamp" in str(part.features):
        return JsonLines(Path(datasets.DownloadManager().download(address)))
    return cast("Iterable[Row]", part)
