"""Where a task's records come from: its starter set, a user's file, a published data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from harness.data.files import read_file
from harness.data.formats import JsonLines, Row
from harness.types import HarnessError, Records


@dataclass(frozen=True, slots=True)
class HubFiles:
    """A published data set at a pinned revision: files that `datasets` downloads and caches."""

    builder: str
    """What `datasets` reads them with: `csv`, `json`, `parquet`."""
    files: Mapping[str, Mapping[str, object]]
    """Address of each file, and the columns that its name stands for."""


def read_records(
    data: str, starter: Path, hub: HubFiles | None = None, option: str = "task.data"
) -> Records:
    """Read what an option names: `starter`, `hub`, a JSONL, CSV or Parquet file, or a folder.

    Args:
        data: what it names.
        starter: the file of `starter`.
        hub: the files of `hub`; None: there is no published data set.
        option: by which the user named it, for the sentence of an error.

    Raises:
        HarnessError: there is no such file, or it cannot be read as what its ending says.
    """
    if not data.strip():
        raise HarnessError(f"{option} is empty; give starter, hub, or a file or folder")
    if data == "starter":
        name, rows = "starter", read_file(starter)
    elif data == "hub":
        if hub is None:
            raise HarnessError(f"{option}=hub: there is no published data set; use {option}=FILE")
        name, rows = "hub", _read_hub(hub)
    else:
        name, rows = Path(data).name, read_file(Path(data), option)
    if not rows:
        raise HarnessError(f"{option}={data!r} holds no records")
    return Records(name, rows)


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
