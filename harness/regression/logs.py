"""Logs of other tools as the two sides of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.command import quoted
from harness.types import HarnessError

Score = Callable[[Sequence[str]], list[Path]]
"""`python -m harness.score` with options; gives the folders of its runs."""


def is_log(path: Path) -> bool:
    """Whether a side is a file of answers, or another tool's folder, rather than a run of ours."""
    return path.is_file() or (path.is_dir() and not (path / "run.json").exists())


def runs_of_logs(settings: Mapping[str, Any], side: str, score: Score) -> list[Path]:
    """The runs that one side's logs become, with those questions alone that the other's have, too.

    Args:
        settings: the command's configuration.
        side: `baseline` or `candidate`.
        score: makes a run of a log.

    Raises:
        HarnessError: a side is a log and the other is none, or they are not as many.
    """
    other = "candidate" if side == "baseline" else "baseline"
    here, there = paths_of(settings[side]), paths_of(settings[other])
    if not all(map(is_log, [*here, *there])):
        raise HarnessError(
            f"{side}={', '.join(map(str, here))} is a file of answers and {other}="
            f"{', '.join(map(str, there)) or 'nothing'} is none: compare two files, or make a run "
            "of each with python -m harness.score answers=FILE and compare those"
        )
    if len(here) != len(there):
        raise HarnessError(
            f"{side} names {len(here)} files and {other} {len(there)}: each needs its counterpart"
        )
    to = quoted(str(Path(settings["to"]) / "imported"))
    shared = [f"results={to}", "max_unmeasured=1", "report=false", *settings["options"]]
    folders = []
    for path, opposite in zip(here, there, strict=True):
        options = [f"answers={quoted(str(path))}", f"paired_with={quoted(str(opposite))}", *shared]
        folders += score(options)
    return folders


def paths_of(asked: object) -> list[Path]:
    """What a side names; nothing where it describes a run that is to be made."""
    if asked is None or isinstance(asked, Mapping):
        return []
    return [Path(str(part)) for part in (asked if isinstance(asked, list) else [asked])]
