"""What labels that were read back print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import pyarrow as pa

from harness.show import number, table, terminal_width, wrapped
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
    columns = terminal_width()
    single = len(reviewed.raters) < 2
    texts = [
        f"{reviewed.name}: {reviewed.n} answers labelled by {', '.join(reviewed.raters)}"
        + (" (unreplicated: one person's labels)" if single else "")
        + (f"; {reviewed.n_unscored} have no score" if reviewed.n_unscored else "")
    ]
    texts += [f"  {note}" for note in reviewed.notes]
    for who, figures in (
        ("people with each other", reviewed.people),
        ("scorer with people", reviewed.agreement),
    ):
        texts += [
            f"  {who}: {figure.statistic.replace('_', ' ')} {number(figure.value)} "
            f"({number(figure.low)} to {number(figure.high)}), {figure.n} "
            f"{'answers' if figures is reviewed.people else 'labels'}"
            for figure in figures
        ]
    rows = reviewed.corrected.to_pylist()
    head = ["estimate", "method", "as scored", "corrected", "95 % interval", "scored", "labelled"]
    cells = [
        (
            f"{row['name']} ({row['statistic']})",
            row["method"],
            number(row["estimate"]),
            number(row["corrected"]),
            f"{number(row['low'])} to {number(row['high'])}",
            str(row["n_scored"]),
            str(row["n_labelled"]),
        )
        for row in rows
    ]
    lines = [*wrapped(texts, columns), *table(head, cells, columns, left=(0, 1))]
    print("\n".join([*lines, *wrapped(_advice(rows, reviewed.n), columns)]))


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
