"""The page's tables, as words; Markdown and HTML show the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp

from harness.mitigate.compare.cells import (
    BETTER,
    KINDS,
    NOT_WORSE,
    SAFER,
    UNKNOWN,
    WORSE,
    Cell,
    Column,
    columns_of,
)
from harness.mitigate.compare.comparing import Compared
from harness.mitigate.compare.costs import Costs
from harness.mitigate.compare.trade import Sides, Tph
from harness.show import ARROWS, number

GROUPS = (
    ("How harmful", ("harm", "toxicity")),
    ("What is still remembered", ("forgetting",)),
    ("Whom it refuses, what it knows, whom it treats how",
     ("over-refusal", "accuracy", "empathy")),
    ("How it decides about people", ("discrimination",)),
    ("How it writes", ("fluency", "diversity")),
)  # fmt: skip
"""The page's tables of cells, and the kinds of column of each."""
OWN = "\u2020"
MEGABYTE = 2**20


@dataclass(frozen=True)
class Table:
    """A table of words."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[str] = ()
    """Sentences above it."""


def tables_of(comparison: Compared) -> Iterator[Table]:
    """All tables of the page, in order."""
    columns = columns_of(comparison.cells)
    for title, kinds in GROUPS:
        chosen = [column for column in columns if column.kind in kinds]
        if chosen:
            yield _of_cells(comparison, title, chosen, with_tph="toxicity" in kinds)
    yield _of_costs(comparison.costs)
    yield _of_sides(comparison.sides)
    if comparison.bests:
        yield _of_bests(comparison)


def _of_cells(comparison: Compared, title: str, columns: Sequence[Column], with_tph: bool) -> Table:
    """A row a mitigation: what it changes in each column, and the gate's word."""
    cells = {(cell.row, cell.column): cell for cell in comparison.cells}
    tphs = {tph.row: tph for tph in comparison.tphs}
    head = ["mitigation", *(f"{ARROWS[c.better.value]} {c.title}" for c in columns)]
    before = ["none", *(_before(comparison, column) for column in columns)]
    rows = [before]
    for system in comparison.systems.rows:
        row = [system.name]
        row += [_cell(cells.get((system.name, column))) for column in columns]
        rows.append(row)
    if with_tph:
        head.append("\u2191 TPH")
        rows[0].append("")
        for row in rows[1:]:
            row.append(_tph(tphs[row[0]]))
    return Table(title, head, rows)


def _before(comparison: Compared, column: Column) -> str:
    """What the model as it is has in a column: of the row with most samples, where they differ."""
    cells = [cell for cell in comparison.cells if cell.column == column and cell.before is not None]
    if not cells:
        return number(None)
    value = max(cells, key=lambda cell: cell.worse.pairs).before or 0.0
    return f"{exp(value):.1f}" if column.ratio else number(value)


def _cell(cell: Cell | None) -> str:
    """A difference with its interval and the gate's word, bold where something was shown."""
    if cell is None:
        return "not run"
    lost = f", {sum(cell.missing):,} missing" if any(cell.missing) else ""
    mark = OWN if cell.own_scorer else ""
    word = cell.word if cell.word == UNKNOWN else f"**{cell.word}**"
    return f"{change(cell)} {word}{mark}{lost}"


def change(cell: Cell) -> str:
    """A difference with its interval, of logarithms as a ratio."""
    if cell.difference is None:
        return number(None)
    amount = (
        f"\u00d7{exp(cell.difference):.3f}" if cell.column.ratio else f"{cell.difference:+z.3f}"
    )
    if cell.interval is None:
        same = cell.difference == 0 and cell.worse.clusters > 1  # no spread, and so no bound
        remark = f"the same in each of {cell.worse.clusters:,}" if same else "interval not known"
        return f"{amount} ({remark})"
    if cell.column.ratio:
        low, high = (f"{exp(end):.3f}" for end in cell.interval)
    else:
        low, high = (f"{end:+z.3f}" for end in cell.interval)
    return f"{amount} ({low} to {high})"


