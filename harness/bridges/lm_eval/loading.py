"""Loads lm-eval's tasks and their data."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from harness.bridges.lm_eval.rows import is_readable, read_rows
from harness.data import READERS
from harness.types import HarnessError

SPLITS = ("train", "validation", "test")
"""Splits that a single file is taken for."""


@cache
def manager_of(include_path: str | None) -> Any:
    """lm-eval's own list of tasks, which takes seconds to make."""
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=include_path)


def load(name: str, include_path: str | None, data: str | None) -> tuple[dict[str, Any], list[str]]:
    """lm-eval's tasks by name, and what was found out about the data.

    Raises:
        HarnessError: lm-eval is not installed, knows no such task, or cannot have its data.
    """
    _check_installed()
    if include_path and not Path(include_path).is_dir():
        raise HarnessError(f"task.include_path={include_path!r} is no folder")
    manager = manager_of(include_path)
    if manager._entry(name) is None:
        import difflib

        close = difflib.get_close_matches(name, manager.all_tasks, 5)
        hint = f"; close to it are {', '.join(close)}" if close else ""
        raise HarnessError(f"task.name={name!r} is none of lm-eval's tasks{hint}")
    if data is None:
        return _build(manager, name, None), []
    tasks: dict[str, Any] = {}
    notes: list[str] = []
    leaves = _leaves(manager, name)
    for leaf in leaves:
        splits, remarks = _read(_files(Path(data), leaf if len(leaves) > 1 else None))
        tasks |= _build(manager, leaf, splits)
        notes += remarks
    return tasks, list(dict.fromkeys(notes))


def _check_installed() -> None:
    try:
        import datasets
        import lm_eval.tasks  # noqa: F401
    except ImportError as error:
        raise HarnessError(
            'task=lm_eval needs the package lm-eval: pip install "harness[lm_eval]"'
        ) from error
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    datasets.disable_progress_bars()


def _build(manager: Any, name: str, splits: Mapping[str, Any] | None) -> dict[str, Any]:
    """The tasks of one name, over the rows of each split where they are given."""
    overrides: dict[str, Any] | None = None
    if splits is not None:
        overrides = {
            "dataset_path": "json",  # not read: `custom_dataset` goes before it
            "dataset_name": None,
            "dataset_kwargs": {},
            "custom_dataset": lambda **options: splits,
        }
    try:
        entry = manager._entry(name)
        built = manager._factory.build(entry, overrides=overrides, registry=manager.task_index)
    except HarnessError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise HarnessError(
            f"lm-eval cannot have the data of task {name!r} ({type(error).__name__}: {reason}); "
            "where its hub is out of reach give task.data=FILE, or a folder with a file a split"
        ) from error
    tasks = dict(manager.load(built if isinstance(built, list) else [built])["tasks"])
    for leaf, task in tasks.items():
        if splits is not None and getattr(task, "dataset", None) is not splits:
            raise HarnessError(
                f"lm-eval's task {leaf} reads data in a way of its own, and none from a file; "
                "leave task.data unset"
            )
    return tasks


def _leaves(manager: Any, name: str) -> list[str]:
    """The names of the tasks of a group or a tag, or of the task itself."""
    entry = manager._entry(name)
    if entry.kind.name == "GROUP":
        listed = [item for item in (entry.cfg or {}).get("task", []) if isinstance(item, str)]
        return [leaf for item in listed for leaf in _leaves(manager, item)]
    if entry.kind.name == "TAG":
        return sorted(n for n, e in manager.task_index.items() if name in (e.tags or ()))
    return [name]


def _files(data: Path, leaf: str | None) -> dict[str, Path]:
    """The file of each split: one for all, or those of a folder by their names."""
    where = data
    if leaf is not None:
        named = [data / f"{leaf}{ending}" for ending in READERS]
        where = next((path for path in named if path.is_file()), data / leaf)
    if is_readable(where):
        return dict.fromkeys(SPLITS, where)
    files = {path.stem: path for path in sorted(where.glob("*")) if is_readable(path)}
    if not files:
        raise HarnessError(
            f"task.data={str(where)!r} is neither a file that ends in {', '.join(READERS)} nor a "
            "folder of them, one for each split (test.jsonl, validation.jsonl ...)"
        )
    return files


def _read(files: Mapping[str, Path]) -> tuple[dict[str, Any], list[str]]:
    """The rows of each split, and which columns are read as numbers."""
    read = {path: read_rows(path) for path in dict.fromkeys(files.values())}
    notes = [
        f"task.data: of {path.name} the columns {', '.join(numbers)} hold nothing but numbers and "
        "are read as numbers, every other cell as its text."
        for path, (_, numbers) in read.items()
        if numbers
    ]
    return {split: read[path][0] for split, path in files.items()}, notes
