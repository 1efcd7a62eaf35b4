"""A GGUF file, or the parts of a split one: which they are, and what identifies them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from harness.types import HarnessError, digest_file, digest_files

MAGIC = b"GGUF"
"""How such a file begins (its specification, version 3)."""
PART = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")
"""How llama.cpp names the parts of a split one."""


def is_gguf(path: Path) -> bool:
    """Whether a path is such a file."""
    try:
        with path.open("rb") as content:
            return content.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def parts_of(path: Path) -> list[Path]:
    """The parts of a file in order; of one that is not split, itself.

    Args:
        path: of any of the parts.

    Raises:
        HarnessError: one is missing.
    """
    split = PART.match(path.name)
    if split is None:
        return [path]
    count = int(split["count"])
    if not 1 <= int(split["number"]) <= count:
        raise HarnessError(
            f"model={str(path)!r} is named as part {int(split['number'])} of {count} of a split "
            "GGUF file; give one of its parts"
        )
    names = [f"{split['stem']}-{n:05d}-of-{count:05d}.gguf" for n in range(1, count + 1)]
    if missing := [name for name in names if not (path.parent / name).is_file()]:
        raise HarnessError(
            f"model={str(path)!r} is a part of a split GGUF file of which "
            f"{', '.join(missing[:4])} {'is' if len(missing) == 1 else 'are'} not beside it; copy "
            "all parts into one folder"
        )
    return [path.parent / name for name in names]


@cache
def digest_of(path: Path) -> str:
    """SHA-256 of a file, or over the names and contents of its parts."""
    parts = parts_of(path)
    return digest_file(path) if len(parts) == 1 else digest_files(parts)
