"""What was noticed: in the terminal, as a table, as curves and as a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.regression.mutate.damages import KINDS, Damage
from harness.regression.mutate.detection import NOTICED, WHOLE, Detection, noticed_from
from harness.show import (
    BLUE,
    INK,
    ORANGE,
    Drawn,
    page,
    picture,
    safe,
    save,
    table,
    terminal_width,
)
from harness.store import FinishedRun, write_text
from harness.types import HarnessError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("damage", "dose", "task", "estimate", "share", "low", "high", "times", "draws",
           "difference", "margin", "verdict")  # fmt: skip
NEVER = "slips through"
Series = tuple[str, str, str]
"""A task, an estimate and a kind of damage."""


def write_detections(
    rows: Sequence[Detection], baseline: Sequence[FinishedRun], folder: Path
) -> Path:
    """Write mutate.html, .md and .csv and a figure for each task; gives the page.

    Raises:
        HarnessError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(f"to={str(folder)!r} cannot be written ({error.strerror})") from error
    drawn = {run.question["task"]: _drawn(rows, run, folder / "figures") for run in baseline}
    write_text(folder / "mutate.csv", as_csv(rows))
    write_text(folder / "mutate.md", as_markdown(rows))
    context = {"title": "Would the suite have noticed?", "kinds": list(KINDS.items())}
    tasks = [
        {
            "name": run.question["task"],
            "asked": f"{run.info.model}, {run.info.samples:,} samples",
            "figure": picture(drawn[run.question["task"]]),
            "rows": [row[1:] for row in noticed_rows(rows) if row[0] == run.question["task"]],
        }
        for run in baseline
    ]
    written = page("mutate.html", "history.js", {}, **context, tasks=tasks)
    return write_text(folder / "mutate.html", written)


def noticed_rows(rows: Iterable[Detection]) -> Iterator[list[str]]:
    """Task, estimate, damage, from which dose on it is noticed, the interval, and the largest."""
    for (task, estimate, kind), series in _series(rows).items():
        first, least, most = noticed_from(series)
        last = series[-1]
        yield [
            task,
            estimate,
            kind.replace("_", " "),
            NEVER if first is None else f"{first.dose:g}",
            _between(least, most, last.damage),
            f"{last.damage.dose:g}: {last.share:.2f} ({last.ends.low:.2f} to {last.ends.high:.2f})",
        ]


def print_noticed(rows: Sequence[Detection]) -> None:
    """From which dose on each task notices each damage, and what slips through."""
    head = ["task", "damage", "noticed from", "95 %", "at the largest dose"]
    cells = [(task, *row) for task, estimate, *row in noticed_rows(rows) if estimate == WHOLE]
    print("\n".join(table(head, cells, terminal_width(), left=range(len(head)))))


def as_markdown(rows: Sequence[Detection]) -> str:
    """A table of what is noticed from where on."""
    lines = [
        "# Would the suite have noticed?",
        "",
        f"Noticed: the gate says regression in {NOTICED:.0%} of draws of the prompts or more, at a "
        "dose and at all above it.",
        "",
        "| task | estimate | damage | noticed from | 95 % | share at the largest dose |",
        "|---|---|---|--:|--:|---|",
        *(f"| {' | '.join(map(safe, row))} |" for row in noticed_rows(rows)),
        "",
    ]
    lines += [f"- {kind.replace('_', ' ')}: {meaning}" for kind, meaning in KINDS.items()]
    return "\n".join(lines) + "\n"


def as_csv(rows: Sequence[Detection]) -> str:
    """A row for each damage, dose, task and estimate."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        ends = row.ends
        shares = (f"{row.share:.4f}", f"{ends.low:.4f}", f"{ends.high:.4f}", row.times, row.draws)
        measured = ("" if row.difference is None else f"{row.difference:.6f}", row.margin)
        key = (row.damage.kind, f"{row.damage.dose:g}", row.task, row.estimate)
        writer.writerow([*key, *shares, *measured, row.verdict])
    return text.getvalue()


def curves(axes: Axes, rows: Sequence[Detection]) -> str:
    """The share of draws in which the gate says regression of a task, by kind and dose."""
    series = [
        detections for (_, estimate, _), detections in _series(rows).items() if estimate == WHOLE
    ]
    ticks, labels, start = [], [], 0.0
    for of_kind in series:
        places = [start + place for place in range(len(of_kind))]
        ends = [row.ends for row in of_kind]
        seen = noticed_from(of_kind)[0] is not None
        colour = BLUE if seen else ORANGE
        axes.vlines(places, [e.low for e in ends], [e.high for e in ends], color=colour)
        axes.plot(places, [row.share for row in of_kind], "o-", color=colour)
        heading = KINDS_SHORT.get(of_kind[0].damage.kind, of_kind[0].damage.kind)
        axes.text(places[0] - 0.3, 1.07, heading, fontsize=7)
        ticks += places
        labels += [f"{row.damage.dose:g}" for row in of_kind]
        start = places[-1] + 1.6
    axes.axhline(NOTICED, color=INK, linestyle="--", linewidth=1)
    axes.set_xlim(-0.7, start - 0.6)
    axes.set_ylim(-0.03, 1.17)
    axes.set_xticks(ticks, labels, fontsize=7)
    axes.set_ylabel("share of draws with a regression")
    axes.grid(axis="y")
    return "\u25cf noticed at the largest doses (blue) or not (orange), by dose"


KINDS_SHORT = {
    "refusal_direction": "refusal dir.",
    "inverted_prompt": "prompt",
    "cut": "answers cut",
}


def _drawn(rows: Sequence[Detection], run: FinishedRun, folder: Path) -> Drawn:
    task = run.question["task"]
    plot = partial(curves, rows=[row for row in rows if row.task == task])
    title = f"{task}, {run.info.model}, {run.info.samples:,} samples"
    return save(f"mutate {task}", folder, title, plot, 3.4)


def _series(rows: Iterable[Detection]) -> dict[Series, list[Detection]]:
    series: dict[Series, list[Detection]] = {}
    for row in rows:
        series.setdefault((row.task, row.estimate, row.damage.kind), []).append(row)
    return series


def _between(least: Damage | None, most: Damage | None, largest: Damage) -> str:
    """The ends of an interval of doses, either of which may be above the largest that was tried."""
    above = f"above {largest.dose:g}"
    low, high = (above if end is None else f"{end.dose:g}" for end in (least, most))
    return above if low == high == above else f"{low} to {high}"
