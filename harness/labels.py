"""Answers that people labelled, read from a file by a format that says which column is what."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from harness.data import read_file
from harness.types import HarnessError


@dataclass
class LabelFormat:
    """Which columns of a labelled file are what; a dot leads into a nested object."""

    about: str = ""
    """What people said, of which answers, where that is published; empty: the file's name."""
    metric: str | None = None
    """That the labels are of; null: the scorer's first."""
    prompt: list[str] = field(default_factory=lambda: ["prompt", "request", "question"])
    """Names that the column may have; none of them: there is no prompt."""
    answer: list[str] = field(default_factory=lambda: ["answer", "response", "completion", "text"])
    label: list[str] = field(default_factory=lambda: ["label"])
    raters: list[str] = field(default_factory=list)
    """A column for each person; where there is no label, the label is their mean."""
    people: int | None = None
    """How many people stand behind each label, as its publishers say; null: as `raters` show."""
    values: dict[str, float] = field(default_factory=dict)
    """What a label's words stand for; a label that is not among them is left out."""
    positive: float | None = None
    """The label from which on the answer is a yes; null: where labels are 0 and 1, 1."""
    group: list[str] = field(default_factory=lambda: ["group", "file"])
    keep: dict[str, Any] = field(default_factory=dict)
    """Only rows that have these values in these columns."""
    part: dict[str, Any] = field(default_factory=dict)
    """{by: column, of: N, are: [numbers]}: only these of N parts, by a value's number or digest."""
    note: str = ""
    """What a reader of the figures must know."""


LONGEST_ID = 16
"""Characters of a value that is an id with a number rather than a text: `12`, `v2-12`."""


class Labelled(NamedTuple):
    """An answer with what people said of it."""

    prompt: str
    answer: str
    label: float
    raters: tuple[float, ...]
    """NaN where a person did not say."""
    group: str | None


def read_labels(path: Path, form: LabelFormat) -> list[Labelled]:
    """The labelled answers of a file or folder.

    Raises:
        HarnessError: there is no such file, or it has no label that the format can read.
    """
    rows = read_file(path)
    found = []
    for number, row in enumerate(rows):
        if not _wanted(row, form):
            continue
        raters = tuple(_value(_at(row, [name]), form.values) for name in form.raters)
        label = _value(_at(row, form.label), form.values)
        said = [x for x in raters if not math.isnan(x)]
        if math.isnan(label) and said and not _has(row, form.label):
            label = sum(said) / len(said)
        if math.isnan(label):
            continue
        answer = _at(row, form.answer)
        if not isinstance(answer, str):
            raise HarnessError(
                f"record {number + 1} of {path.name} has no answer in the column "
                f"{' or '.join(form.answer)}; it has {', '.join(row)}"
            )
        prompt, group = _at(row, form.prompt), _at(row, form.group)
        found.append(
            Labelled(
                str(prompt or ""), answer, label, raters, None if group is None else str(group)
            )
        )
    if not found:
        raise HarnessError(
            f"labels={str(path)!r} holds no label that its format can read: of {len(rows)} records "
            f"none has a known value in {' or '.join([*form.label, *form.raters])}"
        )
    return found


def digest(labelled: Sequence[Labelled]) -> str:
    """SHA-256 of answers and labels."""
    content = json.dumps([list(item) for item in labelled])
    return hashlib.sha256(content.encode()).hexdigest()


def part_of(value: object, parts: int) -> int:
    """Which of so many parts a value falls into: by an id's number, or by a digest of a text."""
    text = str(value)
    number = text.rpartition("-")[2]
    if len(text) <= LONGEST_ID and number.isdecimal():
        return int(number) % parts
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % parts


def _wanted(row: Mapping[str, object], form: LabelFormat) -> bool:
    for name, value in form.keep.items():
        wanted = value if isinstance(value, list) else [value]
        if _at(row, [name]) not in wanted:
            return False
    if form.part:
        value = _at(row, [form.part["by"]])
        return part_of(value, int(form.part["of"])) in form.part["are"]
    return True


def _has(row: Mapping[str, object], names: Sequence[str]) -> bool:
    return any(name in row for name in names)


def _at(row: Mapping[str, object], names: Sequence[str]) -> object:
    """The value of the first of these columns that is there."""
    for name in names:
        value: object = row
        for step in name.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    return None


def _value(label: object, values: Mapping[str, float]) -> float:
    """The number that a label stands for; NaN for none."""
    if values:
        word = str(label).lower() if isinstance(label, bool) else str(label)
        return float(values.get(word, math.nan))
    if isinstance(label, bool | int | float):
        return float(label)
    try:
        return float(str(label))
    except ValueError:
        return math.nan
