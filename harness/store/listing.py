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
from harness.types import Unreadable


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
