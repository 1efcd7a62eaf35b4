"""What labels that were read back print."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import pyarrow as pa

from harness.show import WIDTH, number
from harness.validity import Figure


@dataclass(frozen=True)
class Reviewed:
    """What labels say of a metric of a run."""

    name: str
    n: int
    """Labelled answers."""
    n_unscored: int
    """Of them, those without a score, which correct nothing."""
    raters: Sequence[str]
    people: Sequence[Figure]
    agreement: Sequence[Figure]
    corrected: pa.Table
    notes: Sequence[str] = ()
    """What was drawn and not labelled, by whom."""


def print_review(reviewed: Reviewed) -> None:
    """Agreement, then each headline estimate beside itself corrected."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)
    single = len(reviewed.raters) < 2
    console.print(
        f"{reviewed.name}: {reviewed.n} answers labelled by {', '.join(reviewed.raters)}"
        + (" (unreplicated: one person's labels)" if single else "")
        + (f"; {reviewed.n_unscored} have no score" if reviewed.n_unscored else "")
    )
    for note in reviewed.notes:
        console.print(f"  {note}")
    for who, figures in (
        ("people with each other", reviewed.people),
        ("scorer with people", reviewed.agreement),
    ):
        for figure in figures:
            console.print(
                f"  {who}: {figure.statistic.replace('_', ' ')} {number(figure.value)} "
                f"({number(figure.low)} to {number(figure.high)}), {figure.n} "
                f"{'answers' if figures is reviewed.people else 'labels'}"
            )
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("estimate", "method"):
        table.add_column(name)
    for name in ("as scored", "corrected", "95 % interval", "scored", "labelled"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in reviewed.corrected.to_pylist():
        table.add_row(
            f"{row['name']} ({row['statistic']})",
            row["method"],
            number(row["estimate"]),
            number(row["corrected"]),
            f"{number(row['low'])} to {number(row['high'])}",
            str(row["n_scored"]),
            str(row["n_labelled"]),
        )
    console.print(table)
    for sentence in _advice(reviewed.corrected.to_pylist(), reviewed.n):
        console.print(sentence)


def _advice(rows: Sequence[Mapping[str, Any]], drawn: int) -> list[str]:
    """Of each prediction-powered estimate why it has no interval, or whether labels are enough.

    Args:
        rows: of the corrected estimates.
        drawn: answers that were labelled, whatever they are of.
    """
    sentences = []
    for row in rows:
        name, wanted = f"{row['name']} ({row['statistic']})", row["wanted"]
        width, needed = row["half_width"], row["needed"]
        if row["reason"]:
            sentences.append(f"{name}: no interval, {row['reason']}; draw more")
        if wanted is None or width is None or row["method"] != "prediction-powered":
            continue
        state = f"{name}: half-width {number(width)}, wanted {wanted:g}"
        if needed is None:
            sentences.append(f"{state}: labels for all {row['n_scored']} would not give it")
        elif needed <= row["n_labelled"]:
            sentences.append(f"{state}: stop, the labels are enough")
        else:
            n = ceil(drawn * needed / row["n_labelled"])
            sentences.append(f"{state}: about {needed} labels are needed; draw with n={n}")
    return sentences
