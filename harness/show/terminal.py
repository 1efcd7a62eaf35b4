"""What a terminal shows: progress, and numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from harness.types import visible

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


def interval(row: Mapping[str, Any]) -> str:
    """The interval of an estimate, or that it is not known."""
    if row["low"] is None and row["high"] is None:
        return number(None)
    return f"{number(row['low'])} to {number(row['high'])}"
