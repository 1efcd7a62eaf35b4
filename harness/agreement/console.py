"""What a measurement of agreement prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.agreement.comparison import Pair
from harness.show import number, table, terminal_width, wrapped
from harness.validity import Record


def print_record(record: Record, path: Path) -> None:
    """The figures of a record as a table, its confusion table, and where it is kept."""
    columns = terminal_width()
    about = (
        f"{record.metric} by {record.scorer}-{record.identity} against {record.labels}: "
        f"{record.n} labelled answers, {record.n_failed} of them without a score and left out, "
        f"{record.raters} rater{'' if record.raters == 1 else 's'} an answer"
        + (" (unreplicated)" if record.raters == 1 else "")
        + (f"; yes from {record.threshold:g} on" if record.threshold is not None else "")
    )
    lines = [*wrapped([about], columns), *_figures(record, columns)]
    if record.confusion:
        lines += _confusion(record, columns)
    lines += wrapped([record.note], columns)
    print("\n".join([*lines, f"kept as {path}"]))


def _figures(record: Record, columns: int) -> list[str]:
    figures = [("all" if f.group is None else f.group, f) for f in record.figures]
    figures += [("people with each other", f) for f in record.people]
    before = [None, *(group for group, _ in figures)]
    rows = [
        (
            "" if group == last else group,
            figure.statistic.replace("_", " "),
            number(figure.value),
            f"{number(figure.low)} to {number(figure.high)}",
            str(figure.n),
        )
        for last, (group, figure) in zip(before, figures, strict=False)
    ]
    head = ["group", "statistic", "value", "95 % interval", "n"]
    return table(head, rows, columns, left=(0, 1))


def _confusion(record: Record, columns: int) -> list[str]:
    values = sorted({cell["scorer"] for cell in record.confusion})
    counts = {(cell["label"], cell["scorer"]): cell["n"] for cell in record.confusion}
    rows = [
        (f"{label:g}", *(str(counts.get((label, value), 0)) for value in values))
        for label in sorted({cell["label"] for cell in record.confusion})
    ]
    return table(["label", *(f"scored {value:g}" for value in values)], rows, columns)


def print_comparison(pairs: Sequence[Pair], alike: Mapping[tuple[str, str], float]) -> None:
    """Each two scorers against each other, by each statistic that the labels allow.

    Args:
        pairs: of scorers.
        alike: of each two the share of answers of which they say the same.
    """
    columns = terminal_width()
    lines = wrapped(
        [
            "scorers against each other, on the answers that both gave a value; p adjusted by Holm "
            "over the pairs"
        ],
        columns,
    )
    head = ["first less second", "statistic", "difference", "95 % interval", "p", "n", "left out",
            "method"]  # fmt: skip
    rows = [
        (
            f"{pair.first} - {pair.second}",
            pair.statistic.replace("_", " "),
            number(pair.difference.value),
            f"{number(pair.difference.low)} to {number(pair.difference.high)}",
            "< .001" if pair.p_adjusted < SMALLEST_P else number(pair.p_adjusted),
            str(pair.n),
            str(pair.n_left_out),
            pair.difference.method,
        )
        for pair in pairs
    ]
    lines += table(head, rows, columns, left=(0, 1, 7))
    lines.append("the share of answers of which two say the same:")
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second)))
    shares = [
        (name, *("" if name == other else number(alike[name, other]) for other in names))
        for name in names
    ]
    print("\n".join([*lines, *table(["", *names], shares, columns)]))


SMALLEST_P = 0.001
"""Below which a p-value is not told apart."""
