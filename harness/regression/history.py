"""Each gated estimate over a series of checkpoints, against the first of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.leaderboard.boards import Board, Entry, make_boards
from harness.regression.gate import Margins, comparison_of, nothing_gated
from harness.regression.looking import ALARM, interval_at, running
from harness.regression.pairs import Reading
from harness.regression.verdict import Change, Verdict
from harness.regression.words import READS, WORDS
from harness.show import (
    ARROWS,
    BLUE,
    INK,
    MOST_COLUMNS,
    ORANGE,
    Drawn,
    number,
    page,
    picture,
    safe,
    save,
)
from harness.statistics import Ends
from harness.store import read_runs, write_text
from harness.types import Estimate, HarnessError, NotAlike, NotFinished, shortened, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes


MARKS = {Verdict.PASS: "o", Verdict.REGRESSION: "X", Verdict.INCONCLUSIVE: "D"}


@dataclass(frozen=True)
class Point:
    """An estimate of one checkpoint, and how it stands to that of the first."""

    checkpoint: str
    estimate: Estimate
    change: Change | None
    """None of the first itself."""
    evidence: float = 1.0
    """Against no checkpoint up to this one being worse: `ALARM` or more, whenever one looks, is an
    alarm."""
    interval: Ends | None = None
    """Of how much worse it is; those of all checkpoints hold together."""

    @property
    def alarms(self) -> bool:
        """Whether the training has got worse by now, however often that was asked."""
        return self.evidence >= ALARM


@dataclass(frozen=True)
class Series:
    """An estimate over the checkpoints of a board, the oldest first."""

    board: Board
    name: str
    better: str
    margin: float
    points: Sequence[Point]


def write_history(
    results: Path,
    margins: Margins,
    guards: Margins,
    folder: Path,
    reading: Reading = "generalized",
) -> Path:
    """Write history.html, history.md and a figure an estimate; gives the page's path.

    Args:
        results: folder of the runs.
        margins: of what is gated.
        guards: likewise.
        folder: to write to.
        reading: what intervals and evidence speak of.

    Raises:
        HarnessError: no two checkpoints were asked the same, or the folder cannot be written.
    """
    runs, _ = read_runs(results)
    skipped: list[str] = []
    boards = make_boards(runs)
    asked = margins, guards, reading
    curves = [curve for board in boards for curve in series(board, asked, skipped)]
    if not curves:
        raise HarnessError(
            f"history={str(results)!r} has no two checkpoints that were asked the same and have a "
            f"gated estimate{': ' * bool(skipped)}{'; '.join(skipped)}"
        )
    drawn = [
        save(f"history {curve.board.id} {curve.name}", folder / "figures", curve.board.title,
             partial(draw_series, series=curve), 3.2)
        for curve in curves
    ]  # fmt: skip
    write_text(folder / "history.md", as_markdown(curves, skipped, READS[reading]))
    return write_text(folder / "history.html", _page(curves, drawn, skipped, READS[reading]))


def series(
    board: Board, asked: tuple[Margins, Margins, Reading], skipped: list[str]
) -> Iterator[Series]:
    """What is gated of a board, over its models in the order in which they were first run.

    Args:
        board: of one question.
        asked: margins and guards of what is gated, and what intervals speak of.
        skipped: what could not be compared with the first is added here.
    """
    entries = sorted(board.entries, key=lambda entry: (_started(entry), entry.model))
    points: dict[str, list[Point]] = {}
    changes: dict[str, Change] = {}
    for entry in entries[1:]:
        try:
            comparison = comparison_of(entries[0].runs, entry.runs, *asked)
        except (NotAlike, NotFinished) as error:
            skipped.append(str(error))
            continue
        if comparison.ungated:
            skipped += map(nothing_gated, comparison.ungated)
            continue
        skipped += [f"{entry.model}: {reason}" for reason in comparison.lost]
        for change in comparison.changes:
            first = [Point(entries[0].model, _estimate(entries[0], change), None)]
            of_name = points.setdefault(change.name, first)
            of_name.append(Point(entry.model, _estimate(entry, change), change))
            changes[change.name] = change
    for name, of_change in points.items():
        looked = list(with_evidence(of_change))
        yield Series(board, name, changes[name].better, changes[name].margin, looked)


def with_evidence(points: Sequence[Point]) -> Iterator[Point]:
    """The same checkpoints with what may be said after looking at each of them in turn."""
    looks = [point.change.measured for point in points[1:] if point.change]
    yield points[0]
    for k, (point, total) in enumerate(zip(points[1:], running(looks), strict=True), 1):
        yield replace(point, evidence=total, interval=interval_at(k, looks[k - 1]))


def draw_series(axes: Axes, series: Series) -> str:
    """Estimates with intervals in order, the first's level, and the margin from it."""
    places = np.arange(len(series.points))
    first = series.points[0].estimate.estimate
    if first is not None:
        axes.axhline(first, color=INK, linewidth=1)
        for level in {
            "lower": [first + series.margin],
            "higher": [first - series.margin],
            "zero": [abs(first) + series.margin, -abs(first) - series.margin],
        }.get(series.better, []):
            axes.axhline(level, color=ORANGE, linewidth=1, linestyle="--")
    for place, point in zip(places, series.points, strict=True):
        estimate, change = point.estimate, point.change
        good = change is None or change.verdict is Verdict.PASS
        colour = BLUE if good else ORANGE
        if estimate.low is not None and estimate.high is not None:
            axes.vlines(place, estimate.low, estimate.high, color=colour, linewidth=2)
        if estimate.estimate is not None:
            mark = "s" if change is None else MARKS[change.verdict]
            axes.plot(place, estimate.estimate, mark, color=colour, markersize=8)
    names = [
        shortened(visible(point.checkpoint), MOST_COLUMNS // 2, keep_end=True)
        for point in series.points
    ]
    axes.set_xticks(places, names, rotation=20)
    axes.set_xlim(-0.5, len(places) - 0.5)
    axes.grid(axis="y")
    return (
        f"{ARROWS[series.better]} {series.name}   \u25a0 first   \u25cf within the margin   "
        "\u25c6 inconclusive   \u2716 worse"
    )


def as_markdown(curves: Sequence[Series], skipped: Sequence[str], of: str) -> str:
    """A table for each estimate, and what they speak `of`."""
    lines = ["# History", "", of, ""]
    for curve in curves:
        heading = safe(f"{ARROWS[curve.better]} {curve.name}")
        lines += [f"## {heading}", "", safe(curve.board.title), ""]
        lines += [
            "| checkpoint | estimate (95 %) | against the first, looked at once | at all looks: "
            f"worse by | evidence of {ALARM:g} | |",
            "|---|--:|---|---|--:|---|",
        ]
        for row in _rows(curve):
            lines.append(f"| {' | '.join(map(safe, row))} |")
        lines.append("")
    lines += [f"- not compared: {safe(reason)}" for reason in dict.fromkeys(skipped)]
    return "\n".join(lines).rstrip() + "\n"


def _page(curves: Sequence[Series], drawn: Sequence[Drawn], skipped: Sequence[str], of: str) -> str:
    return page(
        "history.html",
        "history.js",
        {},
        title="History",
        reading=of,
        series=[
            {
                "name": f"{ARROWS[curve.better]} {curve.name}",
                "title": curve.board.title,
                "margin": f"{curve.margin:g}",
                "figure": picture(figure),
                "rows": list(_rows(curve)),
            }
            for curve, figure in zip(curves, drawn, strict=True)
        ],
        skipped=list(dict.fromkeys(skipped)),
    )


def _rows(curve: Series) -> Iterator[list[str]]:
    for point in curve.points:
        estimate, change = point.estimate, point.change
        yield [
            point.checkpoint,
            f"{number(estimate.estimate)} ({number(estimate.low)} to {number(estimate.high)})",
            "the first" if change is None else WORDS[change.verdict],
            _ends(point),
            "" if change is None else f"{point.evidence:.3g}{' (alarm)' * point.alarms}",
            "" if change is None else change.reason,
        ]


def _ends(point: Point) -> str:
    """The interval that holds together with those of all other checkpoints."""
    if point.change is None:
        return ""
    if point.interval is None:
        return "not known"
    return f"{point.interval.low:+z.3f} to {point.interval.high:+z.3f}"


def _estimate(entry: Entry, change: Change) -> Estimate:
    """The estimate of a checkpoint that a change is of."""
    for column, cell in entry.cells.items():
        named = (column.name, column.statistic, column.group)
        if named == (change.estimand, change.statistic, change.level):
            return cell.estimate
    return Estimate(None, None, None, None, None, None, 0, 0, 0, 0)


def _started(entry: Entry) -> str:
    started = [session for run in entry.runs for session in run.info.sessions[:1]]
    return min((str(session.get("started", "")) for session in started), default="")
