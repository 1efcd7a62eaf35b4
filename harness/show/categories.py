"""Categories by their names: what a value of a metadata column means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Labels = Mapping[str, Mapping[str, str]]
"""Of a metadata column the name of each of its values, as `run.json` has them."""


def category(labels: Labels, column: str | None, value: str) -> str:
    """A value with its name behind it, or the value alone where the run has no name for it."""
    name = labels.get(column or "", {}).get(value)
    if name is None:
        return value
    return name if name.startswith(value) else f"{value} {name}"


def with_categories(rows: Iterable[Mapping[str, Any]], labels: Labels) -> list[dict[str, Any]]:
    """Rows of estimates whose column `group` says what people read."""
    return [
        {**row, "group": row["group"] and category(labels, row["by"], row["group"])} for row in rows
    ]
