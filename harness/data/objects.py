"""Dictionaries and lists that stand as text in a column, as a CSV that a program wrote has them."""

from __future__ import annotations

import ast
import json
import re
import warnings

START = re.compile(r"\s*(?:\{\s*[\"']|\[\s*[\"'\[{])")
"""How a text begins that may be one: a brace and a quoted name, or a bracket and an item."""


def nested(text: str) -> dict[str, object] | list[object] | None:
    """The dictionary or list that a text wholly is, in JSON or as Python writes it; None: no such.

    A literal of Python is read by `ast.literal_eval`, which runs nothing.
    """
    if not START.match(text):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = _literal(text)
    return value if isinstance(value, dict | list) else None


def _literal(text: str) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python may refuse one day
            return ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
