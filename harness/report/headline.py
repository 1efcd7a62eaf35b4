"""Which of a run's estimates matter: those over all samples, and of each grouping the worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

Row = Mapping[str, Any]
FIT = "converged"
"""The row that says whether a mixed model could be fitted: no group, and never the worst."""


@dataclass(frozen=True)
class Grouping:
    """The rows of one estimate by one column."""

    rows: Sequence[Row]

    @property
    def worst(self) -> Row:
        """The group farthest from the good end, the highest where neither end is good.

        A group that is known comes before one that is not: `unknown` counts those.
        """
        groups = self._groups
        return max(groups, key=lambda row: -inf if row["estimate"] is None else badness(row))

    @property
    def unknown(self) -> int:
        """Groups that have samples and no value."""
        return sum(row["estimate"] is None for row in self._groups if row["n"])

    @property
    def count(self) -> int:
        """Groups."""
        return len(self._groups)

    @property
    def fitted(self) -> bool:
        """Whether its model, if it is one, could be fitted."""
        return all(row["estimate"] == 1 for row in self.rows if row["group"] == FIT)

    @property
    def _groups(self) -> list[Row]:
        return [row for row in self.rows if row["group"] != FIT] or list(self.rows)


def overview(rows: Sequence[Row]) -> list[Row | Grouping]:
    """Each estimate over all samples, and each grouping, in the order of the rows."""
    entries: list[Row | Grouping] = []
    groupings: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if row["by"] is None:
            entries.append(row)
            continue
        key = tuple(row[column] for column in ("name", "statistic", "by", "scorer_id"))
        if key not in groupings:
            entries.append(Grouping(groupings.setdefault(key, [])))
        groupings[key].append(row)
    return entries


def headline(rows: Sequence[Row], count: int = 3) -> list[Row]:
    """The numbers that matter: the task's first estimates that have a good end.

    Those over all samples come first; where there are not enough, the farthest from the good end of
    each group of others follows, one that is not known before any that is.
    """
    good = [row for row in rows if row["better"] != "neither"]
    overall = {row["name"]: row for row in reversed(good) if row["by"] is None}
    chosen = list(reversed(overall.values()))[:count]
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in good:
        if row["by"] is not None and row["name"] not in overall and row["group"] != FIT:
            grouped.setdefault((row["name"], row["by"]), []).append(row)
    chosen += [max(group, key=badness) for group in grouped.values()]
    return chosen[:count]


def badness(row: Row) -> float:
    """The farther from the good end the larger; endless where the value is not known."""
    value: float | None = row["estimate"]
    if value is None:
        return inf
    return -value if row["better"] == "higher" else abs(value) if row["better"] == "zero" else value
