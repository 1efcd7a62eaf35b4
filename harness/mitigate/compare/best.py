"""What looks best among many, which is less so when it is looked at again (protocols: B20).

Of each column the row with the largest improvement is chosen by one half of the prompts, and
measured on the other half, whose prompts had no part in the choice. Beside it stands the
difference over all prompts drawn towards the mean of all rows, by as much as chance parts them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.mitigate.compare.cells import Cell, Column
from harness.mitigate.compare.measuring import Half, Numbers
from harness.regression.pairs import Pair
from harness.statistics import shrunk

FEWEST_ROWS = 2
"""Of one column, below which none is the best of many."""


@dataclass(frozen=True)
class Best:
    """The row that looks best in a column, and what it is when it is looked at again."""

    column: Column
    among: int
    """Rows that it was chosen from."""
    chosen: Cell
    """On the half of the prompts that it was chosen by."""
    again: Cell
    """On the other half."""
    whole: Cell
    """On all prompts."""
    shrunk: float | None
    """The difference on all prompts, drawn towards the mean of all rows."""


def half_of(pair: Pair, other: bool) -> Half:
    """One half of a pair's samples, whole clusters by a digest of what they hold; or the other."""
    units = pair.facts.clusters
    first: dict[int, str] = {}
    for unit, name in zip(units.tolist(), pair.ids.tolist(), strict=True):
        first[unit] = min(first.get(unit, name), name)
    order = sorted(first, key=lambda unit: hashlib.sha256(first[unit].encode()).digest())
    chosen = set(order[len(order) // 2 :] if other else order[: len(order) // 2])
    member: NDArray[np.bool_] = np.array([unit in chosen for unit in units.tolist()], np.bool_)

    def half(numbers: Numbers) -> Numbers:
        return numbers[member[numbers]]

    return half


def best_of(whole: Sequence[Cell], first: Sequence[Cell], second: Sequence[Cell]) -> list[Best]:
    """Of each column that several rows have, its best row.

    Args:
        whole: the cells on all prompts.
        first: on the half by which the best is chosen.
        second: on the other.
    """
    again = {(cell.column, cell.row): cell for cell in second}
    entire = {(cell.column, cell.row): cell for cell in whole}
    bests = []
    for column in dict.fromkeys(cell.column for cell in whole):
        rows = [cell for cell in first if cell.column == column and _known(cell)]
        if len(rows) < FEWEST_ROWS:
            continue
        chosen = min(rows, key=lambda cell: cell.worse.difference or 0.0)
        key = column, chosen.row
        if key not in again or key not in entire or not (chosen.worse.difference or 0.0) < 0:
            continue
        drawn = _shrunk([cell for cell in whole if cell.column == column])
        bests.append(
            Best(column, len(rows), chosen, again[key], entire[key], drawn.get(chosen.row))
        )
    return bests


def _shrunk(cells: Sequence[Cell]) -> dict[str, float]:
    """By row the difference, drawn towards the mean; of fewer than three rows none."""
    known = [cell for cell in cells if cell.difference is not None and cell.worse.stderr]
    if len(known) < 3:
        return {}
    differences = np.array([cell.difference for cell in known], dtype=np.float64)
    errors = np.array([cell.worse.stderr for cell in known], dtype=np.float64)
    values = shrunk(differences, errors).values
    return {cell.row: float(value) for cell, value in zip(known, values, strict=True)}


def _known(cell: Cell) -> bool:
    return cell.worse.difference is not None
