"""What of a bundle is not what was sealed: which entry, row, column or field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from harness.evidence.bundle.archive import (
    ENTRIES,
    INFO,
    MANIFEST,
    SEAL,
    SIGNATURE,
    TABLES,
    first_odd_byte,
)
from harness.evidence.bundle.manifest import FORMAT, fields_of, manifest_of, row_digests, sha256
from harness.evidence.verify.findings import Finding, Kind
from harness.types import HarnessError

Types = Mapping[str, Mapping[str, str]]


def manifest_in(entries: Mapping[str, bytes]) -> dict[str, Any]:
    """The manifest of a bundle; empty where it cannot be read.

    Raises:
        HarnessError: it is of another version of bundles.
    """
    try:
        manifest = json.loads(entries.get(MANIFEST, b""))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(manifest, dict):
        return {}
    version = manifest.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise HarnessError(f"the bundle is of format {version}; this version reads {FORMAT}")
    return manifest


def types_in(manifest: Mapping[str, Any]) -> Types:
    """Of each table the columns with their types; what is no type is left out."""
    types: dict[str, dict[str, str]] = {}
    tables = manifest.get("tables")
    for name in TABLES:
        table = tables.get(name) if isinstance(tables, dict) else None
        columns = table.get("columns") if isinstance(table, dict) else None
        types[name] = {
            column: str(entry["type"])
            for column, entry in (columns if isinstance(columns, dict) else {}).items()
            if isinstance(entry, dict) and "type" in entry
        }
    return types


def changes(content: bytes, entries: Mapping[str, bytes], seal: str | None) -> list[Finding]:
    """All that is not as it was sealed.

    Args:
        content: the whole file.
        entries: that were read from it.
        seal: that was published of it; None: the one in it.
    """
    manifest = manifest_in(entries)
    fresh = manifest_of(entries, types_in(manifest))
    findings = [*_entries(entries), *_sealed(entries, manifest, seal)]
    digests, now = _part(manifest, "entries"), fresh["entries"]
    for name, digest in now.items():
        if digest != digests.get(name):
            findings += _inside(name, entries, manifest, fresh)
    findings += _manifest(manifest, fresh, {n for n, d in now.items() if d != digests.get(n)})
    place = first_odd_byte(content, entries)
    if place is not None:
        near = _entry_near(place, entries)
        findings.append(_changed(f"container byte {place:,}", f"it is no byte of a bundle; {near}"))
    return list(dict.fromkeys(findings))


def _changed(place: str, words: str) -> Finding:
    return Finding(Kind.CHANGED, place, words)


def _part(manifest: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = manifest.get(name)
    return part if isinstance(part, dict) else {}


def _entries(entries: Mapping[str, bytes]) -> Iterator[Finding]:
    for name in ENTRIES:
        if name not in entries and name != SIGNATURE:
            yield _changed(name, "it is not there")
    for name in entries:
        if name not in ENTRIES:
            yield _changed(f"entry {name!r}", "a bundle has no such entry")


def _sealed(
    entries: Mapping[str, bytes], manifest: Mapping[str, Any], seal: str | None
) -> Iterator[Finding]:
    written = entries.get(MANIFEST, b"")
    if not manifest and MANIFEST in entries:
        yield _changed(MANIFEST, "it cannot be read")
    if SEAL in entries and entries[SEAL] != f"{sha256(written)}\n".encode():
        yield _changed(SEAL, "it does not name this manifest: one of the two was changed")
    if seal is not None and seal.strip().lower() != sha256(written):
        yield _changed(MANIFEST, f"its SHA-256 is not the published seal {seal.strip()!r}")
    if manifest and json.dumps(manifest, indent=1, ensure_ascii=False).encode() != written:
        yield _changed(MANIFEST, "it is written otherwise than a manifest is")


def _inside(
    name: str,
    entries: Mapping[str, bytes],
    manifest: Mapping[str, Any],
    fresh: Mapping[str, Any],
) -> list[Finding]:
    """What of an entry is not what its digest says."""
    if name == INFO:
        return _info(manifest, fresh)
    table = name.removeprefix("rows/").removesuffix(".txt").removesuffix(".jsonl")
    if name.startswith("rows/"):
        expected = row_digests(entries.get(f"{table}.jsonl", b"")).splitlines()
        rows = list(_unlike(entries[name].splitlines(), expected))
        return [_changed(f"{name} line {row}", words) for row, words in rows] or [
            _changed(name, "its line ends or its digest were changed")
        ]
    stored = entries.get(f"rows/{table}.txt", b"").splitlines()
    actual = row_digests(entries[name]).splitlines()
    before, now = (_columns(digests, table) for digests in (manifest, fresh))
    columns = [column for column, digest in now.items() if digest != before.get(column)]
    altered = "".join(f" column {column}" for column in columns)
    rows = list(_unlike(actual, stored))
    if not rows:
        return [_changed(f"{name}{altered}", "its line ends or its digest were changed")]
    same = "" if columns else ", though no value differs"
    return [_changed(f"{name} row {row}{altered}", f"{words}{same}") for row, words in rows]


def _columns(manifest: Mapping[str, Any], table: str) -> dict[str, Any]:
    columns = _part(_part(_part(manifest, "tables"), table), "columns")
    return {name: _part(columns, name).get("sha256") for name in columns}


def _info(manifest: Mapping[str, Any], fresh: Mapping[str, Any]) -> list[Finding]:
    before, now = _part(manifest, "fields"), fresh["fields"]
    if not now:
        return [_changed(INFO, "it cannot be read")]
    paths = [path for path in {**before, **now} if before.get(path) != now.get(path)]
    return [_changed(f"{INFO} {path}", "it is not what was sealed") for path in paths] or [
        _changed(INFO, "it is written otherwise, though no value differs")
    ]


def _unlike(actual: list[bytes], stored: list[bytes]) -> Iterator[tuple[int, str]]:
    """The rows, from 1, that are not as stored, those that are lacking among them."""
    if len(actual) == len(stored):
        for number, (here, there) in enumerate(zip(actual, stored, strict=True), start=1):
            if here != there:
                yield number, "it is not what was sealed"
        return
    sealed, present = set(stored), set(actual)
    for number, digest in enumerate(stored, start=1):
        if digest not in present:
            yield number, "it is gone, or not what was sealed"
    for number, digest in enumerate(actual, start=1):
        if digest not in sealed:
            yield number, "it was not there"
    yield min(len(actual), len(stored)), f"there are {len(actual)} rows for {len(stored)} sealed"


def _manifest(
    manifest: Mapping[str, Any], fresh: Mapping[str, Any], known: set[str]
) -> Iterator[Finding]:
    """Fields of the manifest that its own entries, unchanged as they are, do not give."""
    if not manifest:
        return
    before, now = dict(fields_of(manifest)), dict(fields_of(fresh))
    tables = {name.removesuffix(".jsonl") for name in known}
    for path in {**before, **now}:
        first, _, remainder = path.partition(".")
        follows = (
            (first == "fields" and INFO in known)
            or (first == "tables" and remainder.split(".")[0] in tables)
            or (
                first == "entries"
                and remainder in known
                and remainder in _part(manifest, "entries")
            )
        )
        if before.get(path) != now.get(path) and not follows:
            yield _changed(f"{MANIFEST} {path}", "it does not follow from the entries")


def _entry_near(place: int, entries: Mapping[str, bytes]) -> str:
    at = 0
    for name, content in entries.items():
        at += 512 + -(-len(content) // 512) * 512
        if place < at:
            return f"it is of the entry {name!r} or its head"
    return "it comes after the last entry"