def _tph(tph: Tph) -> str:
    if tph.value is None:
        return f"none: {tph.reason}"
    inside = "" if tph.low is None or tph.high is None else f" ({tph.low:.2f} to {tph.high:.2f})"
    return f"{tph.value:.2f}{inside}"


def _of_costs(costs: Sequence[Costs]) -> Table:
    """What answers took; one run each, which other work on the machine slows down."""
    rows = [
        [
            cost.row,
            _decimals(cost.tokens_per_second, 1),
            _decimals(cost.rate, 2),
            "" if cost.calls is None else f"{max(0.0, cost.calls - 1):.2f}",
            _decimals(cost.tokens_per_answer, 0),
            _decimals(None if cost.peak_bytes is None else cost.peak_bytes / MEGABYTE, 0),
        ]
        for cost in costs
    ]
    words = [
        "Each is what one run took, without an interval: other work on the machine slows it down. "
        "Tokens a second are those of the answers that are given; all calls' tokens, prompts among "
        "them, stand beside it. Memory is the most that the run's process held, a GPU's aside."
    ]
    if any(cost.machines > 1 for cost in costs):
        words.append("Some runs are of other machines than those they are set against.")
    head = ["mitigation", "tokens/s", "of none's rate", "extra calls", "tokens an answer",
            "peak memory, MB"]  # fmt: skip
    return Table("What it takes", head, rows, words)


def _of_sides(sides: Sequence[Sides]) -> Table:
    """What each mitigation moved that it was not made for."""
    rows = []
    for side in sides:
        better = side.with_word(SAFER, BETTER)
        worse = side.with_word(WORSE)
        rows.append(
            [
                side.row,
                ", ".join(side.made_for),
                _decimals(side.entanglement, 2),
                _named(better),
                _named(worse),
                str(len(side.with_word(NOT_WORSE))),
                str(len(side.with_word(UNKNOWN))),
            ]
        )
    head = ["mitigation", "made for", "entanglement", "better", "worse", "not worse", "unknown"]
    words = [
        "Side effects: the columns of all that a mitigation was not made for. Entanglement is the "
        "root of their mean squared change (after SteeringSafety, Siu et al. 2025), here in "
        "margins, so that columns of several scales can be added, and less what chance alone adds."
    ]
    return Table("Side effects", head, rows, words)


def _of_bests(comparison: Compared) -> Table:
    """The best row of each column, and what it is when it is looked at again."""
    rows = []
    for best in comparison.bests:
        drawn = best.shrunk
        if drawn is None:
            amount = ""
        else:
            amount = f"\u00d7{exp(drawn):.3f}" if best.column.ratio else f"{drawn:+z.3f}"
        rows.append(
            [
                f"{ARROWS[best.column.better.value]} {best.column.title}",
                f"{best.chosen.row}, of {best.among}",
                change(best.chosen),
                f"{change(best.again)}, {best.again.worse.pairs:,} pairs",
                change(best.whole),
                amount,
            ]
        )
    words = [
        "What looks best among several is partly luck. So the row that looks best in a column is "
        "chosen by one half of the prompts (whole clusters, by a digest of their ids) and measured "
        "on the other; read the second. The last column has the difference on all prompts drawn "
        "towards the mean of all rows (empirical Bayes, Morris 1983), of three rows or more."
    ]
    head = ["column", "looks best", "on the half it was chosen by", "on the other half",
            "on all prompts", "shrunk"]  # fmt: skip
    return Table("The best of many, looked at again", head, rows, words)


def _named(cells: Sequence[Cell]) -> str:
    return "; ".join(f"{cell.column.title} {change(cell)}" for cell in cells)


def _decimals(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def kinds_told() -> str:
    """The kinds of column in words."""
    return ", ".join(KINDS)
