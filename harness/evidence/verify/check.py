"""Checks a bundle: its bytes, then whether each number follows from the rows."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.evidence.bundle.archive import INFO, SEAL, SIGNATURE, TABLES, unpack
from harness.evidence.bundle.contents import write_run
from harness.evidence.bundle.manifest import read_row
from harness.evidence.bundle.signature import why_not
from harness.evidence.verify.changes import changes, manifest_in, types_in
from harness.evidence.verify.counted import counted
from harness.evidence.verify.findings import Finding, Kind
from harness.evidence.verify.recomputed import recomputed
from harness.evidence.verify.rescored import rescored
from harness.types import HarnessError, Unreadable


def check(
    content: bytes,
    scorers: Mapping[str, Any],
    seal: str | None = None,
    key: Path | None = None,
) -> list[Finding]:
    """All that is to be said of a bundle; what is neither changed nor wrong nor unchecked holds.

    Args:
        content: the file's.
        scorers: that give scores again, by name.
        seal: that was published of it.
        key: a file with the public key that should have signed it.

    Raises:
        HarnessError: the key cannot be read, or the bundle is of a later format.
    """
    try:
        entries = unpack(content)
    except Unreadable as error:
        return [Finding(Kind.CHANGED, "container", str(error))]
    findings = [*changes(content, entries, seal), *_signed(entries, key)]
    rows = {
        name: [read_row(line) for line in entries.get(f"{name}.jsonl", b"").splitlines()]
        for name in TABLES
    }
    with tempfile.TemporaryDirectory() as folder:
        types = types_in(manifest_in(entries))
        try:
            run = write_run(Path(folder), entries.get(INFO, b""), rows, types)
            findings += [*counted(run, rows), *recomputed(run), *rescored(run, rows, scorers)]
        except (HarnessError, LookupError, TypeError, ValueError, AttributeError) as error:
            words = f"the rows cannot be read as a run, so that no number was computed: {error!s}"
            broken = any(finding.kind is Kind.CHANGED for finding in findings)
            kind = Kind.UNCHECKED if broken else Kind.WRONG
            findings.append(Finding(kind, "bundle", words.replace(folder, "the bundle")))
    return findings


def _signed(entries: Mapping[str, bytes], key: Path | None) -> list[Finding]:
    if SIGNATURE not in entries:
        if key is not None:
            return [Finding(Kind.CHANGED, SIGNATURE, "a key is named and nobody signed it")]
        words = "nobody signed it: who changes it can seal it anew, but for what is recomputed"
        return [Finding(Kind.UNCHECKED, SIGNATURE, words)]
    reason = why_not(entries.get(SEAL, b""), entries[SIGNATURE], key)
    if reason is not None:
        return [Finding(Kind.CHANGED, SIGNATURE, reason)]
    if key is None:
        words = "it holds by the key that it names; whose key that is, it cannot say (key=FILE)"
        return [Finding(Kind.UNCHECKED, SIGNATURE, words)]
    return []
