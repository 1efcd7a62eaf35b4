"""Writes the YAML by which lm-eval finds this project's tasks, into a folder of the cache."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.command import options_of
from harness.types import HarnessError, cache_folder, fingerprint

THEIRS = "lm_eval"
"""The task that asks lm-eval's own."""
ADAPTER = """\
# Where lm-eval finds the class of these tasks.
from harness.lm_eval_tasks.adapter import HarnessTask
"""
WRAPPER = "task: harness_{name}\nclass: !function adapter.HarnessTask\n"


def write_wrappers() -> Path:
    """Write a YAML for each task, where that is not done yet; gives their folder.

    Raises:
        HarnessError: the cache cannot be written.
    """
    files = wrappers([name for name in options_of("task") if name != THEIRS])
    folder = cache_folder() / "lm_eval_tasks" / fingerprint(files)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir():
            _write_whole(folder, files)
    except OSError as error:
        raise HarnessError(
            f"the wrappers cannot be written to {str(folder)!r} ({error.strerror}); name another "
            "cache with HARNESS_CACHE=FOLDER"
        ) from error
    return folder


def wrappers(tasks: Sequence[str]) -> dict[str, str]:
    """The text of each file, by its name."""
    texts = {f"harness_{name}.yaml": WRAPPER.format(name=name) for name in tasks}
    return {"adapter.py": ADAPTER} | texts


def _write_whole(folder: Path, files: dict[str, str]) -> None:
    """Write the folder whole or not at all: another process may do the same at this moment."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir()
        for name, text in files.items():
            (whole / name).write_text(text, encoding="utf-8")
        try:
            whole.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
