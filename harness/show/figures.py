"""Figures of a run's tables, for print and for the screen, as SVG and PNG."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.show.fonts import fonts_for
from harness.show.lines import steady, wrap
from harness.show.terminal import ARROWS
from harness.types import HarnessError, shortened, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


Row = Mapping[str, Any]
BLUE, ORANGE = "#0072B2", "#D55E00"
"""Two of Okabe and Ito's colours, which the colour-blind tell apart; shapes differ as well."""
PAPER, INK, GRID = "#ffffff", "#222222", "#d9d9d9"
DARK = {PAPER: "#16181c", INK: "#e8e8e8", GRID: "#45484f"}
"""What each of them is in the dark."""
MOST_ROWS = 60
"""Groups that one figure shows; the rest stand in the table."""
MOST_COLUMNS = 48
"""Of a terminal, that a label is as wide as at most; a Chinese letter takes two."""
MOST_OF_A_LINE = 88
BINS = 40
STYLE: Any = {
    "figure.facecolor": PAPER, "axes.facecolor": PAPER, "savefig.facecolor": PAPER,
    "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.edgecolor": INK, "grid.color": GRID, "grid.linewidth": 0.6, "font.size": 10,
    "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False,
    "text.parse_math": False, "svg.hashsalt": "harness", "svg.fonttype": "path",
}  # fmt: skip
SIDES = {"lower": "lower is better", "higher": "higher is better",
         "zero": "the nearer to zero the better", "neither": ""}  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """A figure that has been saved."""

    name: str
    svg: Path
    dark: Path
    png: Path


def draw(
    estimates: Sequence[Row], scores: Mapping[str, NDArray[np.float64]], title: str, folder: Path
) -> list[Drawn]:
    """Save each figure as SVG, in light and dark, and as PNG.

    Args:
        estimates: rows of a run's estimates.
        scores: of each metric the values; NaN is missing. What is only yes or no has no
            distribution to look at.
        title: of the run.
        folder: where they go.

    Raises:
        HarnessError: the folder cannot be written.
    """
    drawn = []
    for name, rows in groups(estimates):
        listed = 0 if rows[0]["by"] in PLOTS else min(len(rows), MOST_ROWS)
        shape = PLOTS.get(rows[0]["by"], forest)
        plot = partial(shape, rows=rows)
        drawn.append(save(name, folder, title, plot, 1.3 + 0.27 * listed))
    for metric, values in scores.items():
        if len(np.unique(values[np.isfinite(values)])) > 2:
            plot = partial(histogram, metric=metric, values=values)
            drawn.append(save(f"{metric} distribution", folder, title, plot))
    return drawn


def save(
    name: str, folder: Path, title: str, plot: Callable[[Axes], str], height: float = 0
) -> Drawn:
    """Draw one figure once, and save it as SVG, as the same SVG in the dark's colours, and as PNG.

    Args:
        name: of the figure, which its files are named by.
        folder: where they go.
        title: what stands under the heading.
        plot: draws on the axes and gives the heading.
        height: in inches, at the least 3.

    Raises:
        HarnessError: the folder cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    stem = re.sub(r"[^\w]+", "_", name).strip("_").lower()[:120]
    drawn = Drawn(name, *(folder / f"{stem}{end}" for end in (".svg", "-dark.svg", ".png")))
    logging.getLogger("matplotlib").setLevel(
        logging.ERROR
    )  # the first start builds a list of fonts
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # the figure says so
        figure = Figure(figsize=(7.2, max(3.0, height)))
        axes = figure.add_subplot()
        _write_in_any_script(figure, axes, [plot(axes), *wrap(visible(title), MOST_OF_A_LINE)])
        _lay_out(figure, axes)
        light = io.StringIO()
        figure.savefig(light, format="svg", metadata={"Date": None})
        dark = re.sub("|".join(DARK), lambda match: DARK[match[0]], light.getvalue())
        try:
            folder.mkdir(parents=True, exist_ok=True)
            drawn.svg.write_text(light.getvalue(), encoding="utf-8")
            drawn.dark.write_text(dark, encoding="utf-8")
            figure.savefig(drawn.png, dpi=160)
        except OSError as error:
            raise HarnessError(f"{str(folder)!r} cannot be written ({error.strerror})") from error
    return drawn


def _write_in_any_script(figure: Figure, axes: Axes, heading: Sequence[str]) -> None:
    """Write the heading, and have all texts drawn with fonts that have their letters."""
    from matplotlib.text import Text

    labels = [*axes.get_xticklabels(), *axes.get_yticklabels()]
    texts = [*figure.findobj(Text), *labels]
    fonts = fonts_for([*heading, *(text.get_text() for text in texts)])
    axes.tick_params(labelfontfamily=fonts.families)
    for text in texts:
        text.set_fontfamily(fonts.families)
    lines = [steady(visible(line)) for line in (*heading, fonts.note) if line]
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=10, family=fonts.families)


def _lay_out(figure: Figure, axes: Axes) -> None:
    """Lay a figure out once for all that it is saved as: that takes longer than to draw it.

    A label that is wider than its axes, to which long names leave little, ends with them.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine()
    layout.execute(figure)
    label = axes.xaxis.label
    if label.get_window_extent().x1 > figure.bbox.x1:
        axes.set_xlabel(label.get_text(), loc="right")
        layout.execute(figure)


