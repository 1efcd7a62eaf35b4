"""Answers that people labelled, read from a file by a format that says which column is what."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from harness.data.fields import blank, is_one_of
from harness.data.files import read_file
from harness.types import HarnessError

A_MAP = {"map": True}
"""Of an option that takes names of the user's own."""


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
    """Likewise; there has to be one."""
    label: list[str] = field(default_factory=lambda: ["label"])
    """Names that the column of labels may have."""
    raters: list[str] = field(default_factory=list)
    """A column for each person; where there is no label, the label is their mean."""
    people: int | None = None
    """How many people stand behind each label, as its publishers say; null: as `raters` show."""
    values: Any = field(default=None, metadata=A_MAP)
    """What a label's words stand for; a label that is not among them is left out; null: labels are
    numbers."""
    positive: float | None = None
    """The label from which on the answer is a yes; null: where labels are 0 and 1, 1."""
    group: list[str] = field(default_factory=lambda: ["group", "file"])
    """Names that a column may have whose values are measured apart, too."""
    keep: Any = field(default=None, metadata=A_MAP)
    """Only rows that have these values in these columns; null: all of them."""
    part: Any = field(default=None, metadata=A_MAP)
    """{by: column, of: N, are: [numbers]}: only these of N parts, by a value's number or digest;
    null: all of them."""
    note: str = ""
    """What a reader of the figures must know."""
    languages: list[str] = field(default_factory=list)
    """ISO 639-1 codes of those that the answers are in, by which records are ordered beside a
    result; empty: not said."""


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


@dataclass(frozen=True)
class LabelFile:
    """What a file of labels holds, and what of it was left out."""

    items: list[Labelled]
    notes: list[str]
    """What has no label and what a label says that stands for no value, counted, in sentences."""


def read_labels(path: Path, form: LabelFormat) -> list[Labelled]:
    """The labelled answers of a file or folder; see `read_label_file`."""
    return read_label_file(path, form).items


def read_label_file(path: Path, form: LabelFormat) -> LabelFile:
    """The labelled answers of a file or folder, and what has no label that can be read.

    Raises:
        HarnessError: there is no such file, it has no label that the format can read, or two
            columns would do.
    """
    _check(form)
    rows = read_file(path, "labels")
    items, left_out, count = [], Counter[str](), 0
    for number, row in enumerate(rows, 1):
        if not _is_kept(row, form):
            continue
        count += 1
        where = f"record {number} of {path.name}"
        raters = tuple(
            _value(_only(row, [name], "raters", where), form.values, left_out, "rating")
            for name in form.raters
        )
        label = _only(row, form.label, "label", where)
        value = _value(label, form.values, left_out, "label")
        ratings = [x for x in raters if not math.isnan(x)]
        if math.isnan(value) and ratings and not _has(row, form.label):
            value = sum(ratings) / len(ratings)
        if not math.isnan(value):
            items.append(_labelled(row, form, value, raters, where))
        elif blank(label):
            left_out[NO_LABEL] += 1
    if not count:
        raise HarnessError(_none_wanted(rows, form, path))
    if not items:
        raise HarnessError(
            f"labels={str(path)!r} holds no label that its format can read: of {len(rows)} records "
            f"none has a known value in {' or '.join([*form.label, *form.raters])}"
        )
    return LabelFile(items, _notes(left_out, count, path.name))


def _check(form: LabelFormat) -> None:
    """Refuse what is to be a mapping and is none.

    Raises:
        HarnessError: with how it is written.
    """
    for name, mapping in (("values", form.values), ("keep", form.keep)):
        if not isinstance(mapping, Mapping | None):
            raise HarnessError(
                f"format.{name}={mapping!r} must be a mapping, as {{word: 1}}, or null"
            )
    part = form.part
    if part is not None and (not isinstance(part, Mapping) or set(part) != {"by", "of", "are"}):
        raise HarnessError(
            f"format.part={part} must have by, of and are, as {{by: id, of: 2, are: [1]}}; "
            "format.part=null takes all"
        )


def _none_wanted(rows: Sequence[Mapping[str, object]], form: LabelFormat, path: Path) -> str:
    """Why no record of a file is kept, with what stands where other values were looked for."""
    for name, values in (form.keep or {}).items():
        counts = Counter(_in_words(_at(row, [name])) for row in rows)
        if not any(is_one_of(_at(row, [name]), values) for row in rows):
            words = ", ".join(f"{word} ({n})" for word, n in counts.most_common(4))
            return (
                f"format.keep.{name}={values} keeps none of the {len(rows)} records of "
                f"{path.name}: {name!r} is {words}{', ...' if len(counts) > 4 else ''}"
            )
    options = {"keep": form.keep, "part": form.part}
    settings = " and ".join(f"format.{name}={value}" for name, value in options.items() if value)
    return f"{settings or 'the format'} keeps none of the {len(rows)} records of {path.name}"


def _in_words(value: object) -> str:
    return "not there" if value is None else repr(value)


NO_LABEL = "without a label"


def _notes(left_out: Counter[str], count: int, name: str) -> list[str]:
    notes = []
    if without := left_out.pop(NO_LABEL, 0):
        notes.append(f"{without} of {count} records of {name} have no label and are left out")
    if left_out:
        words = ", ".join(f"{word} ({n})" for word, n in left_out.most_common(4))
        notes.append(
            f"{left_out.total()} entries of {name} stand for no value that the format knows and "
            f"are left out: {words}{', ...' if len(left_out) > 4 else ''}"
        )
    return notes


def _labelled(
    row: Mapping[str, object],
    form: LabelFormat,
    label: float,
    raters: tuple[float, ...],
    where: str,
) -> Labelled:
    answer = _only(row, form.answer, "answer", where)
    if not isinstance(answer, str):
        raise HarnessError(
            f"{where} has no answer in the column {' or '.join(form.answer)}; it has "
            f"{', '.join(row)}"
        )
    prompt, group = _only(row, form.prompt, "prompt", where), _at(row, form.group)
    return Labelled(
        "" if blank(prompt) else str(prompt),
        answer,
        label,
        raters,
        None if blank(group) else str(group),
    )


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


def _is_kept(row: Mapping[str, object], form: LabelFormat) -> bool:
    if not all(is_one_of(_at(row, [name]), values) for name, values in (form.keep or {}).items()):
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


def _only(row: Mapping[str, object], names: Sequence[str], option: str, where: str) -> object:
    """The value of that of these columns which is there.

    Raises:
        HarnessError: several are, with different values.
    """
    values = {name: value for name in names if not blank(value := _at(row, [name]))}
    if len(set(map(repr, values.values()))) > 1:
        raise HarnessError(
            f"{where} has several columns that may hold the {option}, "
            f"{', '.join(map(repr, values))}: say which with format.{option}=[{next(iter(values))}]"
        )
    return next(iter(values.values()), None)


def _value(
    label: object, values: Mapping[str, float] | None, unknown: Counter[str], kind: str
) -> float:
    """The number that a label stands for; NaN for none, which is counted where something stood."""
    if blank(label):
        return math.nan
    if values:
        word = str(label).lower() if isinstance(label, bool) else str(label)
        same = [word] if word in values else _in_another_case(word, values)
        if len(same) == 1:
            return float(values[same[0]])
    else:
        try:
            number = float(label if isinstance(label, bool | int | float) else str(label))
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    unknown[f"{kind} {label!r}"] += 1
    return math.nan


def _in_another_case(word: str, values: Mapping[str, float]) -> list[str]:
    """The words that are this one but for the size of their letters and white space around it."""
    return [name for name in values if name.casefold() == word.strip().casefold()]
