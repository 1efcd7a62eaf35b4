"""Figures of a run's tables, for print and for the screen, as SVG and PNG."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.report.console import ARROWS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

Row = Mapping[str, Any]
BLUE, ORANGE = "#0072B2", "#D55E00"
"""Two of Okabe and Ito's colours, which the colour-blind tell apart; shapes differ as well."""
INKS = {"": ("white", "#222222", "#d9d9d9"), "-dark": ("#16181c", "#e8e8e8", "#45484f")}
"""By the end of the file's name: paper, ink and grid."""
MOST_ROWS = 60
"""Groups that one figure shows; the rest stand in the table."""
BINS = 40
SIDES = {"lower": "lower is better", "higher": "higher is better",
         "zero": "the nearer to zero the better", "neither": ""}  # fmt: skip


def draw(
    estimates: Sequence[Row], scores: Mapping[str, NDArray[np.float64]], title: str, folder: Path
) -> list[Path]:
    """Write each figure in light and dark as SVG, and in light as PNG; gives their files.

    Args:
        estimates: rows of a run's estimates.
        scores: of each metric the values; NaN is missing.
        title: of the run.
        folder: where they go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, rows in groups(estimates):
        line = rows[0]["by"] == "generations"
        written += _save(name, folder, title, curve if line else forest, rows)
    for metric, values in scores.items():
        if np.isfinite(values).any():
            written += _save(f"{metric} distribution", folder, title, histogram, metric, values)
    return written


def groups(estimates: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """What one figure shows: the rows of one estimate by one column, those that are known."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in estimates:
        if row["by"] is not None and row["estimate"] is not None:
            found.setdefault((row["name"], row["statistic"], row["by"]), []).append(row)
    names: dict[str, int] = {}
    for (name, statistic, by), rows in found.items():
        once = f"{name} by {by}"
        names[once] = names.get(once, 0) + 1
        yield once if names[once] == 1 else f"{once} {statistic}", rows


def forest(axes: Axes, ink: str, rows: Sequence[Row]) -> str:
    """A dot and its interval for each group; gives the heading."""
    shown = rows[:MOST_ROWS]
    places = np.arange(len(shown))[::-1]
    values = np.array([row["estimate"] for row in shown])
    ends = np.array([[row["low"], row["high"]] for row in shown], dtype=np.float64)
    known = np.isfinite(ends).all(axis=1)
    axes.hlines(places[known], *ends[known].T, color=BLUE, linewidth=2)
    axes.plot(values[known], places[known], "o", color=BLUE, label="with its 95 % interval")
    if not known.all():
        axes.plot(values[~known], places[~known], "D", color=ORANGE, label="interval not known")
    if rows[0]["better"] == "zero" or (values.min() < 0 < values.max()):
        axes.axvline(0, color=ink, linewidth=1, linestyle="--")
    axes.set_yticks(places, [f"{row['group']}  (n {row['n_scored']})" for row in shown])
    axes.set_ylim(-0.7, len(shown) - 0.3)
    axes.set_xlabel(" \u00b7 ".join(filter(None, (rows[0]["statistic"], SIDES[rows[0]["better"]]))))
    axes.grid(axis="x")
    if not known.all():
        axes.legend(frameon=False, fontsize=8)
    more = len(rows) - len(shown)
    return _heading(rows[0]) + (f" (the first {MOST_ROWS} of {len(rows)})" if more else "")


def curve(axes: Axes, ink: str, rows: Sequence[Row]) -> str:
    """The estimate over the number of generations, with its interval as a band."""
    ordered = sorted(rows, key=lambda row: float(row["group"]))
    counts = [float(row["group"]) for row in ordered]
    ends = np.array([[row["low"], row["high"]] for row in ordered], dtype=np.float64)
    axes.fill_between(counts, *ends.T, color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(counts, [row["estimate"] for row in ordered], "o-", color=BLUE, markersize=4)
    if max(counts) > 10 * min(counts):
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xticks(counts, [f"{count:g}" for count in counts])
    axes.set_xlabel("generations of a prompt")
    axes.set_ylabel(ordered[0]["statistic"])
    axes.grid()
    return _heading(ordered[0])


def histogram(axes: Axes, ink: str, metric: str, values: NDArray[np.float64]) -> str:
    """How many scores lie where; says how many could not be had."""
    there = values[np.isfinite(values)]
    distinct = np.unique(there)
    if len(distinct) <= BINS // 2:
        counts = [int((there == value).sum()) for value in distinct]
        narrow = min(np.diff(distinct), default=1.0)
        axes.bar(distinct, counts, width=0.8 * narrow, color=BLUE)
    else:
        axes.hist(there, bins=BINS, color=BLUE)
    axes.set_xlabel(metric)
    axes.set_ylabel("scores")
    axes.grid(axis="y")
    missing = len(values) - len(there)
    lost = f", {missing:,} could not be had" if missing else ""
    return f"{metric}: {len(there):,} scores{lost}"


def _heading(row: Row) -> str:
    by = "" if row["by"] == "generations" else f" by {row['by']}"
    return f"{ARROWS[row['better']]} {row['name']}{by}"


def _save(name: str, folder: Path, title: str, picture: Any, *given: Any) -> list[Path]:
    from matplotlib import rc_context

    stem = re.sub(r"[^\w]+", "_", name).strip("_").lower()[:120]
    written = []
    for end, (paper, ink, grid) in INKS.items():
        style: Any = {
            "figure.facecolor": paper, "axes.facecolor": paper, "savefig.facecolor": paper,
            "text.color": ink, "axes.labelcolor": ink, "xtick.color": ink, "ytick.color": ink,
            "axes.edgecolor": ink, "grid.color": grid, "grid.linewidth": 0.6, "font.size": 10,
            "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False,
            "text.parse_math": False, "svg.hashsalt": "harness", "svg.fonttype": "path",
        }  # fmt: skip
        with rc_context(style):
            figure = _figure(title, ink, picture, *given)
            kinds = (".svg", ".png") if not end else (".svg",)
            for kind in kinds:
                path = folder / f"{stem}{end}{kind}"
                told = {"Date": None} if kind == ".svg" else {}
                figure.savefig(path, dpi=160, metadata=told)
                written.append(path)
    return written


def _figure(title: str, ink: str, picture: Any, *given: Any) -> Figure:
    from matplotlib.figure import Figure

    rows = given[0] if isinstance(given[0], Sequence) and not isinstance(given[0], str) else ()
    listed = min(len(rows), MOST_ROWS) if picture is forest else 0
    figure = Figure(figsize=(7.2, max(3.0, 1.3 + 0.27 * listed)), layout="constrained")
    axes = figure.add_subplot()
    heading = picture(axes, ink, *given)
    axes.set_title(f"{heading}\n{title}", fontsize=10, loc="left")
    return figure
