"""The runs of a results folder: those that are finished, and those that are left out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from harness.store.finished import FinishedRun, open_run
from harness.store.folder import RunStore
from harness.store.run_info import RunInfo
from harness.types import HarnessError, Unreadable


@dataclass(frozen=True)
class LeftOut:
    """A run folder that stands on no board, and why."""

    run: str
    reason: str


@dataclass(frozen=True)
class Result:
    """What a run gives that has just ended."""

    folder: Path
    info: Mapping[str, Any]
    estimates: pa.Table


def note_folder(file: Path, folder: Path) -> None:
    """Add a run's folder to a file that another process reads, which started the run.

    Raises:
        HarnessError: the file cannot be written.
    """
    try:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(f"{json.dumps(str(folder))}\n")
    except OSError as error:
        raise HarnessError(f"folders={str(file)!r} cannot be written ({error.strerror})") from error


def noted_folders(file: Path) -> list[Path]:
    """The folders of runs that `note_folder` added to a file, in its order."""
    if not file.exists():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()
    return [Path(json.loads(line)) for line in lines]


def read_runs(results: Path) -> tuple[list[FinishedRun], list[LeftOut]]:
    """The finished runs under `results`, and the folders that are none.

    Reads of each run its `run.json` and its estimates, never a score or an answer.
    """
    runs, left_out = [], []
    first: dict[str, str] = {}
    for folder in sorted(path for path in (results / "runs").glob("*") if path.is_dir()):
        run = open_run(folder)
        if isinstance(run, str):
            left_out.append(LeftOut(folder.name, run))
            continue
        same = json.dumps([run.info.identity, run.question], sort_keys=True, default=str)
        if (other := first.setdefault(same, folder.name)) != folder.name:
            left_out.append(LeftOut(folder.name, f"is a copy of {other}, which is counted once"))
            continue
        runs.append(run)
    return runs, left_out


def read_infos(results: Path) -> Iterator[RunInfo]:
    """What `run.json` says of each run under `results`, finished or not, that can be read."""
    for path in sorted((results / "runs").glob("*/run.json")):
        try:
            info = RunStore(path.parent).info()
            if info is not None:
                yield RunInfo.of(info)
        except Unreadable:
            continue
