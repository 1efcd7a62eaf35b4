"""Converted models in the cache: how large they are, what they were made of, their removal."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from harness.models.converted import converted_root
from harness.models.gguf.conversion import CHECKED
from harness.types import HarnessError

ALL = "all"
"""Names every copy."""


@dataclass(frozen=True)
class Copy:
    """A converted model."""

    folder: Path
    bytes: int
    of: str
    """The file that it was made of, as it was called then."""

    @property
    def name(self) -> str:
        """By which it is removed."""
        return self.folder.name


def copies() -> list[Copy]:
    """Every converted model, the largest first; half-made ones are among them."""
    root = converted_root()
    folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    copies_of = [Copy(folder, _bytes(folder), _made_of(folder)) for folder in folders]
    return sorted(copies_of, key=lambda copy: (-copy.bytes, copy.name))


def remove(name: str) -> int:
    """Delete a converted model, or `all` of them; gives the bytes that are free then.

    Raises:
        HarnessError: there is none of that name.
    """
    held = copies()
    chosen = [copy for copy in held if name in (ALL, copy.name)]
    if not chosen and name != ALL:
        names = ", ".join(copy.name for copy in held) or "none"
        raise HarnessError(f"remove={name!r} is no converted model; there are: {names}")
    for copy in chosen:
        with FileLock(copy.folder.with_suffix(".lock")):
            copy.folder.with_suffix(".sha256").unlink(missing_ok=True)
            shutil.rmtree(copy.folder)
    return sum(copy.bytes for copy in chosen)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _made_of(folder: Path) -> str:
    try:
        return str(json.loads((folder / CHECKED).read_text("utf-8"))["of"])
    except (OSError, ValueError, KeyError, TypeError):
        return "bundled" if not folder.name.startswith("gguf-") else ""
