"""Tables in a terminal, of cells in any script."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import zip_longest

from harness.show.lines import steady, wrap

FEWEST = 16
"""Columns that the first cells keep, however narrow the terminal is."""
GAP = "  "


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    columns: int,
    left: Collection[int] = (0,),
) -> list[str]:
    """The lines of a table, between two that are blank.

    Args:
        head: of each column of cells.
        rows: their cells; a row may lack its last ones.
        columns: of the terminal; the first cell of a row is folded where they do not suffice.
        left: the numbers of cells that stand at the left; others do at the right.
    """
    from wcwidth import width

    sizes = [max(map(width, cells)) for cells in zip_longest(head, *rows, fillvalue="")]
    room = columns - sum(sizes[1:]) - len(GAP) * len(sizes)
    sizes[0] = max(min(sizes[0], room), FEWEST)
    rule = " " + "\u2500" * (sum(sizes) + len(GAP) * (len(sizes) - 1))
    of_rows = (line for row in rows for line in _lines(row, sizes, left))
    return ["", *_lines(head, sizes, left), rule, *of_rows, ""]


def _lines(row: Sequence[str], sizes: Sequence[int], left: Collection[int]) -> Iterator[str]:
    """The lines of a row: its first cell on as many as it takes, the others on the first."""
    from wcwidth import ljust, rjust

    for number, piece in enumerate(wrap(row[0], sizes[0]) or [""]):
        cells = (piece, *row[1:]) if number == 0 else (piece,)
        placed = (
            (ljust if place in left else rjust)(steady(cell), sizes[place])
            for place, cell in enumerate(cells)
        )
        yield f" {GAP.join(placed)}".rstrip()
