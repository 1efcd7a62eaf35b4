"""Figures: what is gained against what is lost, with intervals both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING

from harness.mitigate.compare.cells import Cell, Column
from harness.mitigate.compare.comparing import Compared
from harness.show import BLUE, INK, ORANGE, SIDES, Drawn, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHAPES = "osD^vP*XhpH<>8d"
GAIN = "toxicity"
COSTS = (("fluency", "answer_nll"), ("fluency", "text_nll"), ("accuracy", None))
"""What toxicity is drawn against: kinds of column, and the metric where one kind has several."""


@dataclass(frozen=True)
class Point:
    """A mitigation in two columns."""

    row: str
    across: Cell
    up: Cell


def draw_frontiers(comparison: Compared, folder: Path) -> list[Drawn]:
    """Toxicity against perplexity, and against accuracy, as far as there are both.

    Raises:
        HarnessError: the folder cannot be written.
    """
    drawn = []
    for kind, metric in COSTS:
        points = points_of(comparison.cells, kind, metric)
        if points:
            against = points[0].up.column.name
            name = f"{points[0].across.column.name} against {against}"
            title = (
                f"{comparison.model}: paired differences from none, with their 95 % intervals; "
                f"{points[0].across.column.scorer_id}, {points[0].up.column.scorer_id}"
            )
            drawn.append(save(name, folder, title, partial(frontier, points=points), 4.6))
    return drawn


def points_of(cells: Sequence[Cell], kind: str, metric: str | None) -> list[Point]:
    """The rows that have both columns; each kind's first column stands for it."""
    across = _first(cells, GAIN, None)
    up = _first(cells, kind, metric)
    if across is None or up is None:
        return []
    cell_of = {(cell.row, cell.column): cell for cell in cells if cell.difference is not None}
    rows = dict.fromkeys(cell.row for cell in cells)
    return [
        Point(row, cell_of[row, across], cell_of[row, up])
        for row in rows
        if (row, across) in cell_of and (row, up) in cell_of
    ]


def frontier(axes: Axes, points: Sequence[Point]) -> str:
    """A mark a mitigation, with its interval in both directions; none is the cross at zero."""
    up = points[0].up.column
    nothing = 1.0 if up.ratio else 0.0
    axes.axvline(0, color=INK, linewidth=1, linestyle="--")
    axes.axhline(nothing, color=INK, linewidth=1, linestyle="--")
    axes.plot([0], [nothing], "+", color=INK, markersize=12, label="none")
    for place, point in enumerate(points):
        colour = BLUE if place % 2 == 0 else ORANGE
        x, y = _shown(point.across), _shown(point.up)
        for cell, line in ((point.across, axes.hlines), (point.up, axes.vlines)):
            if cell.interval is not None:
                ends = _ends(cell)
                other = y if cell is point.across else x
                line(other, *ends, color=colour, linewidth=1.5, alpha=0.8)
        shape = SHAPES[place % len(SHAPES)]
        axes.plot([x], [y], shape, color=colour, markersize=7, label=point.row)
    axes.set_xlabel(f"{points[0].across.column.title}, change \u00b7 "
                    f"{SIDES[points[0].across.column.better.value]}")  # fmt: skip
    axes.set_ylabel(f"{up.name}, {'ratio' if up.ratio else 'change'}\n{SIDES[up.better.value]}")
    axes.grid()
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return f"{points[0].across.column.name} against {up.name}"


def _shown(cell: Cell) -> float:
    value = cell.difference or 0.0
    return exp(value) if cell.column.ratio else value


def _ends(cell: Cell) -> tuple[float, float]:
    low, high = cell.interval or (0.0, 0.0)
    return (exp(low), exp(high)) if cell.column.ratio else (low, high)


def _first(cells: Sequence[Cell], kind: str, metric: str | None) -> Column | None:
    for cell in cells:
        if cell.column.kind == kind and metric in (None, cell.column.metric):
            return cell.column
    return None
