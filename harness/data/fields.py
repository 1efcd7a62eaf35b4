"""Values of a record as a task needs them: what is none of them is refused, never the nearest."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from harness.data.objects import nested
from harness.types import HarnessError

Row = Mapping[str, object]
NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*")


def blank(value: object) -> bool:
    """Whether nothing is there: None, no number, or white space."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and not value.strip())


def text_field(row: Row, names: Sequence[str], where: str) -> str:
    """The text of that of these columns that the row has.

    Raises:
        HarnessError: it has none of them, or several that differ, or no text in it.
    """
    present = [name for name in names if name in row]
    if not present:
        raise HarnessError(
            f"{where} has no column {' or '.join(map(repr, names))}; it has "
            f"{', '.join(map(repr, row))}"
        )
    value = row[present[0]]
    if any(row[name] != value for name in present[1:]):
        raise HarnessError(
            f"{where} has {' and '.join(map(repr, present))}, which differ: keep the one that is "
            "to be read"
        )
    if not isinstance(value, str) or not value.strip():
        raise HarnessError(f"{where}: {present[0]!r} is {value!r}, not a text")
    if value[:1] in "{[" and _holds_objects(value):
        raise HarnessError(
            f"{where}: {present[0]!r} is a dictionary or a list of them as text ({value[:60]!r}), "
            "not a text"
        )
    return value


def _holds_objects(text: str) -> bool:
    value = nested(text)
    return isinstance(value, dict) or any(isinstance(item, dict) for item in value or ())


def object_field(row: Row, name: str, where: str) -> Row | None:
    """The object of a column, which a CSV has as text; None: it is blank or a plain text.

    Raises:
        HarnessError: it begins as an object does and cannot be read.
    """
    value = row.get(name)
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str) or not re.match(r"\s*\{\s*[\"']\w+[\"']\s*:", value):
        return None
    read = nested(value)
    if not isinstance(read, dict):
        raise HarnessError(
            f"{where}: {name!r} begins as an object does and can be read neither as JSON nor as "
            f"Python's literal ({value[:60]!r}); write it as JSON"
        )
    return read


def level_field(row: Row, name: str, known: Sequence[str], where: str) -> str:
    """A level as it is spelt here; large and small letters are alike.

    Raises:
        HarnessError: it is none of these.
    """
    value = row.get(name)
    spelt = {level.casefold(): level for level in known}
    level = spelt.get(value.strip().casefold()) if isinstance(value, str) else None
    if level is None:
        raise HarnessError(f"{where}: {name} is {value!r}, none of {', '.join(known)}")
    return level


def whole_field(row: Row, name: str, where: str) -> int:
    """A whole number, whether it stands as a number or as text.

    Raises:
        HarnessError: it is none.
    """
    number = number_field(row, name, where)
    if number is None or number != int(number):
        raise HarnessError(f"{where}: {name} is {row.get(name)!r}, not a whole number")
    return int(number)


def number_field(row: Row, name: str, where: str) -> float | None:
    """A number, whether it stands as one or as text; None: nothing stands there.

    Raises:
        HarnessError: it is something else.
    """
    value = row.get(name)
    if blank(value):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value) if abs(value) < 1e300 else math.inf
    elif isinstance(value, str) and NUMBER.fullmatch(value):
        number = float(value)
    else:
        number = math.inf
    if math.isinf(number):
        raise HarnessError(f"{where}: {name} is {value!r}, not a number")
    return number


TRUTHS = {"true": True, "false": False, "1": True, "0": False}


def truth_field(row: Row, name: str, where: str) -> bool | None:
    """Yes or no, whether it stands as true, 1 or "True"; None: nothing stands there.

    Raises:
        HarnessError: it is something else.
    """
    value = row.get(name)
    if blank(value):
        return None
    truth = TRUTHS.get(str(value).strip().casefold().removesuffix(".0"))
    if truth is None:
        raise HarnessError(f"{where}: {name} is {value!r}, neither true nor false")
    return truth


def name_field(row: Row, name: str, otherwise: str) -> str:
    """What a column calls something, an id say; where it is blank or 0, what it is called here."""
    value = row.get(name)
    return otherwise if blank(value) or not value else str(value)


def is_one_of(value: object, wanted: object) -> bool:
    """Whether a value is one of those wanted; a CSV has numbers as texts, which are the same.

    >>> is_one_of("1", [0, 1]), is_one_of("1.0", 1), is_one_of("01", ["1"]), is_one_of(True, "yes")
    (True, True, False, False)
    """
    return any(
        _same(value, choice) for choice in (wanted if isinstance(wanted, list) else [wanted])
    )


def _same(value: object, wanted: object) -> bool:
    if blank(value) or blank(wanted):
        return blank(value) and blank(wanted)
    if isinstance(value, str) and isinstance(wanted, str):
        return value == wanted
    words = {str(side).strip().casefold() for side in (value, wanted)}
    return value == wanted or len(words) == 1 or _number(value) == _number(wanted)


def _number(value: object) -> float:
    """The number that a value is, or is the text of; NaN, which is no number's equal, otherwise."""
    try:
        return float(value if isinstance(value, int | float) else str(value))
    except (ValueError, OverflowError):
        return math.nan
