"""All runs of a results folder as boards: what was asked alike, models beside each other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any

from harness.identity import fingerprint
from harness.ranking import combine, rank_ranges
from harness.store import RunStore
from harness.tables import ESTIMATE_COLUMNS, ITSELF
from harness.types import Direction, Estimate

Row = Mapping[str, Any]
MOST_GROUPS = 8
"""Columns of an estimate that there is of groups alone; the CSV has all."""
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


@dataclass(frozen=True)
class Column:
    """An estimate by one scorer; models are ranked by it against others of the same alone."""

    name: str
    statistic: str
    better: str
    metric: str
    by: str | None
    group: str | None
    scorer: str
    scorer_id: str


NAMED, COUNTED = ([field.name for field in fields(kind)] for kind in (Column, Estimate))


@dataclass(frozen=True)
class Cell:
    """What one model got in a column."""

    estimate: Estimate
    runs: int
    """Seeds that it is taken from."""
    validity: str
    itself: bool
    """The judge was the model under test."""
    ranks: tuple[int, int] | None = None
    """The best and the worst rank that the data allow."""


@dataclass(frozen=True)
class Entry:
    """A model on a board."""

    model: str
    model_id: str
    runs: Sequence[Run]
    cells: Mapping[Column, Cell]

    @property
    def cut(self) -> float:
        """The share of its answers that ended at max_new_tokens."""
        answers = sum(run.info["generations"] for run in self.runs)
        return float(sum(run.info["generations_cut"] for run in self.runs) / max(answers, 1))


@dataclass(frozen=True)
class Board:
    """Models that were asked the same."""

    question: Mapping[str, str]
    data: str
    """The names that the same data had."""
    columns: Sequence[Column]
    shown: Sequence[Column]
    """Those that models are compared by."""
    entries: Sequence[Entry]

    @property
    def id(self) -> str:
        """A fingerprint of the question."""
        return fingerprint(self.question)

    @property
    def title(self) -> str:
        """The question on one line."""
        asked = self.question
        return (
            f"{asked['task']} version {asked['version']}, data {self.data}@{asked['data']}, "
            f"{asked['samples']} samples, protocol {asked['protocol']}, mitigation "
            f"{asked['mitigation']}"
        )

    def validities(self) -> Iterator[str]:
        """Of each scorer what is shown of it, and how far that agrees with people."""
        found: dict[tuple[str, ...], list[str]] = {}
        for column in self.shown:
            cells = (entry.cells.get(column) for entry in self.entries)
            words = dict.fromkeys(cell.validity for cell in cells if cell)
            found.setdefault((column.scorer_id, *words), []).append(column.name)
        for (scorer_id, *said), names in found.items():
            yield f"{'; '.join(dict.fromkeys(names))} by {scorer_id}: {'; or: '.join(said)}"


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


def make_boards(runs: Sequence[Run]) -> list[Board]:
    """A board for each question; runs that differ in it are neither pooled nor ranked together.

    Those that compare models come before those of one alone.
    """
    asked: dict[str, list[Run]] = {}
    for run in runs:
        asked.setdefault(json.dumps(run.question), []).append(run)
    boards = [_board(same) for same in asked.values()]
    return sorted(boards, key=lambda b: (len(b.entries) == 1, b.question["task"], -len(b.entries)))


def differences(board: Board, boards: Sequence[Board]) -> list[str]:
    """In what other boards of the same task differ from this one."""
    names: dict[str, None] = {}
    for other in boards:
        if other.question["task"] == board.question["task"]:
            names |= {k: None for k, v in other.question.items() if v != board.question[k]}
    words = {"of": "the samples themselves", "groups": "what the samples are grouped by"}
    return [words.get(name, name) for name in names]


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


def _board(runs: Sequence[Run]) -> Board:
    """The board of runs that were asked the same."""
    of_model: dict[str, list[Run]] = {}
    for run in runs:
        of_model.setdefault(run.model, []).append(run)
    cells = {model: _cells(own) for model, own in of_model.items()}
    columns = list(dict.fromkeys(column for of_one in cells.values() for column in of_one))
    shown = compared(columns)
    for column in shown:
        _rank(column, list(cells.values()))
    names = {model: own[-1].info["model"] for model, own in of_model.items()}
    entries = [
        Entry(_told_apart(model, names), model, of_model[model], of_one)
        for model, of_one in cells.items()
    ]
    first = next((c for c in shown if c.better != Direction.NEITHER.value), None)
    entries.sort(key=lambda entry: _place(entry, first))
    data = dict.fromkeys(run.info["identity"]["data"] for run in runs)
    return Board(runs[0].question, ", ".join(data), columns, shown, entries)


def compared(columns: Sequence[Column]) -> list[Column]:
    """The estimates over all samples, and of those that have none their first whole groupings.

    Of groups only what has a good end, and no curve.
    """
    whole = {column.name for column in columns if column.by is None}
    of_groups: dict[str, dict[str, list[Column]]] = {}
    for column in columns:
        if column.better == Direction.NEITHER.value or column.by == "generations":
            continue
        if column.name not in whole:
            of_groups.setdefault(column.name, {}).setdefault(str(column.by), []).append(column)
    chosen: set[Column] = set()
    for groupings in of_groups.values():
        count = 0
        for grouping in groupings.values():
            if count + len(grouping) <= MOST_GROUPS:
                chosen.update(grouping)
                count += len(grouping)
    return [column for column in columns if column.by is None or column in chosen]


def _cells(runs: Sequence[Run]) -> dict[Column, Cell]:
    """What one model got; runs that differ in their seed alone make one estimate."""
    found: dict[Column, list[Row]] = {}
    for run in runs:
        for row in run.rows:
            found.setdefault(Column(**{name: row[name] for name in NAMED}), []).append(row)
    cells = {}
    for column, rows in found.items():
        estimate = combine(
            [Estimate(**{name: row[name] for name in COUNTED}) for row in rows],
            _range(column, runs[0].info.get("metrics", {}).get(column.metric, {})),
        )
        itself = any(row["validity"].startswith(ITSELF) for row in rows)
        words = dict.fromkeys(row["validity"].removeprefix(ITSELF) for row in rows)
        cells[column] = Cell(estimate, len(rows), "; or: ".join(words), itself)
    return cells


def _told_apart(model: str, names: Mapping[str, str]) -> str:
    """A model's name, with its fingerprint where another has the same name."""
    name = names[model]
    return f"{name}@{model}" if list(names.values()).count(name) > 1 else name


