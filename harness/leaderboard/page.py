"""The leaderboard: a page, the same as Markdown, a tidy table of all estimates, and figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from harness.leaderboard.boards import COUNTED, Board, Cell, Column, Entry, differences, make_boards
from harness.show import ARROWS, SIDES, Drawn, forest, number, page, picture, safe, save, worst_end
from harness.store import LeftOut, read_runs, write_text
from harness.types import HarnessError, visible

FILTERS = ("task", "data", "protocol", "mitigation")
MOST_FIGURES = 8
"""Of all boards together: the first estimate of each, the largest first, then the second."""
MOST_OF_A_BOARD = 3
MOST_MODELS = 20
"""Of one figure; the tables have all."""
RANKS = (
    "Models stand on one board where all that they were asked is the same; a seed is no "
    "difference, and several are made one estimate. A rank is given as the range that the data "
    "allow: with 95 % confidence all ranges of a column hold together, with whatever could not be "
    "measured at its worst for the one and at its best for the other. Where two ranges overlap, "
    "the data do not say which model is the better."
)


def write_leaderboard(results: Path) -> tuple[list[Board], list[LeftOut], Path]:
    """Write `leaderboard/` under `results`: index.html, .md, .csv and figures.

    Returns:
        The boards, what stands on none, and the page's path.

    Raises:
        HarnessError: there is no finished run, or the folder cannot be written.
    """
    runs, left_out = read_runs(results)
    if not runs:
        reasons = "; ".join(f"{omission.run} {omission.reason}" for omission in left_out[:5])
        raise HarnessError(
            f"results={str(results)!r} holds no finished run{': ' * bool(reasons)}{reasons}"
        )
    boards = make_boards(runs)
    folder = results / "leaderboard"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in (folder / "figures").glob("*.*"):
            old.unlink()
    except OSError as error:
        raise HarnessError(f"{str(folder)!r} cannot be written ({error.strerror})") from error
    write_text(folder / "leaderboard.csv", as_csv(boards))
    write_text(folder / "leaderboard.md", as_markdown(boards, left_out))
    drawn = draw_boards(boards, folder / "figures")
    return boards, left_out, write_text(folder / "index.html", _page(boards, left_out, drawn))


def as_csv(boards: Sequence[Board]) -> str:
    """One row a board, model and estimate, those by group among them."""
    written = io.StringIO()
    table: Any = None
    for board in boards:
        for entry in board.entries:
            for column, cell in entry.cells.items():
                first, last = cell.ranks or (None, None)
                row = {
                    "board": board.id,
                    **{key: board.question[key] for key in ("task", "version", "protocol")},
                    "data": f"{board.data}@{board.question['data']}",
                    **{key: board.question[key] for key in ("mitigation", "person")},
                    "model": entry.model,
                    "model_id": entry.model_id,
                    "runs": cell.runs,
                    **vars(column),
                    **{name: getattr(cell.estimate, name) for name in COUNTED},
                    "rank_first": first,
                    "rank_last": last,
                    "judged_by_itself": cell.itself,
                    "validity": cell.validity,
                }
                if table is None:
                    table = csv.DictWriter(written, list(row), lineterminator="\n")
                    table.writeheader()
                table.writerow(row)
    return written.getvalue()


def as_markdown(boards: Sequence[Board], left_out: Sequence[LeftOut]) -> str:
    """The boards as tables, for a pull request or a wiki."""
    lines = ["# Leaderboard", "", RANKS, ""]
    for board in boards:
        lines += [f"## {safe(board.title)}", ""]
        heads = [
            f"{ARROWS[c.better]} {board.name_of(c)}, {c.scorer_id}" for c in board.compared_columns
        ]
        lines.append("| " + " | ".join(map(safe, ["model", "runs", *heads])) + " |")
        lines.append("|---|--:" + "|---" * len(heads) + "|")
        for entry in board.entries:
            cells = [_in_words(entry.cells.get(column)) for column in board.compared_columns]
            lines.append(
                f"| {' | '.join(map(safe, [entry.model, str(len(entry.runs)), *cells]))} |"
            )
        lines.append("")
        lines += [f"- {safe(words)}" for words in board.validities()]
        if differ := differences(board, boards):
            lines.append(f"- other boards of this task differ in: {', '.join(differ)}")
        lines.append("")
    if left_out:
        lines += ["## Left out", ""]
        lines += [f"- {safe(f'{omission.run}: {omission.reason}')}" for omission in left_out]
    return "\n".join(lines).rstrip() + "\n"


def draw_boards(boards: Sequence[Board], folder: Path) -> dict[str, list[Drawn]]:
    """Figures of the first estimates of each board that compares, by the boards' ids."""
    chosen = [
        (place, -len(board.entries), at, board, column)
        for at, board in enumerate(boards)
        if len(board.entries) > 1
        for place, column in enumerate(c for c in board.compared_columns if c.better != "neither")
    ]
    figures: dict[str, list[Drawn]] = {}
    for place, *_, board, column in sorted(chosen, key=lambda each: each[:3])[:MOST_FIGURES]:
        if place < MOST_OF_A_BOARD:
            rows = _rows(board, column)
            plot = partial(forest, rows=rows, most=MOST_MODELS)
            name = f"{board.question['task']} {board.id} {board.name_of(column)}"
            height = 1.3 + 0.27 * min(len(rows), MOST_MODELS)
            drawn = save(name, folder, board.title, plot, height)
            figures.setdefault(board.id, []).append(drawn)
    return figures


