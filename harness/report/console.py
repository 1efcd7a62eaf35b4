"""A run as it is printed: a summary that fits on a screen, or every row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.report.headline import Grouping, Row, overview
from harness.report.opening import done_to
from harness.show import (
    ARROWS,
    SIDES,
    Trust,
    interval,
    key_to_marks,
    language_lines,
    missing_lines,
    number,
    steady,
    table,
    terminal_width,
    trust,
    with_categories,
    wrap,
    wrapped,
)
from harness.store import ITSELF, UNMEASURABLE, FinishedRun, RunInfo
from harness.types import visible

SCREEN = 40
"""Lines of a summary at most, with the line that names the page."""
END = 3
"""Lines that name the run's folder and page."""
FEWEST_ROWS, FEWEST_REMARKS = 10, 5
"""Rows of estimates, and lines of remarks, that are printed in any case."""
COLUMNS = {"n": "n", "n_scored": "scored", "n_failed": "failed"}
"""Of counts; a summary leaves out what is scored, which is the difference of the others."""


def print_run(run: FinishedRun, everything: bool = False) -> None:
    """Print the estimates of a run as a table that a person can read.

    Args:
        run: which has ended.
        everything: every row and whole sentences; else of each grouping the worst group, and as
            much of what is to be said besides as fits on a screen.
    """
    columns = terminal_width()
    info, rows = run.info, with_categories(run.rows, run.info.labels)
    if everything:
        above, below = _asked(info), [*_legend(rows, len(rows)), *_sentences(rows)]
        below += [*_remarks_of_scorers(info), *_remarks(info)]
        lines = [*wrapped(above, columns), *all_rows(rows, columns), *wrapped(below, columns)]
    else:
        lines = _summary_lines(info, rows, columns)
    print("\n".join([*lines, "", f"run folder: {run.folder}"]))


def _summary_lines(info: RunInfo, rows: Sequence[Row], columns: int) -> list[str]:
    entries, remarks = overview(rows), _remarks(info)
    above = wrapped(_asked(info), columns)
    texts = [*_legend(rows, len(entries)), *_glances(info, rows), *_remarks_of_scorers(info)]
    below = wrapped(texts, columns)
    room = SCREEN - END - len(above) - len(below)
    remark_lines = min(len(wrapped(remarks, columns)), FEWEST_REMARKS)
    most = len(entries)
    while len(lines := summary(entries, most, columns)) > room - remark_lines:
        if most <= FEWEST_ROWS:
            break
        most -= 1
    free_lines = max(room - len(lines), FEWEST_REMARKS)
    return [*above, *lines, *below, *fitted(remarks, free_lines, columns)]


def all_rows(rows: Sequence[Row], columns: int) -> list[str]:
    """The lines of a table of every estimate, those of a grouping under a heading."""
    counts, heading = list(COLUMNS), ""
    cells: list[tuple[str, ...]] = []
    for row in rows:
        title = f"{ARROWS[row['better']]} {row['name']}"
        if row["by"] and heading != (heading := f"{title} by {row['by']}"):
            cells.append((heading,))
        name = f"    {visible(row['group'])}" if row["by"] else _title(row)
        cells.append((name, *_values(row, counts)))
    return table(_heads(counts), cells, columns)


def summary(entries: Sequence[Row | Grouping], most: int, columns: int) -> list[str]:
    """The lines of a table with a row for each estimate over all samples and for each grouping.

    Args:
        entries: of them.
        most: rows; where there are more entries the last row says how many.
        columns: of the terminal.
    """
    counts = [name for name in COLUMNS if name != "n_scored"]
    listed = entries if len(entries) <= most else entries[: most - 1]
    cells: list[tuple[str, ...]] = [
        (_grouping(entry), *_values(entry.worst, counts))
        if isinstance(entry, Grouping)
        else (_title(entry), *_values(entry, counts))
        for entry in listed
    ]
    if more := len(entries) - len(listed):
        cells.append((f"\u2026 and {more} more: show=all",))
    return table(_heads(counts), cells, columns)


def _heads(counts: Sequence[str]) -> list[str]:
    names = (COLUMNS[name] for name in counts)
    return ["estimate", "value", "95 % interval", "worst", "best", *names]


def _title(row: Row) -> str:
    title = f"{ARROWS[row['better']]} {row['name']} ({row['statistic']})"
    return f"{title}: {UNMEASURABLE}" if UNMEASURABLE in row["validity"] else title


def _grouping(grouping: Grouping) -> str:
    worst = grouping.worst
    title = f"{ARROWS[worst['better']]} {worst['name']} by {worst['by']}"
    if worst["estimate"] is None:
        return f"{title} (none of {grouping.count} known)"
    extreme = "highest" if worst["better"] == "neither" else "worst"
    notes = [f"{extreme} of {grouping.count}"] if grouping.count > 1 else []
    notes += [f"{grouping.unknown} not known"] if grouping.unknown else []
    notes += [] if grouping.fitted else ["the model did not fit"]
    title = f"{title}: {visible(worst['group'])}"
    return f"{title} ({', '.join(notes)})" if notes else title