def _range(column: Column, meaning: Row) -> tuple[float, float]:
    """The least and the most that an estimate can be."""
    if column.statistic.startswith(("share", "any of", "majority")):
        return 0.0, 1.0
    if column.statistic.startswith(("mean", "expected maximum")) and "low" in meaning:
        return meaning["low"], meaning["high"]
    return -inf, inf


def _rank(column: Column, models: Sequence[dict[Column, Cell]]) -> None:
    """Give each model of a column the ranks that the data allow; a model alone has none."""
    there = [cells for cells in models if column in cells]
    if column.better == Direction.NEITHER.value or len(there) < 2:
        return
    ranges = rank_ranges([cells[column].estimate for cells in there], Direction(column.better))
    for cells, ranks in zip(there, ranges, strict=True):
        cells[column] = replace(cells[column], ranks=ranks)


def _place(entry: Entry, column: Column | None) -> tuple[float, str]:
    """Where a model stands on the page: by its first estimate; what is not known comes last."""
    cell = entry.cells.get(column) if column else None
    if column is None or cell is None or cell.estimate.estimate is None:
        return float("inf"), entry.model
    value = cell.estimate.estimate
    return {"lower": value, "higher": -value, "zero": abs(value)}[column.better], entry.model


def _said(settings: Mapping[str, Any]) -> str:
    """Settings in words, in an order of their own."""
    return ", ".join(f"{name} {value}" for name, value in sorted(settings.items()))
