"""Walks through the files of a log piece by piece, and says how far it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any

from harness.data import FILE_CUT, open_text
from harness.types import Unreadable

KIB = 1024
STEP = KIB * KIB
"""Bytes after which it is said how far a file is read."""
Advance = Callable[[int], None]
Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""`with progress("reading", total) as advance: advance(done)`."""
_advance: ContextVar[Advance | None] = ContextVar("advance", default=None)


@contextmanager
def no_progress(label: str, total: int) -> Iterator[Advance]:
    """Say nothing of how far it is."""
    yield lambda done: None


@contextmanager
def followed(path: Path, progress: Progress) -> Iterator[None]:
    """Say how much of a file or folder was read, as it is read in here.

    Args:
        path: of it.
        progress: is told of KiB; never of more than there are, however often a format has to be
            walked through.
    """
    total, done, reported = size_of(path), 0, 0
    with progress(f"reading {path.name} (KiB)", total // KIB) as advance:

        def forward(count: int) -> None:
            nonlocal done, reported
            done = min(done + count, total)
            advance(done // KIB - reported)
            reported = done // KIB

        before = _advance.set(forward)
        try:
            yield
        finally:
            _advance.reset(before)
        forward(total)


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files below a folder."""
    files = (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files)


def walked(count: int) -> None:
    """Note that so many bytes of what is followed were read."""
    advance = _advance.get()
    if advance:
        advance(count)


def _followed(items: Iterator[Any], file: IO[bytes]) -> Iterator[Any]:
    """The items, while it is said how far the file is read."""
    before = 0
    for item in items:
        if (place := file.tell()) - before >= STEP:
            walked(place - before)
            before = place
        yield item


def lines_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL file with their line's number, one at a time.

    Raises:
        Unreadable: a line is no JSON object.
    """
    try:
        with open_text(path) as file:
            beneath = getattr(file.buffer, "fileobj", file.buffer)  # of gzip what is packed
            for number, line in enumerate(_followed(file, beneath), 1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise Unreadable(
                        f"{str(path)!r}, line {number} is not JSON ({error}); {FILE_CUT}"
                    ) from error
                if not isinstance(value, dict):
                    raise Unreadable(f"{str(path)!r}, line {number} is no JSON object")
                yield number, value
    except UnicodeDecodeError as error:
        raise Unreadable(f"{str(path)!r} is not UTF-8 ({error}); {FILE_CUT}") from error
    except OSError as error:
        raise Unreadable(f"{str(path)!r} cannot be read ({error})") from error


def items_of(path: Path, prefix: str) -> Iterator[Any]:
    """The parts of a JSON document under a prefix of ijson's, one at a time.

    Raises:
        Unreadable: it is no whole JSON document.
    """
    yield from _walk(path, lambda ijson, file: ijson.items(file, prefix, use_float=True))


def pairs_of(path: Path, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Keys and values of an object in a JSON document, one at a time.

    Raises:
        Unreadable: it is no whole JSON document.
    """
    yield from _walk(path, lambda ijson, file: ijson.kvitems(file, prefix, use_float=True))


def pairs_before(path: Path, stop: str) -> Iterator[tuple[str, Any]]:
    """Keys and values of the object that a JSON document is, up to a key, which is not read.

    Raises:
        Unreadable: it is no whole JSON document up to there.
    """
    yield from _walk(path, lambda ijson, file: _pairs_before(ijson, file, stop))


def _pairs_before(ijson: Any, file: IO[bytes], stop: str) -> Iterator[tuple[str, Any]]:
    key, builder = "", None
    for prefix, event, value in ijson.parse(file, use_float=True):
        if prefix or event not in ("map_key", "end_map"):
            if builder:
                builder.event(event, value)
            continue
        if builder:
            yield key, builder.value
        if value == stop:
            return
        key, builder = value, ijson.ObjectBuilder()


def _walk(path: Path, walk: Callable[[Any, Any], Iterator[Any]]) -> Iterator[Any]:
    import ijson

    try:
        with path.open("rb") as file:
            yield from _followed(walk(ijson, file), file)
    except ijson.JSONError as error:
        raise Unreadable(
            f"{str(path)!r} is no whole JSON document ({error}); {FILE_CUT}"
        ) from error
    except OSError as error:
        raise Unreadable(f"{str(path)!r} cannot be read ({error.strerror})") from error
