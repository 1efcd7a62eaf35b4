"""What a measurement of agreement prints."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.agreement.comparison import Pair
from harness.show import WIDTH, number
from harness.validity import Record


def print_record(record: Record, path: Path) -> None:
    """The figures of a record as a table, its confusion table, and where it is kept."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)
    console.print(
        f"{record.metric} by {record.scorer}-{record.identity} against {record.labels}: "
        f"{record.n} labelled answers, {record.n_failed} of them without a score and left out, "
        f"{record.raters} rater{'' if record.raters == 1 else 's'} an answer"
        + (" (unreplicated)" if record.raters == 1 else "")
        + (f"; yes from {record.threshold:g} on" if record.threshold is not None else "")
    )
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("group", "statistic"):
        table.add_column(name)
    for name in ("value", "95 % interval", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = [("all" if f.group is None else f.group, f) for f in record.figures]
    rows += [("people with each other", f) for f in record.people]
    last = None
    for group, figure in rows:
        table.add_row(
            "" if group == last else group,
            figure.statistic.replace("_", " "),
            number(figure.value),
            f"{number(figure.low)} to {number(figure.high)}",
            str(figure.n),
        )
        last = group
    console.print(table)
    if record.confusion:
        values = sorted({cell["scorer"] for cell in record.confusion})
        counts = {(cell["label"], cell["scorer"]): cell["n"] for cell in record.confusion}
        grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        grid.add_column("label")
        for value in values:
            grid.add_column(f"scored {value:g}", justify="right")
        for label in sorted({cell["label"] for cell in record.confusion}):
            grid.add_row(f"{label:g}", *(str(counts.get((label, value), 0)) for value in values))
        console.print(grid)
    if record.note:
        console.print(record.note)
    console.print(f"kept as {path}", soft_wrap=True)


def print_comparison(pairs: Sequence[Pair], alike: Mapping[tuple[str, str], float]) -> None:
    """Each two scorers against each other, by each statistic that the labels allow.

    Args:
        pairs: of scorers.
        alike: of each two the share of answers of which they say the same.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False)
    console.print(
        "scorers against each other, on the answers that both gave a value; p adjusted by Holm "
        "over the pairs"
    )
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("first less second", "statistic"):
        table.add_column(name)
    for name in ("difference", "95 % interval", "p", "n", "left out"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("method")
    for pair in pairs:
        difference = pair.difference
        table.add_row(
            f"{pair.first} - {pair.second}",
            pair.statistic.replace("_", " "),
            number(difference.value),
            f"{number(difference.low)} to {number(difference.high)}",
            "< .001" if pair.p_adjusted < SMALLEST_P else number(pair.p_adjusted),
            str(pair.n),
            str(pair.n_left_out),
            difference.method,
        )
    console.print(table)
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second)))
    console.print("the share of answers of which two say the same:")
    matrix = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    matrix.add_column("")
    for name in names:
        matrix.add_column(name, justify="right")
    for name in names:
        matrix.add_row(
            name, *("" if name == other else number(alike[name, other]) for other in names)
        )
    console.print(matrix)


SMALLEST_P = 0.001
"""Below which a p-value is not told apart."""
