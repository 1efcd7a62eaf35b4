"""The container of a bundle: a plain tar whose every byte follows from what is in it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

from harness.types import Unreadable

TABLES = ("samples", "generations", "scores", "estimates")
INFO, MANIFEST, SEAL, SIGNATURE = "run.json", "manifest.json", "seal.txt", "signature.json"
ENTRIES = (
    INFO, *(f"{name}.jsonl" for name in TABLES), *(f"rows/{name}.txt" for name in TABLES),
    MANIFEST, SEAL, SIGNATURE,
)  # fmt: skip
"""All that a bundle may hold, in its order; the signature may be absent."""


def pack(entries: Mapping[str, bytes]) -> bytes:
    """The bytes of a bundle: no times, owners or compression, so that they never differ.

    >>> pack({"run.json": b"{}"}) == pack({"run.json": b"{}"})
    True
    """
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in entries.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def unpack(content: bytes) -> dict[str, bytes]:
    """The entries of a bundle, in its order; nothing is written, whatever they are called.

    Raises:
        Unreadable: not one can be read.
    """
    entries: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.type == tarfile.REGTYPE else None
                entries[member.name] = file.read() if file else b""
    except (tarfile.TarError, ValueError, LookupError, OSError, EOFError, OverflowError) as error:
        if not entries:
            raise Unreadable(f"it is no bundle: {error}") from error
    if not entries:
        raise Unreadable("it is no bundle: nothing is in it")
    return entries


def first_odd_byte(content: bytes, entries: Mapping[str, bytes]) -> int | None:
    """Where the file first departs from what its entries would be packed as; None: nowhere."""
    expected = pack(entries)
    if content == expected:
        return None
    pairs = zip(content, expected, strict=False)
    shorter = min(len(content), len(expected))
    return next((place for place, (a, b) in enumerate(pairs) if a != b), shorter)
