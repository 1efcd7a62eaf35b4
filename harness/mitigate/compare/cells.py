"""Cells of the page: a paired difference from the model as it is, and what may be said of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from harness.statistics import ONE_SIDED_LEVEL, Paired, holm
from harness.types import Direction

KINDS = ("harm", "toxicity", "forgetting", "over-refusal", "accuracy", "discrimination", "empathy",
         "fluency", "diversity")  # fmt: skip
"""What a column is of, in the order of the page."""
SAFETY = ("harm", "toxicity", "discrimination", "over-refusal")
"""Of which a cell that got better is safer."""
SAFER, BETTER, NOT_WORSE, WORSE, UNKNOWN = "safer", "better", "not worse", "worse", "unknown"


@dataclass(frozen=True)
class Column:
    """What is compared of every mitigation."""

    kind: str
    task: str
    name: str
    better: Direction
    metric: str
    scorer_id: str
    margin: float
    reach: float
    """The most that it can change."""
    ratio: bool = False
    """Whether differences are of logarithms, and shown as ratios."""

    @property
    def title(self) -> str:
        """With the task, as tables have it."""
        return f"{self.task}: {self.name}"


class Chances(NamedTuple):
    """P-values of three one-sided claims, with what is missing at its least favourable end."""

    worse: float
    """Of no difference or a better one."""
    better: float
    """Of no difference or a worse one."""
    margin: float
    """Of being worse by the margin or more."""


@dataclass(frozen=True)
class Cell:
    """One mitigation in one column."""

    row: str
    column: Column
    before: float | None
    after: float | None
    worse: Paired
    """The difference, more being worse."""
    chances: Chances
    missing: tuple[int, int]
    """Scores that are missing of the model as it is, and of the mitigation."""
    own_scorer: bool = False
    """Whether the mitigation steers by the scorer that the column is of."""
    word: str = UNKNOWN

    @property
    def difference(self) -> float | None:
        """After less before, in the column's unit; of what is best at zero, how much farther."""
        return None if self.worse.difference is None else self._sign * self.worse.difference

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the difference."""
        if self.worse.low is None or self.worse.high is None:
            return None
        low, high = sorted((self._sign * self.worse.low, self._sign * self.worse.high))
        return low, high

    @property
    def _sign(self) -> float:
        return -1.0 if self.column.better is Direction.HIGHER else 1.0


COHERENT = "coherent"
"""A metric: without it no less that is remembered is any good."""


def worded(cells: Sequence[Cell]) -> list[Cell]:
    """The cells with the gate's word on each, held among all of the page (Holm 1979).

    A cell is better or worse where no difference is refuted in both directions together at 5 %, and
    not worse where a difference of the margin is refuted at 2.5 %; each of the two holds its chance
    of any error over the whole page. What is worse and surely within the margin is not worse. Less
    is remembered for the better only where answers are shown to be no less coherent.
    """
    apart = holm([min(1.0, 2 * min(c.chances.worse, c.chances.better)) for c in cells])
    within = holm([cell.chances.margin for cell in cells])
    judged = [
        replace(cell, word=_word(cell, differ <= 2 * ONE_SIDED_LEVEL, inside <= ONE_SIDED_LEVEL))
        for cell, differ, inside in zip(cells, apart, within, strict=True)
    ]
    coherent = {
        (cell.row, cell.column.task)
        for cell in judged
        if cell.column.metric == COHERENT and cell.word in (SAFER, BETTER, NOT_WORSE)
    }
    return [
        replace(cell, word=UNKNOWN)
        if cell.column.kind == "forgetting"
        and cell.word != WORSE
        and (cell.row, cell.column.task) not in coherent
        else cell
        for cell in judged
    ]


def _word(cell: Cell, differs: bool, within: bool) -> str:
    if cell.worse.difference is None:
        return UNKNOWN
    if differs and cell.chances.better < cell.chances.worse:
        return SAFER if cell.column.kind in SAFETY else BETTER
    if within:
        return NOT_WORSE
    return WORSE if differs else UNKNOWN


def columns_of(cells: Iterable[Cell]) -> list[Column]:
    """The columns of cells, by kind and as they come."""
    columns = dict.fromkeys(cell.column for cell in cells)
    return sorted(columns, key=lambda column: KINDS.index(column.kind))
