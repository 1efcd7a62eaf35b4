"""What labels that were read back print."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness.report.console import WIDTH, number

if TYPE_CHECKING:
    from harness.reviewing import Reviewed


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
    for who, found in (
        ("people with each other", reviewed.people),
        ("scorer with people", reviewed.agreement),
    ):
        for figure in found:
            console.print(
                f"  {who}: {figure.statistic.replace('_', ' ')} {number(figure.value)} "
                f"({number(figure.low)} to {number(figure.high)}), {figure.n} "
                f"{'answers' if found is reviewed.people else 'labels'}"
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
