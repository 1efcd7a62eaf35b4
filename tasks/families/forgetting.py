"""What tasks of forgetting share: parts of a set, and a reference model that never learned one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.data import blank, level_field
from harness.types import HarnessError

Row = Mapping[str, object]
FORGET, RETAIN, HOLDOUT = "forget", "retain", "holdout"
PARTS = (FORGET, RETAIN, HOLDOUT)
NO_REFERENCE = (
    "{what} have no value, for they are against a model that never learned what is to be "
    "forgotten: run the task on such a checkpoint, and name its folder as task.reference=FOLDER"
)
"""The note of a run without one."""


def part_field(row: Row, where: str) -> str:
    """`forget`, `retain` or `holdout`.

    Raises:
        HarnessError: it is none of them.
    """
    return level_field(row, "part", PARTS, where)


def fold_field(row: Row) -> str:
    """The request in which a part is to be forgotten; `none` of what is not."""
    value = row.get("fold")
    return "none" if blank(value) else str(value)


def reference_run(reference: object, task: str) -> Any:
    """The finished run of the reference checkpoint.

    Args:
        reference: its folder.
        task: that it must be of.

    Raises:
        HarnessError: there is none, or it is of another task.
    """
    from harness.store import FinishedRun

    run = FinishedRun.read(Path(str(reference)), "task.reference")
    if run.question["task"] != task:
        raise HarnessError(
            f"task.reference={str(reference)!r} is a run of task={run.question['task']}; give one "
            f"of task={task}"
        )
    return run


def values_of(run: Any, metric: str, chosen: Mapping[str, str], column: str) -> tuple[Any, Any]:
    """The values of a metric in a run, and of each what a metadata column says.

    Args:
        run: finished.
        metric: whose values; those that are missing are left out.
        chosen: what metadata must be of the samples that are taken.
        column: the metadata that is given with each.

    Returns:
        Two tuples of one length.

    Raises:
        HarnessError: there are none.
    """
    samples = run.samples()
    scores = run.scores(samples)
    measured = scores.values.get(metric, np.full(len(samples) * scores.n, np.nan))
    values = measured.reshape(len(samples), scores.n)[:, 0]
    taken = ~np.isnan(values)
    for name, wanted in chosen.items():
        taken &= np.array([value == wanted for value in samples[name].to_pylist()], np.bool_)
    if not taken.any():
        raise HarnessError(f"task.reference={run.name!r} has no values of {metric} to hold against")
    of_each = np.array(samples[column].to_pylist(), object)[taken]
    return tuple(values[taken].tolist()), tuple(of_each.tolist())
