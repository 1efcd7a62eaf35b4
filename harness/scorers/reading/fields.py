"""Fields of objects that a model wrote somewhere in its answer, in a fence or without.

Objects are JSON, or the text of a dictionary of Python's ({'score': 2}), as models write it too.
"""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Collection, Iterator
from typing import NamedTuple

MOST = 1000
"""Braces of an answer that are tried at most."""
LONGEST = 2000
"""Characters of a dictionary of Python's; a longer one is not read."""
LITERALS = 20
"""Such dictionaries of an answer that are tried at most."""
ENDS = 20
"""Closing braces that are tried for its end."""


class Field(NamedTuple):
    """A field, and where the object that it is of stands in the text."""

    start: int
    end: int
    value: object


def json_fields(text: str, names: Collection[str]) -> Iterator[Field]:
    """Every field of an object in the text that has one of the names, in whatever case.

    >>> [field.value for field in json_fields('So: {"Score": 3, "why": "..."}', ["score"])]
    [3]
    >>> [field.value for field in json_fields("{'score': 3, 'why': None}", ["score"])]
    [3]
    """
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs)
    place = text.find("{")
    literals = 0
    for _ in range(MOST):
        if place < 0:
            return
        try:
            parsed, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            literals += 1
            parsed, end = _literal(text, place) if literals <= LITERALS else (None, place)
            if parsed is None:
                place = text.find("{", place + 1)
                continue
        for value in _named(parsed, names):
            yield Field(place, end, value)
        place = text.find("{", end)


class _Pairs(list[tuple[str, object]]):
    """An object with all its fields, those of one name too."""


def _literal(text: str, start: int) -> tuple[object, int]:
    """The dictionary of Python's that begins at a place, and its end; None where there is none."""
    window = text[start : start + LONGEST]
    if not window[1:].lstrip().startswith(("'", '"', "}")):
        return None, start
    end = 0
    for _ in range(ENDS):
        end = window.find("}", end) + 1
        if not end:
            break
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)
                return _of_literal(ast.parse(window[:end], mode="eval").body), start + end
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None, start


def _of_literal(node: ast.expr) -> object:
    """What a literal holds, dictionaries with all their fields.

    Raises:
        ValueError: it is no literal.
    """
    if isinstance(node, ast.Dict):
        return _Pairs(
            (str(ast.literal_eval(key or node)), _of_literal(value))
            for key, value in zip(node.keys, node.values, strict=True)
        )
    return ast.literal_eval(node)


def _named(parsed: object, names: Collection[str]) -> Iterator[object]:
    if not isinstance(parsed, _Pairs):
        return
    for name, value in parsed:
        if name.strip(" #*_").casefold().replace(" ", "_") in names:
            yield value
        else:
            yield from _named(value, names)
