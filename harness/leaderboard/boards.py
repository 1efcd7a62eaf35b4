"""All runs of a results folder as boards: what was asked alike, models beside each other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from harness.show import category
from harness.statistics import combine, rank_ranges
from harness.store import ITSELF, FinishedRun, Row
from harness.types import Direction, Estimate, fingerprint

MOST_GROUPS = 8
"""Columns of an estimate that there is of groups alone; the CSV has all."""


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
    runs: Sequence[FinishedRun]
    cells: Mapping[Column, Cell]

    @property
    def cut(self) -> float:
        """The share of its answers that ended at max_new_tokens."""
        answers = sum(run.info.generations for run in self.runs)
        return float(sum(run.info.generations_cut for run in self.runs) / max(answers, 1))


@dataclass(frozen=True)
class Board:
    """Models that were asked the same."""

    question: Mapping[str, str]
    data: str
    """The names that the same data had."""
    columns: Sequence[Column]
    compared_columns: Sequence[Column]
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
        speaks = f", person {asked['person']}" if asked["person"] != "none" else ""
        return (
            f"{asked['task']} version {asked['version']}, data {self.data}@{asked['data']}, "
            f"{asked['samples']} samples, protocol {asked['protocol']}, mitigation "
            f"{asked['mitigation']}{speaks}"
        )

    def name_of(self, column: Column) -> str:
        """Of an estimate, with the group that it is of, by its name where a run has one."""
        if column.by is None or column.group is None:
            return column.name
        known = (run.info.labels for entry in self.entries for run in entry.runs)
        labels = next((labels for labels in known if column.by in labels), {})
        return f"{column.name}, {column.by} {category(labels, column.by, column.group)}"

    def validities(self) -> Iterator[str]:
        """Of each scorer what is shown of it, and how far that agrees with people."""
        names_of: dict[tuple[str, ...], list[str]] = {}
        for column in self.compared_columns:
            cells = (entry.cells.get(column) for entry in self.entries)
            words = dict.fromkeys(cell.validity for cell in cells if cell)
            names_of.setdefault((column.scorer_id, *words), []).append(column.name)
        for (scorer_id, *validities), names in names_of.items():
            yield f"{'; '.join(dict.fromkeys(names))} by {scorer_id}: {'; or: '.join(validities)}"


def make_boards(runs: Sequence[FinishedRun]) -> list[Board]:
    """A board for each question; runs that differ in it are neither pooled nor ranked together.

    Those that compare models come before those of one alone.
    """
    asked: dict[str, list[FinishedRun]] = {}
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


def _board(runs: Sequence[FinishedRun]) -> Board:
    """The board of runs that were asked the same."""
    of_model: dict[str, list[FinishedRun]] = {}
    for run in runs:
        of_model.setdefault(run.model, []).append(run)
    cells = {model: _cells(same) for model, same in of_model.items()}
    columns = list(dict.fromkeys(column for of_one in cells.values() for column in of_one))
    compared_columns = compared(columns)
    for column in compared_columns:
        _rank(column, list(cells.values()))
    names = {model: same[-1].info.model for model, same in of_model.items()}
    entries = [
        Entry(_told_apart(model, names), model, of_model[model], of_one)
        for model, of_one in cells.items()
    ]
    first = next((c for c in compared_columns if c.better != Direction.NEITHER.value), None)
    entries.sort(key=lambda entry: _place(entry, first))
    data = dict.fromkeys(run.info.identity["data"] for run in runs)
    return Board(runs[0].question, ", ".join(data), columns, compared_columns, entries)


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


def _cells(runs: Sequence[FinishedRun]) -> dict[Column, Cell]:
    """What one model got; runs that differ in their seed alone make one estimate."""
    rows_of: dict[Column, list[tuple[FinishedRun, Row]]] = {}
    for run in runs:
        for row in run.rows:
            column = Column(**{name: row[name] for name in NAMED})
            rows_of.setdefault(column, []).append((run, row))
    return {column: _cell(column, rows) for column, rows in rows_of.items()}


def _cell(column: Column, rows: Sequence[tuple[FinishedRun, Row]]) -> Cell:
    """What one model got in a column, from its row in each run."""
    estimates = [Estimate(**{name: row[name] for name in COUNTED}) for _, row in rows]
    within = rows[0][0].range_of(column.metric, column.statistic)
    validities = dict.fromkeys(  # earlier versions kept the sentence of the table in run.json
        run.info.validity.get(column.metric, row["validity"]).removeprefix(f"{ITSELF}; ")
        for run, row in rows
    )
    return Cell(
        combine(estimates, within),
        len(rows),
        "; or: ".join(validities),
        any(run.info.judges_itself(column.scorer) for run, _ in rows),
    )


def _told_apart(model: str, names: Mapping[str, str]) -> str:
    """A model's name, with its fingerprint where another has the same name."""
    name = names[model]
    return f"{name}@{model}" if list(names.values()).count(name) > 1 else name


def _rank(column: Column, models: Sequence[dict[Column, Cell]]) -> None:
    """Give each model of a column the ranks that the data allow; a model alone has none."""
    having = [cells for cells in models if column in cells]
    if column.better == Direction.NEITHER.value or len(having) < 2:
        return
    ranges = rank_ranges([cells[column].estimate for cells in having], Direction(column.better))
    for cells, ranks in zip(having, ranges, strict=True):
        cells[column] = replace(cells[column], ranks=ranks)


def _place(entry: Entry, column: Column | None) -> tuple[float, str]:
    """Where a model stands on the page: by its first estimate; what is not known comes last."""
    cell = entry.cells.get(column) if column else None
    if column is None or cell is None or cell.estimate.estimate is None:
        return float("inf"), entry.model
    value = cell.estimate.estimate
    return {"lower": value, "higher": -value, "zero": abs(value)}[column.better], entry.model