def groups(estimates: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """What one figure shows: the rows of one estimate by one column, where any is known."""
    groups_of: dict[tuple[str, str, str], list[Row]] = {}
    for row in estimates:
        if row["by"] is not None:
            groups_of.setdefault((row["name"], row["statistic"], row["by"]), []).append(row)
    names: dict[str, int] = {}
    for (name, statistic, by), rows in groups_of.items():
        if all(row["estimate"] is None for row in rows):
            continue
        once = f"{name} by {by}"
        names[once] = names.get(once, 0) + 1
        yield once if names[once] == 1 else f"{once} {statistic}", rows


def forest(axes: Axes, rows: Sequence[Row], most: int = MOST_ROWS) -> str:
    """A dot and its interval for each of the first groups; gives the heading."""
    drawn = rows[:most]
    places = np.arange(len(drawn))[::-1]
    values = np.array([row["estimate"] for row in drawn], dtype=np.float64)
    ends = np.array([[row["low"], row["high"]] for row in drawn], dtype=np.float64)
    known = np.isfinite(ends).all(axis=1)
    axes.hlines(places[known], *ends[known].T, color=BLUE, linewidth=2)
    axes.plot(values[known], places[known], "o", color=BLUE, label="with its 95 % interval")
    if not known.all():
        axes.plot(values[~known], places[~known], "D", color=ORANGE, label="interval not known")
    finite = values[np.isfinite(values)]
    if rows[0]["better"] == "zero" or (finite.size and finite.min() < 0 < finite.max()):
        axes.axvline(0, color=INK, linewidth=1, linestyle="--")
    axes.set_yticks(places, [_label(row) for row in drawn])
    axes.set_ylim(-0.7, len(drawn) - 0.3)
    axes.set_xlabel(" \u00b7 ".join(filter(None, (rows[0]["statistic"], SIDES[rows[0]["better"]]))))
    axes.grid(axis="x")
    if not known.all():
        axes.legend(frameon=False, fontsize=8)
    more = len(rows) - len(drawn)
    return _heading(rows[0]) + (f" (the first {most} of {len(rows)})" if more else "")


def curve(axes: Axes, rows: Sequence[Row]) -> str:
    """The estimate over the number of generations, with its interval as a band."""
    ordered = sorted(rows, key=lambda row: float(row["group"]))  # NaN leaves a gap in the line
    counts = [float(row["group"]) for row in ordered]
    ends = np.array([[row["low"], row["high"]] for row in ordered], dtype=np.float64)
    axes.fill_between(counts, *ends.T, color=BLUE, alpha=0.25, linewidth=0)
    values = np.array([row["estimate"] for row in ordered], dtype=np.float64)
    axes.plot(counts, values, "o-", color=BLUE, markersize=4)
    if max(counts) > 10 * min(counts):
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.set_xticks(counts, [f"{count:g}" for count in counts])
    axes.set_xlabel("generations of a prompt")
    axes.set_ylabel(ordered[0]["statistic"])
    axes.grid()
    return _heading(ordered[0])


def reliability(axes: Axes, rows: Sequence[Row]) -> str:
    """The share that is right over the confidence, beside the line on which both are alike."""
    known = [row for row in rows if row["estimate"] is not None]
    axes.plot([0, 1], [0, 1], "--", color=INK, linewidth=1, label="calibrated")
    for row in known:
        place = float(row["group"].split()[0])
        if row["low"] is not None:
            axes.vlines(place, row["low"], row["high"], color=BLUE, linewidth=2)
        axes.plot(place, row["estimate"], "o", color=BLUE)
        count = f"n {row['n_scored']}"
        axes.annotate(count, (place, row["estimate"]), (5, 4), textcoords="offset points", size=8)
    axes.set_xlim(0, 1.06)
    axes.set_ylim(-0.02, 1.05)
    axes.set_xlabel("mean confidence of a bin")
    axes.set_ylabel(rows[0]["statistic"])
    axes.grid()
    axes.legend(frameon=False, fontsize=8)
    lost = sum(row["n_failed"] for row in rows)
    return _heading(rows[0]) + (f" ({lost:,} without one)" if lost else "")


PLOTS = {"generations": curve, "confidence": reliability}
"""By what rows are of, where a figure is no list of groups."""


def histogram(axes: Axes, metric: str, values: NDArray[np.float64]) -> str:
    """How many scores lie where; says how many could not be had."""
    finite = values[np.isfinite(values)]
    distinct = np.unique(finite)
    if len(distinct) <= BINS // 2 and (distinct == np.round(distinct)).all():
        axes.bar(distinct, [int((finite == value).sum()) for value in distinct], color=BLUE)
    else:
        few = min(BINS, 5 + len(finite) // 5)
        axes.hist(finite, bins=few, color=BLUE)
    axes.set_xlabel(metric)
    axes.set_ylabel("scores")
    axes.grid(axis="y")
    missing = len(values) - len(finite)
    lost = f", {missing:,} could not be had" if missing else ""
    return f"{metric}: {len(finite):,} scores{lost}"


def _label(row: Row) -> str:
    """A group's name on one line that fits beside a figure, with its number of scores."""
    text = " ".join(visible(row["group"]).split()) or "(no name)"
    short = steady(shortened(text, MOST_COLUMNS))
    return f"{short}  (n {row['n_scored']}{', not known' if row['estimate'] is None else ''})"


def _heading(row: Row) -> str:
    by = "" if row["by"] == "generations" else f" by {row['by']}"
    return f"{ARROWS[row['better']]} {row['name']}{by}"
