"""Which sentences of an answer a judge marks, and how much is missing; never a guess."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.scorers.reading.fields import json_fields

FORMS = 1
"""Version of what is read."""
LISTS = ("irrelevant", "wrong")
"""Lines that name sentences."""
LEVEL = "missing"
"""The line that names a level."""
SIGN = re.compile(
    rf"#+[\s*_`]*(?P<name>{'|'.join((*LISTS, LEVEL))})[\s*_`\"']*[:=](?P<value>[^\n#]*)",
    re.IGNORECASE,
)
NOTHING = re.compile(r"none|\[\s*\]", re.IGNORECASE)
NUMBER = r"\d{1,4}(?:\s*[-\u2013]\s*\d{1,4})?"
NUMBERS = re.compile(rf"\[?\s*{NUMBER}(?:\s*(?:,\s*and|,|;|and|&)\s*{NUMBER})*\s*\]?")
SILENT = " \t\r.*_`\"'"


class Marks(NamedTuple):
    """What a judge marks of an answer."""

    irrelevant: frozenset[int]
    """Numbers of sentences, the first being 1."""
    wrong: frozenset[int]
    missing: int


def read_marks(text: str, count: int, most: int, cut: bool = False) -> Marks | str:
    """The marks that a judge gives in three lines or in JSON, or why there are none.

    A line that comes twice must say the same; a sentence that is not there, a level outside of the
    scale, and words beside the numbers make no marks.

    Args:
        text: what the judge wrote, without its thinking.
        count: of the answer's sentences.
        most: the highest level of what is missing.
        cut: the text was broken off, so that its last line may lack its rest.
    """
    text = unicodedata.normalize("NFKC", text)
    if cut and not text.endswith("\n"):
        text = text.rpartition("\n")[0]
    values: dict[str, list[frozenset[int] | None]] = {}
    for name, value in _stated(text):
        values.setdefault(name, []).append(value)
    read = []
    for name, highest in (*((name, count) for name in LISTS), (LEVEL, most)):
        stated = values.get(name, [])
        if not stated:
            return f"the judge's answer has no line #{name}"
        value = stated[0]
        if value is None or any(other != value for other in stated):
            return f"the judge's line #{name} names no numbers, or others elsewhere"
        least = 0 if name == LEVEL else 1
        if any(not least <= number <= highest for number in value):
            return f"the judge's line #{name} names {max(value)}; there are {highest}"
        read.append(value)
    irrelevant, wrong, missing = read
    if len(missing) != 1:
        return f"the judge's line #{LEVEL} names no single level"
    return Marks(irrelevant, wrong, next(iter(missing)))


def _stated(text: str) -> Iterator[tuple[str, frozenset[int] | None]]:
    """Each line's name with its numbers; None where it has none."""
    for sign in SIGN.finditer(text):
        yield sign["name"].lower(), _numbers(sign["value"].strip(SILENT), sign["name"].lower())
    for name in (*LISTS, LEVEL):
        for field in json_fields(text, {name}):
            yield name, _of_json(field.value)


def _numbers(value: str, name: str) -> frozenset[int] | None:
    if NOTHING.fullmatch(value):
        return frozenset({0}) if name == LEVEL else frozenset()
    if not NUMBERS.fullmatch(value):
        return None
    numbers: set[int] = set()
    for part in re.findall(NUMBER, value):
        first, *last_if_range = map(int, re.findall(r"\d+", part))
        last = last_if_range[0] if last_if_range else first
        if last < first:
            return None
        numbers.update(range(first, last + 1))
    return frozenset(numbers)


def _of_json(value: object) -> frozenset[int] | None:
    items: Sequence[object] = value if isinstance(value, list) else [value]
    whole = [item for item in items if isinstance(item, int) and not isinstance(item, bool)]
    return frozenset(whole) if len(whole) == len(items) else None
