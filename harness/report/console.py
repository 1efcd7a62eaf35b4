"""What a run prints: progress while it goes, a table when it is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from harness.plan import Result
from harness.text import visible

ARROWS = {"lower": "\u2193", "higher": "\u2191", "zero": "\u2194", "neither": "\u00b7"}
WIDTH = 120
"""Columns of what is printed where the output is no terminal."""


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left on standard error; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", justify="right"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total, rate="")

        def advance(done: int) -> None:
            bar.advance(task, done)
            speed = bar.tasks[0].speed
            bar.update(task, rate=f"{speed:.1f}/s" if speed else "")

        yield advance


def print_result(result: Result) -> None:
    """The estimates of a run as a table that a person can read."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    rows, info = result.estimates.to_pylist(), result.info
    identity = info["identity"]
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)
    console.print(
        f"{identity['task']} version {identity['task_version']}, protocol {identity['protocol']}, "
        f"data {identity['data']}@{identity['data_sha256'][:8]}, model {info['model']}, "
        f"mitigation {info['mitigation']}: {info['samples']} samples, {info['generations']} "
        f"generations, {info['generations_failed']} of them failed, {info['generations_cut']} cut "
        "at max_new_tokens"
    )
    withheld, empty = (info.get(f"generations_{kind}") for kind in ("filtered", "empty"))
    if withheld or empty:
        console.print(f"{withheld} answers withheld by a filter of the server's, {empty} empty")
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("estimate")
    for name in ("value", "95 % interval", "worst", "best", "n", "scored", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    heading = None
    for row in rows:
        title = f"{ARROWS[row['better']]} {row['name']}"
        if row["by"] and heading != (heading := f"{title} by {row['by']}"):
            table.add_row(heading)
        name = f"    {row['group']}" if row["by"] else f"{title} ({row['statistic']})"
        if row["n"] == 0:
            table.add_row(name, "no samples")
            continue
        table.add_row(
            name,
            number(row["estimate"]),
            f"{number(row['low'])} to {number(row['high'])}",
            number(row["worst"]),
            number(row["best"]),
            *(str(row[name]) for name in ("n", "n_scored", "n_failed")),
        )
    console.print(table)
    console.print(
        "\u2193 lower is better, \u2191 higher is better, \u2194 the nearer to zero the better, "
        "\u00b7 neither; worst and best: the value if all that failed had been at that end"
    )
    cautions: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        cautions.setdefault((row["scorer_id"], row["validity"]), {})[row["metric"]] = None
    for (scorer_id, caution), metrics in cautions.items():
        console.print(f"{', '.join(metrics)} by {scorer_id}: {caution}")
    for name, told in info["sessions"][-1].get("scorers", {}).items():
        console.print(f"{name}: {', '.join(f'{key} {value}' for key, value in told.items())}")
    if info["not_computed"]:
        names = ", ".join(dict.fromkeys(info["not_computed"]))
        console.print(f"not computed, for no scorer gives it: {names}")
    for line in missing_lines(info.get("missing", {})):
        console.print(line)
    for note in info.get("notes", []):
        console.print(f"note: {visible(note)}")
    console.print(f"\nrun folder: {result.folder}", soft_wrap=True)


def missing_lines(missing: Mapping[str, Sequence[Sequence[Any]]]) -> list[str]:
    """Why scores are missing: metrics that lack them for the same reasons share a line."""
    metrics: dict[str, list[str]] = {}
    for metric, reasons in missing.items():
        words = "; ".join(f"{count} for: {visible(str(reason))}" for reason, count in reasons)
        metrics.setdefault(words, []).append(metric)
    return [f"missing of {', '.join(names)}: {words}" for words, names in metrics.items()]


def number(value: float | None) -> str:
    """Three decimals, or that it is not known."""
    return "not known" if value is None else f"{value:.3f}"