def _values(row: Row, counts: Sequence[str]) -> tuple[str, ...]:
    if row["n"] == 0:
        return ("no samples",)
    if UNMEASURABLE in row["validity"]:
        return ("", "", "", "", *(str(row[name]) for name in counts))
    estimate, worst, best = (number(row[name]) for name in ("estimate", "worst", "best"))
    return (estimate, interval(row), worst, best, *(str(row[name]) for name in counts))


def _asked(info: RunInfo) -> list[str]:
    """What the model was asked, and what became of it."""
    identity = info.identity
    lines = [
        f"{identity['task']} version {identity['task_version']}, protocol {identity['protocol']}, "
        f"data {identity['data']}@{identity['data_sha256'][:8]}, "
        f"model {steady(visible(info.model))}, "
        f"mitigation {done_to(info)}: {info.samples} samples, {info.generations} generations, "
        f"{info.generations_failed} of them failed, {info.generations_cut} cut "
        "at max_new_tokens"
    ]
    if info.generations_filtered or info.generations_empty:
        lines.append(
            f"{info.generations_filtered} answers withheld by a filter of the server's, "
            f"{info.generations_empty} empty"
        )
    return lines + language_lines(info.languages, info.unread, info.generations, info.unproven)


def _legend(rows: Sequence[Row], count: int) -> list[str]:
    """What the signs of a table mean, and where the rows are that it does not show."""
    directions = {row["better"] for row in rows}
    words = [f"{ARROWS[name]} {side or 'neither is better'}" for name, side in SIDES.items()
             if name in directions]  # fmt: skip
    legend = f"{', '.join(words)}; worst and best: the value if all that failed were at that end"
    if count == len(rows):
        return [legend]
    return [f"{legend}; all {len(rows)} rows: show=all, report.html or estimates.csv"]


def _glances(info: RunInfo, rows: Sequence[Row]) -> Iterator[str]:
    """Of each scorer on one line how far its metrics agree with people, at a glance."""
    scorers: dict[tuple[str, bool], dict[Trust, dict[str, None]]] = {}
    marks: set[str] = set()
    for row in rows:
        glance = trust(info.agreement, row)
        marks.add(glance.mark)
        scorer = row["scorer_id"], info.judges_itself(row["scorer"])
        phrases = scorers.setdefault(scorer, {})
        phrases.setdefault(glance, {})[row["metric"]] = None
    if key := key_to_marks(marks):
        yield key
    for (scorer_id, judges_itself), phrases in scorers.items():
        (first, *others) = (
            (f"{glance.mark} {', '.join(metrics)}".strip(), glance.phrase)
            for glance, metrics in phrases.items()
        )
        parts = [f"{first[0]} by {scorer_id}: {first[1]}", *map(": ".join, others)]
        yield "; ".join([*parts, ITSELF] if judges_itself else parts)


def _sentences(rows: Sequence[Row]) -> Iterator[str]:
    """How far each metric agrees with people, in whole sentences."""
    metrics: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        metrics.setdefault((row["scorer_id"], row["validity"]), {})[row["metric"]] = None
    for (scorer_id, validity), names in metrics.items():
        yield f"{', '.join(names)} by {scorer_id}: {validity}"


def _remarks_of_scorers(info: RunInfo) -> Iterator[str]:
    for name, facts in info.sessions[-1].get("scorers", {}).items():
        yield f"{name}: {', '.join(f'{key} {value}' for key, value in facts.items())}"


def _remarks(info: RunInfo) -> list[str]:
    """What is missing and why, and what was noted."""
    remarks = []
    if info.not_computed:
        names = ", ".join(dict.fromkeys(info.not_computed))
        remarks.append(f"not computed, for no scorer gives it: {names}")
    remarks += missing_lines(info.missing)
    return remarks + [f"note: {visible(note)}" for note in info.notes]


def fitted(remarks: Sequence[str], lines: int, columns: int) -> list[str]:
    """Remarks on so many lines: each shortened alike, and how many more there are.

    Args:
        remarks: each a paragraph.
        lines: at most, at least 1.
        columns: of a line.
    """
    if len(whole := wrapped(remarks, columns)) <= lines:
        return whole
    listed = remarks if len(remarks) <= lines else remarks[: lines - 1]
    share = (lines - (len(listed) < len(remarks))) // max(len(listed), 1)
    short = [line for remark in listed for line in wrap(remark, columns, share)]
    if more := len(remarks) - len(listed):
        short.append(f"\u2026 and {more} more: show=all")
    return short
