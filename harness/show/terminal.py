"""What a terminal shows: progress, and numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import Any

from harness.types import visible

ARROWS = {"lower": "\u2193", "higher": "\u2191", "zero": "\u2194", "neither": "\u00b7"}
MOST_LANGUAGES = 8
"""That are named of a run's answers."""
WIDTH = 120
"""Columns of what is printed where the output is no terminal."""


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
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
        task = bar.add_task(label, total=total, rate="")

        def advance(done: int) -> None:
            bar.advance(task, done)
            speed = bar.tasks[0].speed
            bar.update(task, rate=f"{speed:.1f}/s" if speed else "")

        yield advance


def terminal_width() -> int:
    """Columns of a line of standard output."""
    return get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH


def missing_lines(missing: Mapping[str, Sequence[Sequence[Any]]]) -> list[str]:
    """Why scores are missing: metrics that lack them for the same reasons share a line."""
    metrics: dict[str, list[str]] = {}
    for metric, reasons in missing.items():
        words = "; ".join(f"{count} for: {visible(str(reason))}" for reason, count in reasons)
        metrics.setdefault(words, []).append(metric)
    return [f"missing of {', '.join(names)}: {words}" for words, names in metrics.items()]


def language_lines(
    languages: Mapping[str, int],
    unread: Mapping[str, int],
    generations: int,
    unproven: Mapping[str, Sequence[str]] | None = None,
) -> list[str]:
    """Which languages the answers are in, and what was not measured in them.

    Args:
        languages: by code how many answers; the empty code is of those whose language is not known.
        unread: by scorer or metric how many answers have no score for their language.
        generations: of the run.
        unproven: by metric the languages in which its scorer's agreement was not measured.

    Returns:
        Nothing where every answer that is known to be in a language is in English and was read.
    """
    if not languages.keys() - {"", "en"} and not unread and not unproven:
        return []
    lines = []
    if total := sum(languages.values()):
        most = sorted(
            ((code, n) for code, n in languages.items() if code), key=lambda item: -item[1]
        )
        words = [f"{visible(code)} {n / total:.1%}" for code, n in most[:MOST_LANGUAGES]]
        if less_common := sum(n for _, n in most[MOST_LANGUAGES:]):
            words.append(f"others {less_common / total:.1%}")
        if languages.get(""):
            words.append(f"not told {languages[''] / total:.1%}")
        lines.append(f"answers by language: {', '.join(words)}")
    if unread:
        words = [f"{n} by {name} ({n / max(generations, 1):.1%})" for name, n in unread.items()]
        lines.append(
            f"not measured, for they are in a language that is not read: {', '.join(words)}"
        )
    metrics_of: dict[str, list[str]] = {}
    for metric, codes in (unproven or {}).items():
        metrics_of.setdefault(", ".join(map(visible, codes)), []).append(metric)
    lines += [
        f"agreement with people not measured in {codes}: {', '.join(names)}"
        for codes, names in metrics_of.items()
    ]
    return lines


def number(value: float | None) -> str:
    """Three decimals, or that it is not known."""
    return "not known" if value is None else f"{value:.3f}"


def interval(row: Mapping[str, Any]) -> str:
    """The interval of an estimate, or that it is not known."""
    if row["low"] is None and row["high"] is None:
        return number(None)
    return f"{number(row['low'])} to {number(row['high'])}"
