"""Copies of weights in another format, made once and kept in the cache, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from harness.types import cache_folder, digest_files


def converted_folder(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of a copy, made on first use; takes no time after that.

    Args:
        name: that no other copy has; without a dot.
        make: fills a new folder, the path of which it is given.
    """
    folder = converted_root() / name
    if _is_whole(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not _is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, make)
    return folder


def converted_root() -> Path:
    """Where copies are kept."""
    return cache_folder() / "models"


def _is_whole(folder: Path) -> bool:
    """Whether the copy is there as it was written; its digest is taken once for each change."""
    try:
        expected = folder.with_suffix(".sha256").read_text(encoding="ascii")
        return digest_files(sorted(folder.iterdir())) == expected
    except OSError:
        return False


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    partial = folder.with_suffix(f".partial-{os.getpid()}")
    try:
        make(partial)
        folder.with_suffix(".sha256").write_text(digest_files(sorted(partial.iterdir())), "ascii")
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
