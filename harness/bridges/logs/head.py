"""What a file begins with, by which a format is told: its content, never its name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.bridges.logs.archive import opened
from harness.data import open_text
from harness.types import HarnessError, Unreadable

SEEN = 1 << 16
"""Characters of a JSON document that are looked at."""
LONGEST_LINE = 1 << 22
"""Characters of the first line of a JSONL file; a document that is one line is no longer looked at.
"""
LINES = 40
"""Lines of a JSONL file, and members of each folder of an archive, that are looked at."""


@dataclass(frozen=True)
class Head:
    """The beginning of a file, or the names in a folder or an archive."""

    path: Path
    members: Sequence[str] = ()
    """Of a folder (files below it, by name) or a zip archive (some of each folder of it)."""
    keys: Sequence[str] = ()
    """Of the object that a JSON document is, as far as was looked; of the first element of an
    array."""
    is_array: bool = False
    lines: Sequence[Mapping[str, Any]] = field(default_factory=list)
    """The first objects of a JSONL file."""

    @property
    def is_archive(self) -> bool:
        """Whether it is a zip archive."""
        return bool(self.members) and self.path.is_file()


def look(path: Path) -> Head:
    """The beginning of a file.

    Raises:
        HarnessError: there is no such file.
        Unreadable: it cannot be read.
    """
    if path.is_dir():
        names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
        return Head(path, names)
    if not path.is_file():
        raise HarnessError(f"there is no file or folder {str(path)!r}")
    try:
        if _is_zip(path):
            with opened(path) as archive:
                return Head(path, _some_of_each_folder(member.name for member in archive))
        return _of_text(path)
    except OSError as error:
        raise Unreadable(f"{str(path)!r} cannot be read ({error.strerror or error})") from error


def _some_of_each_folder(names: Iterable[str]) -> list[str]:
    counts: Counter[str] = Counter()
    chosen = []
    for name in names:
        folder = name.rpartition("/")[0]
        counts[folder] += 1
        if counts[folder] <= LINES:
            chosen.append(name)
    return chosen


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _of_text(path: Path) -> Head:
    """What a text begins with; nothing where it is neither JSON nor JSON lines."""
    try:
        with open_text(path) as file:
            text = file.read(SEEN)
    except UnicodeDecodeError:
        return Head(path)
    begun = text.lstrip()
    if not begun.startswith(("{", "[")):
        return Head(path)
    lines = _objects(begun) if begun.startswith("{") else []
    if len(lines) > 1 or (len(lines) == 1 and len(text) < SEEN and "\n" not in begun.strip()):
        return Head(path, keys=list(lines[0]), lines=lines)
    keys = _keys(begun, "item" if begun.startswith("[") else "")
    if not lines and not keys and len(text) == SEEN:  # one line longer than all that was looked at
        keys = []
    return Head(path, keys=keys, is_array=begun.startswith("["), lines=_first_line(path, begun))


def _objects(text: str) -> list[Mapping[str, Any]]:
    """The first lines, as long as they are objects."""
    objects: list[Mapping[str, Any]] = []
    whole = text.splitlines()[:LINES] if text.endswith("\n") else text.splitlines()[: LINES + 1]
    for line in filter(str.strip, whole):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(value, dict):
            return []
        objects.append(value)
    return objects


def _first_line(path: Path, begun: str) -> list[Mapping[str, Any]]:
    """The first line of a JSONL file whose lines are long; none where it is one document."""
    if not begun.startswith("{") or begun.startswith(("{\n", "{\r")):
        return []
    with open_text(path) as file:
        line = file.readline(LONGEST_LINE)
        more = file.read(1)
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return [value] if more == "{" and isinstance(value, dict) else []


def _keys(text: str, prefix: str) -> list[str]:
    """The keys of the object that a document is, or of the first that its array holds."""
    import ijson

    keys: list[str] = []
    try:
        for where, event, value in ijson.parse(text.encode()):
            if where == prefix and event == "map_key":
                keys.append(value)
            elif where == prefix and event == "end_map":
                break
    except ijson.JSONError:
        pass
    return keys
