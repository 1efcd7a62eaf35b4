"""What came back: in the terminal, as Markdown and as a tidy table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from harness.mitigate.recover.asking import Case
from harness.mitigate.recover.measuring import Recovered
from harness.show import number, safe
from harness.store import write_text
from harness.types import HarnessError

COLUMNS = ("method", "method_class", "attack", "acts_on", "known", "unlearned", "attacked",
           "recovered", "low", "high", "worst", "best", "reason", "coherent", "n", "n_scored",
           "n_failed", "clusters")  # fmt: skip
WORDS = (
    "Recovered is the share of what was forgotten that is back: 0, nothing; 1, all of it. It is "
    "over the questions that all three models were asked, with Fieller's 95 % interval, clustered. "
    "It is undefined where nothing was forgotten. Readable is the share of answers under the "
    "attack that can be understood: a model that only repeats itself recovers nothing either."
)


def write_recoveries(rows: Sequence[Recovered], case: Case, metric: str, folder: Path) -> Path:
    """Write recover.md and .csv; gives the first.

    Raises:
        HarnessError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(f"to={str(folder)!r} cannot be written ({error.strerror})") from error
    write_text(folder / "recover.csv", as_csv(rows))
    return write_text(folder / "recover.md", as_markdown(rows, case, metric))


def as_csv(rows: Sequence[Recovered]) -> str:
    """A row an attack."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        estimate = row.recovery.estimate
        writer.writerow([
            row.method, row.method_class, row.attack.name, row.attack.acts_on, *row.means,
            estimate.estimate, estimate.low, estimate.high, estimate.worst, estimate.best,
            row.recovery.reason, row.coherent,
            estimate.n, estimate.n_scored, estimate.n_failed, estimate.clusters,
        ])  # fmt: skip
    return text.getvalue()


def as_markdown(rows: Sequence[Recovered], case: Case, metric: str) -> str:
    """The table with what it means."""
    first = rows[0]
    named = f"{first.method} ({first.method_class})" if first.method_class else first.method
    lines = [
        "# Does it come back?",
        "",
        f"Forgotten by {safe(named)}; `{metric}` of task {safe(case.task)}, higher is more.",
        "",
        WORDS,
        "",
        "| attack | on | known | unlearned | attacked | recovered | readable | n | failed |",
        "|---|---|--:|--:|--:|---|--:|--:|--:|",
        *(f"| {' | '.join(map(safe, cells(row)))} |" for row in rows),
        "",
        *(f"- {row.attack.name}: {row.attack.words}" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def cells(row: Recovered) -> list[str]:
    """A row as the tables show it."""
    estimate = row.recovery.estimate
    return [
        row.attack.name,
        row.attack.acts_on,
        *map(number, row.means),
        share_in_words(row),
        number(row.coherent),
        str(estimate.n),
        str(estimate.n_failed),
    ]


def share_in_words(row: Recovered) -> str:
    """The recovered share with its interval, or why there is none."""
    estimate = row.recovery.estimate
    if estimate.estimate is None or estimate.low is None or estimate.high is None:
        return f"undefined: {row.recovery.reason}"
    return f"{estimate.estimate:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def print_recoveries(rows: Sequence[Recovered]) -> None:
    """A line an attack."""
    print(f"\n{'attack':16}{'known':>8}{'unlearned':>11}{'attacked':>10}  recovered")
    for row in rows:
        known, unlearned, attacked = map(number, row.means)
        print(f"{row.attack.name:16}{known:>8}{unlearned:>11}{attacked:>10}  {share_in_words(row)}")
