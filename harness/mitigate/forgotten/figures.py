"""The page's figures: what is remembered against what is kept, and curves over checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.mitigate.forgotten.reading import FORGOTTEN, KEPT, MEMORIES, Beside
from harness.show import BLUE, INK, ORANGE, Drawn, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, object]
ORDER = {
    "scalability": "sets to forget that grow",
    "sustainability": "requests, one after another",
}
"""Of each curve what its checkpoints are in the order of."""


def drawn_of(
    pairs: Sequence[Beside], rows: Sequence[Row], curves: Mapping[str, Sequence[str]], folder: Path
) -> Iterator[Drawn]:
    """Draw what is remembered against what is kept, a figure a task, and the curves.

    Args:
        pairs: every model beside target and reference.
        rows: of the page, one a model and number.
        curves: by name, models in their order.
        folder: for the pictures.
    """
    for task in dict.fromkeys(pair.model.task for pair in pairs):
        across, up = MEMORIES[task][0][0], KEPT[task]
        values = {(r["model"], r["name"]): r for r in rows if r["task"] == task}
        points = [
            (str(model), values[model, across], values[model, up])
            for model in dict.fromkeys(r["model"] for r in rows if r["task"] == task)
            if values[model, across]["estimate"] is not None
            and values[model, up]["estimate"] is not None
        ]
        if points:
            title = "95 % intervals; left and up is better"
            plot = partial(_plot, points=points, names=(across, up))
            yield save(f"{across} against {up}", folder, title, plot, 4.6)
        for curve, models in curves.items():
            lines = _lines(models, values, (across, up, "coherent"))
            if any(lines.values()):
                plot = partial(_line_plot, lines=lines, models=models, across=ORDER[curve])
                yield save(f"{task}, {curve}", folder, "95 % intervals", plot, 4.6)


def _lines(
    models: Sequence[str], values: Mapping[tuple[object, object], Row], names: Sequence[str]
) -> dict[str, list[tuple[int, Row]]]:
    """By name the rows that have a value, with each checkpoint's place."""
    return {
        name: [
            (place, row)
            for place, model in enumerate(models, 1)
            if (row := values.get((model, name))) and row["estimate"] is not None
        ]
        for name in names
    }


def _line_plot(
    axes: Axes, lines: Mapping[str, Sequence[tuple[int, Row]]], models: Sequence[str], across: str
) -> str:
    """A line a number, with its intervals."""
    for (name, rows), colour in zip(lines.items(), (ORANGE, BLUE, INK), strict=True):
        if not rows:
            continue
        places = [place for place, _ in rows]
        axes.plot(places, [_float(row["estimate"]) for _, row in rows], "o-", color=colour,
                  label=name)  # fmt: skip
        for place, row in rows:
            if row["low"] is not None and row["high"] is not None:
                axes.vlines(place, _float(row["low"]), _float(row["high"]), color=colour, alpha=0.8)
    axes.set_xticks(range(1, len(models) + 1))
    axes.set_xticklabels([Path(model).name for model in models])
    axes.set_xlabel(across)
    axes.grid()
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return f"{', '.join(name for name, rows in lines.items() if rows)} over {across}"


def _plot(axes: Axes, points: Sequence[tuple[str, Row, Row]], names: tuple[str, str]) -> str:
    """A mark a model: a circle where it has forgotten, a cross where that is not shown."""
    for place, (model, x, y) in enumerate(points):
        colour = INK if place == 0 else (BLUE, ORANGE)[place % 2]
        at = _float(x["estimate"]), _float(y["estimate"])
        if x["low"] is not None and x["high"] is not None:
            axes.hlines(at[1], _float(x["low"]), _float(x["high"]), color=colour, alpha=0.8)
        if y["low"] is not None and y["high"] is not None:
            axes.vlines(at[0], _float(y["low"]), _float(y["high"]), color=colour, alpha=0.8)
        shape = "o" if x["word"] == FORGOTTEN else "X"
        axes.plot([at[0]], [at[1]], shape, color=colour, markersize=7, label=model)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.grid()
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return f"{names[0]} against {names[1]}"


def _float(value: object) -> float:
    return float(str(value))
