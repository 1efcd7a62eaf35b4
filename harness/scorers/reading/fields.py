"""Fields of JSON objects that a model wrote somewhere in its answer, in a fence or without."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import NamedTuple

MOST = 1000
"""Braces of an answer that are tried at most."""


class Field(NamedTuple):
    """A field, and where the object that it is of stands in the text."""

    start: int
    end: int
    value: object


def json_fields(text: str, names: Collection[str]) -> Iterator[Field]:
    """Every field of a JSON object in the text that has one of the names, in whatever case.

    >>> [field.value for field in json_fields('So: {"Score": 3, "why": "..."}', ["score"])]
    [3]
    """
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs)
    place = text.find("{")
    for _ in range(MOST):
        if place < 0:
            return
        try:
            parsed, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place = text.find("{", place + 1)
            continue
        for value in _named(parsed, names):
            yield Field(place, end, value)
        place = text.find("{", end)


class _Pairs(list[tuple[str, object]]):
    """An object with all its fields, those of one name too."""


def _named(parsed: object, names: Collection[str]) -> Iterator[object]:
    if not isinstance(parsed, _Pairs):
        return
    for name, value in parsed:
        if name.strip(" #*_").casefold().replace(" ", "_") in names:
            yield value
        else:
            yield from _named(value, names)
