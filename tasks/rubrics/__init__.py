"""Questions whose answers earn and lose points by criteria of their own; see README.md here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.data import name_field, nested, number_field, object_field, read_records
from harness.statistics import Mean
from harness.types import (
    Estimand,
    HarnessError,
    Margin,
    Message,
    Records,
    Sample,
    with_margins,
)

STARTER = Path(__file__).with_name("items.jsonl")
Criterion = tuple[str, float, list[str]]
"""Text, points and tags."""
ROLES = ("system", "user", "assistant")
AXES = ("accuracy", "completeness", "communication_quality", "context_awareness",
        "instruction_following")  # fmt: skip
HEADLINES = {
    "rubric score": "rubric_score",
    "rubric score, length adjusted": "length_adjusted",
    "rubric score, at least": "rubric_at_least",
    "rubric score, at most": "rubric_at_most",
    "said what must be said": "must_be_said",
    "avoided what must not be said": "must_not_avoided",
    "criteria without a verdict": "verdicts_missing",
}
MARGINS = {
    "rubric score": Margin(0.05, "one point in twenty of what a rubric gives"),
    "avoided what must not be said": Margin(
        0.05, "one in twenty of what must not be said, said", guard=True
    ),
}


class Rubrics:
    """How many of the points of a rubric the answers have, raw and adjusted for length.

    Args:
        data: `starter`, or a file with HealthBench's fields.
        by: prefixes of `example_tags` to estimate by: of `theme:hedging` it is `theme`.
    """

    name = "rubrics"
    version = "1"

    def __init__(self, data: str = "starter", by: Sequence[str] = ("theme",)) -> None:
        self.data = data
        self.by = tuple(by)
        self.estimands = with_margins(
            (
                *(Estimand(name, metric, Mean()) for name, metric in HEADLINES.items()),
                *(
                    Estimand(
                        axis.replace("_", " "), f"axis_{axis}", Mean(), where={f"asks_{axis}": True}
                    )
                    for axis in AXES
                ),
                *(
                    Estimand(name, HEADLINES[name], Mean(), by=prefix)
                    for prefix in self.by
                    for name in ("rubric score", "rubric score, length adjusted")
                ),
            ),
            MARGINS,
        )

    def records(self) -> Records:
        """The starter set, or the user's file."""
        return read_records(self.data, STARTER)

    def samples(self, records: Records) -> Iterator[Sample]:
        """One sample an item, its criteria among its metadata.

        Raises:
            HarnessError: an item is not in HealthBench's format.
        """
        for number, row in enumerate(records.rows, 1):
            name = name_field(row, "prompt_id", f"{records.name}-{number}")
            where = f"item {name!r} of {records.name!r}"
            ideal = object_field(row, "ideal_completions_data", where) or {}
            tags = [tag for tag in _list(row, "example_tags") if isinstance(tag, str)]
            criteria = _criteria(row, where)
            axes = {tag for _, points, of_it in criteria if points > 0 for tag in of_it}
            yield Sample(
                id=name,
                prompt=_turns(row, where),
                target=name_field(ideal, "ideal_completion", "") or None,
                metadata={
                    **{prefix: _tagged(tags, prefix) for prefix in self.by},
                    **{f"asks_{axis}": f"axis:{axis}" in axes for axis in AXES},
                    "rubrics": json.dumps(criteria, ensure_ascii=False),
                },
            )


def _turns(row: Mapping[str, object], where: str) -> tuple[Message, ...]:
    """The conversation, which ends with the person."""
    turns = []
    for place, turn in enumerate(_list(row, "prompt"), 1):
        role = turn.get("role") if isinstance(turn, Mapping) else None
        text = turn.get("content") if isinstance(turn, Mapping) else None
        if role not in ROLES:
            raise HarnessError(
                f"{where}: turn {place} has the role {role!r}, none of {', '.join(ROLES)}"
            )
        if not isinstance(text, str) or not text.strip():
            raise HarnessError(f"{where}: turn {place} has the content {text!r}, not a text")
        turns.append(Message(role, text))
    if not turns or turns[-1].role != "user":
        raise HarnessError(
            f"{where}: prompt must be a list of turns, role and content, that ends with the user's"
        )
    return tuple(turns)


def _criteria(row: Mapping[str, object], where: str) -> list[Criterion]:
    """Text, points and tags of each criterion, as the scorer reads them."""
    criteria: list[Criterion] = []
    for place, entry in enumerate(_list(row, "rubrics"), 1):
        here = f"{where}: criterion {place}"
        if not isinstance(entry, Mapping):
            raise HarnessError(f"{here} is {entry!r}, not criterion, points and tags")
        text = entry.get("criterion")
        if not isinstance(text, str) or not text.strip():
            raise HarnessError(f"{here} has the text {text!r}, which asks for nothing")
        points = number_field(entry, "points", here)
        if not points:
            raise HarnessError(f"{here} has no points ({entry.get('points')!r}); give it some")
        tags = [tag for tag in _list(entry, "tags") if isinstance(tag, str)]
        criteria.append((text, points, tags))
    if not any(points > 0 for _, points, _ in criteria):
        raise HarnessError(
            f"{where}: no criterion has positive points, so that there is no score to reach; "
            "rubrics needs a list of criterion, points and tags"
        )
    return criteria


def _tagged(tags: Sequence[str], prefix: str) -> str:
    """What an item's tags with a prefix name."""
    names = [tag.removeprefix(f"{prefix}:") for tag in tags if tag.startswith(f"{prefix}:")]
    return " + ".join(sorted(names)) or "not stated"


def _list(row: Mapping[str, object], name: str) -> Sequence[object]:
    """A list, which a CSV has as text; where there is none, nothing."""
    value = row.get(name)
    value = nested(value) if isinstance(value, str) else value
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
