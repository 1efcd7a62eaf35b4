"""A finished run as it is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from harness.store.estimates import ESTIMATE_COLUMNS
from harness.store.folder import RunStore
from harness.types import fingerprint

Row = Mapping[str, Any]
NEEDED = {"model", "mitigation", "samples", "generations", "generations_cut", "groups",
          "statistics"}  # fmt: skip
OF_IT = {"task", "task_version", "data", "data_sha256", "samples_sha256", "protocol", "generation",
         "options", "mitigation", "model", "seed"}  # fmt: skip
"""What `run.json` must say, and its identity."""


@dataclass(frozen=True)
class LeftOut:
    """A run folder that stands on no board, and why."""

    run: str
    reason: str


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, what its `run.json` says, and its estimates."""

    folder: Path
    info: Row
    rows: Sequence[Row]

    @property
    def name(self) -> str:
        """The folder's."""
        return self.folder.name

    @cached_property
    def question(self) -> dict[str, str]:
        """All that changes what was asked and how it is counted, the model and the seed aside.

        Another language is other data, or an option of the task, and so another question.
        """
        identity = self.info["identity"]
        mitigation = self.info["mitigation"]
        if identity["mitigation"]:
            mitigation += f"@{fingerprint(identity['mitigation'])}"
        return {
            "task": identity["task"],
            "version": identity["task_version"],
            "data": identity["data_sha256"][:8],
            "samples": f"{self.info['samples']:,}",
            "of": identity["samples_sha256"][:8],
            "protocol": identity["protocol"],
            "settings": _said(identity["generation"]),
            "options": _said(identity["options"]),
            "mitigation": mitigation,
            "groups": self.info["groups"],
            "statistics": self.info["statistics"],
        }

    @cached_property
    def model(self) -> str:
        """Fingerprint of the model, and of how its thinking is told from its answers."""
        identity = self.info["identity"]
        return fingerprint({name: identity.get(name) for name in ("model", "thinking")})


def read_runs(results: Path) -> tuple[list[Run], list[LeftOut]]:
    """The finished runs under `results`, and the folders that are none.

    Reads of each run its `run.json` and its estimates, never a score or an answer.
    """
    runs, left_out = [], []
    first: dict[str, str] = {}
    for folder in sorted(path for path in (results / "runs").glob("*") if path.is_dir()):
        run = read_run(folder)
        if isinstance(run, LeftOut):
            left_out.append(run)
            continue
        same = json.dumps([run.info["identity"], run.question], sort_keys=True, default=str)
        if (other := first.setdefault(same, folder.name)) != folder.name:
            left_out.append(LeftOut(folder.name, f"is a copy of {other}, which is counted once"))
            continue
        runs.append(run)
    return runs, left_out


def read_run(folder: Path) -> Run | LeftOut:
    """The run in a folder, or why there is none."""
    store = RunStore(folder)
    if not (folder / "run.json").exists():
        return LeftOut(folder.name, "has no run.json: it is no run, or was stopped at its start")
    info = store.info()
    if info is None:
        return LeftOut(folder.name, "its run.json cannot be read; run its command again")
    if info["status"] != "complete":
        return LeftOut(folder.name, f"is not finished ({info['status']}); run its command again")
    table = store.read_table("estimates")
    if table is None:
        return LeftOut(folder.name, "its estimates cannot be read; run its command again")
    if not set(ESTIMATE_COLUMNS) <= set(table.column_names):
        return LeftOut(folder.name, "its estimates are of another version; run its command again")
    identity = info["identity"]
    if not info.keys() >= NEEDED or not isinstance(identity, dict) or not identity.keys() >= OF_IT:
        return LeftOut(folder.name, "its run.json is of another version; run its command again")
    return Run(folder, info, table.select(list(ESTIMATE_COLUMNS)).to_pylist())


def _said(settings: Mapping[str, Any]) -> str:
    """Settings in words, in an order of their own."""
    return ", ".join(f"{name} {value}" for name, value in sorted(settings.items()))


@dataclass(frozen=True)
class Result:
    """A finished run."""

    folder: Path
    info: Mapping[str, Any]
    estimates: pa.Table
