"""The hashes of a bundle: of each entry, row, column and field, so that what changed has a name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.evidence.bundle.archive import INFO, TABLES

FORMAT = 1
"""Of bundles; another is refused."""
ROW_DIGITS = 16
"""Hex digits that a row is named by."""


def sha256(content: bytes) -> str:
    """SHA-256 in hex digits."""
    return hashlib.sha256(content).hexdigest()


def canonical(value: object) -> str:
    """A value as the one text that stands for it."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def row_digests(lines: bytes) -> bytes:
    """Of each line of a table the digits that name it, a line each."""
    digests = (sha256(line)[:ROW_DIGITS] for line in lines.splitlines())
    return "".join(f"{digest}\n" for digest in digests).encode()


def fields_of(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """The leaves of what JSON holds, each under its path.

    >>> list(fields_of({"a": {"b": [1, 2]}, "c": {}}))
    [('a.b.0', 1), ('a.b.1', 2), ('c', {})]
    """
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from fields_of(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from fields_of(item, f"{path}.{number}" if path else str(number))
    else:
        yield path, value


def manifest_of(
    entries: Mapping[str, bytes], types: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """What a manifest says of a bundle's entries; it follows from them alone.

    Args:
        entries: by name, run.json and the tables.
        types: of each table the columns with their types, as Arrow names them.
    """
    tables = {name: _table(entries[f"{name}.jsonl"], types.get(name, {})) for name in TABLES
              if f"{name}.jsonl" in entries}  # fmt: skip
    return {
        "format": FORMAT,
        "entries": {
            name: sha256(content) for name, content in entries.items()
            if name == INFO or name.startswith("rows/") or name.endswith(".jsonl")
        },
        "fields": _fields(entries.get(INFO, b"")),
        "tables": tables,
    }  # fmt: skip


def _fields(content: bytes) -> dict[str, str]:
    try:
        read = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return {path: sha256(canonical(value).encode())[:ROW_DIGITS] for path, value in fields_of(read)}


def _table(lines: bytes, types: Mapping[str, str]) -> dict[str, Any]:
    """Rows, types and of each column its digest; a row that cannot be read has no cell."""
    columns = {name: hashlib.sha256() for name in types}
    rows = lines.splitlines()
    for line in rows:
        row = read_row(line)
        for name, digest in columns.items():
            digest.update(canonical(row.get(name)).encode() + b"\n")
    return {
        "rows": len(rows),
        "columns": {
            name: {"type": kind, "sha256": columns[name].hexdigest()}
            for name, kind in types.items()
        },
    }


def read_row(line: bytes) -> dict[str, Any]:
    """A row of a table; empty where it cannot be read."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}