def _rows(board: Board, column: Column) -> list[dict[str, Any]]:
    """What a figure shows of a column: a row a model, as estimates have one a group."""
    shared = {"name": board.name_of(column), "statistic": column.statistic, "better": column.better}
    return [
        shared | asdict(entry.cells[column].estimate) | {"by": "model", "group": entry.model}
        for entry in board.entries
        if column in entry.cells
    ]


def _page(
    boards: Sequence[Board], left_out: Sequence[LeftOut], drawn: Mapping[str, Sequence[Drawn]]
) -> str:
    runs = sum(len(entry.runs) for board in boards for entry in board.entries)
    keys = [_key(board) for board in boards]
    return page(
        "board.html",
        "board.js",
        {
            "boards": [
                {
                    "key": key,
                    "worst": [worst_end(column.better) for column in board.compared_columns],
                    "rows": [_row(entry, board.compared_columns) for entry in board.entries],
                }
                for key, board in zip(keys, boards, strict=True)
            ],
        },
        title="Leaderboard",
        counted=f"{runs:,} run{'s'[: runs != 1]} on {len(boards):,} "
        f"board{'s'[: len(boards) != 1]}, {len(left_out):,} left out",
        ranks=RANKS,
        filters=[
            {"name": name, "values_": sorted({key[at] for key in keys})}
            for at, name in enumerate(FILTERS)
        ],
        boards=[_shown(board, boards, drawn.get(board.id, ())) for board in boards],
        left_out=left_out,
    )


def _key(board: Board) -> list[str]:
    """What a board is filtered by."""
    asked = {**board.question, "data": f"{board.data}@{board.question['data']}"}
    return [visible(asked[name]) for name in FILTERS]


def _shown(board: Board, boards: Sequence[Board], drawn: Sequence[Drawn]) -> dict[str, Any]:
    """What the template shows of a board."""
    models, runs = len(board.entries), sum(len(entry.runs) for entry in board.entries)
    return {
        "title": board.title,
        "open": models > 1,
        "counted": f"{models} model{'s'[: models != 1]}, {runs} run{'s'[: runs != 1]}",
        "settings": "; ".join(filter(None, (board.question[k] for k in ("settings", "options")))),
        "columns": [
            {
                "arrow": ARROWS[column.better],
                "name": board.name_of(column),
                "side": SIDES[column.better],
                "statistic": column.statistic,
                "scorer": column.scorer_id,
            }
            for column in board.compared_columns
        ],
        "figures": [picture(figure) for figure in drawn],
        "validities": list(board.validities()),
        "differ": ", ".join(differences(board, boards)),
    }


def _row(entry: Entry, columns: Sequence[Column]) -> dict[str, Any]:
    """What the page's script shows of a model."""
    return {
        "model": visible(entry.model),
        "id": entry.model_id,
        "runs": len(entry.runs),
        "cut": f"{entry.cut:.0%}",
        "cells": [_cell(entry.cells.get(column)) for column in columns],
    }


def _cell(cell: Cell | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    estimate = cell.estimate
    lost = ""
    if estimate.n_failed:
        ends = sorted(end for end in (estimate.worst, estimate.best) if end is not None)
        could_be = " to ".join(map(number, ends)) or number(None)
        lost = f"{estimate.n_failed:,} of {estimate.n:,} missing: {could_be}"
    interval = f"{number(estimate.low)} to {number(estimate.high)}"
    return {
        "value": estimate.estimate,
        "interval": interval if estimate.n_scored else "",
        "rank": _rank(cell),
        "best": cell.ranks is not None and cell.ranks[0] == 1,
        "lost": lost if estimate.n else "no samples",
        "itself": cell.itself,
    }


def _in_words(cell: Cell | None) -> str:
    if cell is None:
        return "not scored by this"
    texts = _cell(cell) or {}
    interval = f" ({texts['interval']})" if texts["interval"] else ""
    value = f"{number(cell.estimate.estimate)}{interval}"
    notes = ("judged by itself" if cell.itself else "", texts["lost"], texts["rank"])
    return ", ".join(filter(None, (value, *notes)))


def _rank(cell: Cell) -> str:
    if cell.ranks is None:
        return ""
    first, last = cell.ranks
    return f"rank {first}" if first == last else f"rank {first} to {last}"
