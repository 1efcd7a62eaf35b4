"""Zip archives read member by member: their directory is walked, and never held.

The layout is that of PKWARE's APPNOTE 6.3.10, section 4.3, with its 64-bit records.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from harness.data import FILE_CUT
from harness.types import Unreadable

ENTRY, LOCAL = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
END, END_64, LOCATOR_64 = (struct.Struct(s) for s in ("<4s4H2LH", "<4sQ2H2L4Q", "<4sLQL"))
SIGNATURES = {
    ENTRY: b"PK\x01\x02", LOCAL: b"PK\x03\x04", END: b"PK\x05\x06", END_64: b"PK\x06\x06",
    LOCATOR_64: b"PK\x06\x07",
}  # fmt: skip
LONGEST_COMMENT = 65535
WIDE = 0xFFFFFFFF
"""What stands where a number is in the 64-bit field instead."""
READ_AT_ONCE = 1 << 16
STORED, DEFLATED, ZSTANDARD = 0, 8, 93
METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 95: "XZ", 98: "PPMd", 99: "AES"}
"""Names of other methods (section 4.4.5)."""
ENCRYPTED, UTF_8 = 1, 1 << 11


class Unpackable(Unreadable):
    """A member is packed in a way that is not unpacked here."""


class Member(NamedTuple):
    """What an archive's directory says of a file in it."""

    name: str
    flags: int
    method: int
    crc: int
    packed: int
    """Bytes in the archive."""
    size: int
    """Bytes of the content."""
    offset: int
    """Where its local header stands."""


class Archive:
    """The members of an archive, in the directory's order.

    Args:
        path: of the file, for what is said of it.
        file: opened.

    Raises:
        Unreadable: it has no whole directory.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self._file = file
        self._count, self._start, self._length = self._directory()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Member]:
        content, place, remaining = b"", self._start, self._length

        def take(count: int) -> bytes:
            nonlocal content, place, remaining
            if len(content) < count:
                more = self._read(place, min(max(count, READ_AT_ONCE), remaining))
                content, place, remaining = content + more, place + len(more), remaining - len(more)
            taken, content = content[:count], content[count:]
            return taken

        for _ in range(self._count):
            fields = self._fields(ENTRY, take(ENTRY.size))
            named, more, noted = fields[10:13]
            name = take(named).decode("utf-8" if fields[3] & UTF_8 else "cp437")
            size, packed, offset = _wide(take(more), (fields[9], fields[8], fields[16]))
            take(noted)
            yield Member(name, fields[3], fields[4], fields[7], packed, size, offset)

    def find(self, name: str) -> Member | None:
        """The last member of a name, which is the one that counts; None: there is none."""
        last = None
        for member in self:
            if member.name == name:
                last = member
        return last

    def read(self, member: Member) -> bytes:
        """The content of a member.

        Raises:
            Unpackable: it is packed or locked in a way that is not undone here.
            Unreadable: it is damaged.
        """
        unpack = UNPACK.get(member.method)
        if unpack is None or member.flags & ENCRYPTED:
            method = METHODS.get(member.method, f"method {member.method}")
            how = "with a password" if member.flags & ENCRYPTED else f"by {method}"
            raise Unpackable(f"{str(self.path)!r}: {member.name} is packed {how}")
        local = self._fields(LOCAL, self._read(member.offset, LOCAL.size))
        packed = self._read(member.offset + LOCAL.size + local[9] + local[10], member.packed)
        try:
            content = unpack(packed, member.size)
        except (zlib.error, ValueError) as error:
            raise self._broken(f"{member.name} cannot be unpacked: {error}") from error
        if len(content) != member.size or zlib.crc32(content) != member.crc:
            raise self._broken(f"the checksum of {member.name} is another")
        return content

    def _directory(self) -> tuple[int, int, int]:
        """How many members there are, where the directory begins, and its bytes."""
        end = self._file.seek(0, 2)
        begin = max(0, end - END.size - LONGEST_COMMENT)
        tail = self._read(begin, end - begin)
        place = tail.rfind(SIGNATURES[END])
        if place < 0 or len(tail) - place < END.size:
            raise self._broken("it has no directory")
        _, _, _, _, count, length, start, _ = END.unpack_from(tail, place)
        at = begin + place - LOCATOR_64.size
        if at >= 0 and (locator := self._read(at, LOCATOR_64.size))[:4] == SIGNATURES[LOCATOR_64]:
            wide = self._fields(END_64, self._read(LOCATOR_64.unpack(locator)[2], END_64.size))
            count, length, start = wide[7:]
        return count, start, length

    def _read(self, place: int, count: int) -> bytes:
        self._file.seek(place)
        content = self._file.read(count)
        if len(content) < count:
            raise self._broken("it ends too early")
        return content

    def _fields(self, kind: struct.Struct, content: bytes) -> tuple[int, ...]:
        if len(content) < kind.size or content[:4] != SIGNATURES[kind]:
            raise self._broken("a record of it is none")
        return kind.unpack(content)

    def _broken(self, why: str) -> Unreadable:
        return Unreadable(f"{str(self.path)!r} is no whole zip archive ({why}); {FILE_CUT}")


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive in a file.

    Raises:
        Unreadable: it cannot be read, or has no whole directory.
    """
    try:
        with path.open("rb") as file:
            yield Archive(path, file)
    except OSError as error:
        raise Unreadable(f"{str(path)!r} cannot be read ({error.strerror or error})") from error


def _wide(extra: bytes, numbers: tuple[int, int, int]) -> tuple[int, int, int]:
    """Size, packed size and offset, those that do not fit from the 64-bit field (section 4.5.3)."""
    if WIDE not in numbers:
        return numbers
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, place)
        if kind == 1:
            fields = (
                int.from_bytes(extra[at : at + 8], "little")
                for at in range(place + 4, place + 4 + length, 8)
            )
            size, packed, offset = (next(fields, n) if n == WIDE else n for n in numbers)
            return size, packed, offset
        place += 4 + length
    return numbers


def _inflate(packed: bytes, size: int) -> bytes:
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, size + 1)


def _unpack_zstandard(packed: bytes, size: int) -> bytes:
    import zstandard

    try:
        unpack = zstandard.ZstdDecompressor().decompressobj()
        content: bytes = unpack.decompress(packed)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
    return content


UNPACK: dict[int, Callable[[bytes, int], bytes]] = {
    STORED: lambda packed, size: packed,
    DEFLATED: _inflate,
    ZSTANDARD: _unpack_zstandard,
}
