"""Which margins hold: what runs keep of their task, and what the command line says instead."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from harness.regression.gate import Margins, key_of
from harness.store import FinishedRun
from harness.types import HarnessError

Overrides = Mapping[str, Mapping[str, Mapping[str, float | None] | None]]
"""By kind (`margins`, `guards`), task and estimate another margin; None: none is to hold."""
KINDS = ("margins", "guards")


def overriding(argument: str) -> str:
    """An argument of the command line as Hydra takes it: the YAML has no margin to change.

    `margins.TASK.ESTIMATE=0.1` sets one and `~margins.TASK.ESTIMATE` takes one away, which the runs
    have and Hydra does not know of.
    """
    if argument.startswith("task="):  # a group of the runs' options, which are not this command's
        return f"one_{argument}"
    match = re.fullmatch(r"(~?)((?:margins|guards)\.[^=]+)(=.*)?", argument, re.DOTALL)
    if not match or not (match[1] or match[3]):
        return argument
    return f"++{match[2]}{'=null' if match[1] else match[3]}"


def margins_of(runs: Sequence[FinishedRun], overrides: Overrides) -> tuple[Margins, Margins]:
    """Margins and guards of each task of some runs; the least where they keep several.

    Args:
        runs: of any tasks.
        overrides: what the command line says instead.

    Raises:
        HarnessError: a margin is to be taken away that there is not, or is none.
    """
    margins: dict[str, dict[str, float]] = {}
    guards: dict[str, dict[str, float]] = {}
    for run in runs:
        task = run.question["task"]
        for estimand in run.estimands:
            if estimand.margin is not None and estimand.by is None:
                by_name = (guards if estimand.guard else margins).setdefault(task, {})
                key = key_of(estimand.name)
                by_name[key] = min(estimand.margin, by_name.get(key, estimand.margin))
    check_overrides(overrides)
    for kind, of_kind, others in ((*KINDS[:1], margins, guards), (*KINDS[1:], guards, margins)):
        for task, of_task in overrides[kind].items():
            if of_task is None:
                of_kind.pop(task, None)
                continue
            for name, margin in of_task.items():
                if margin is not None:
                    of_kind.setdefault(task, {})[name] = margin
                    others.get(task, {}).pop(name, None)
                elif of_kind.get(task, {}).pop(name, None) is None and _asked(task, runs):
                    raise HarnessError(
                        f"~{kind}.{task}.{name}: there is no such margin to take away; {kind} of "
                        f"{task} are {', '.join(of_kind.get(task, ())) or 'none'}"
                    )
    return margins, guards


def by_task(
    margins: Mapping[str, Any], tasks: Collection[str], kind: str = "margins"
) -> Mapping[str, Any]:
    """Margins by task and estimate, where they are written so or, of one task, by estimate alone.

    >>> by_task({"refused": 0.1}, {"med_harm"})
    {'med_harm': {'refused': 0.1}}
    >>> by_task({"med_harm": {"refused": 0.1}}, {"med_harm"})
    {'med_harm': {'refused': 0.1}}

    Args:
        margins: as they were written.
        tasks: that are compared.
        kind: what they are called.

    Raises:
        HarnessError: they are no mapping.
    """
    if not isinstance(margins, Mapping):
        raise HarnessError(
            f"{kind}={margins!r} must go by estimate, as {kind}={{'refused': 0.1}}, or by task and "
            "estimate"
        )
    parted = any(isinstance(margin, Mapping) or key in tasks for key, margin in margins.items())
    if len(tasks) != 1 or parted or not margins:
        return margins
    return {next(iter(tasks)): margins}


def check_overrides(overrides: Overrides) -> None:
    """Refuse what says instead of a task's margins, and is no margin.

    Raises:
        HarnessError: it does not go by task and estimate, or is no number from 0.
    """
    for kind, by_task in overrides.items():
        for task, of_task in by_task.items():
            if not isinstance(of_task, Mapping | None):
                raise HarnessError(
                    f"{kind}.{task}={of_task!r} must go by task and estimate, as "
                    f"{kind}={{med_harm: {{refused: 0.1}}}}"
                )
            for name, margin in (of_task or {}).items():
                is_number = isinstance(margin, int | float) and not isinstance(margin, bool)
                if margin is not None and not (is_number and 0 <= margin < math.inf):
                    raise HarnessError(
                        f"{kind}.{task}.{name}={margin!r} must be a number from 0, in the "
                        "estimate's unit, or null where none is to hold"
                    )


def check_gated(runs: Sequence[FinishedRun], margins: Margins, guards: Margins) -> None:
    """Refuse runs of a task of which nothing is gated.

    Raises:
        HarnessError: with how to give it a margin.
    """
    for run in runs:
        task = run.question["task"]
        if not margins.get(task) and not guards.get(task):
            raise HarnessError(
                f"nothing of {task} is gated: {run.name} keeps no margin; if its task has one, run "
                "the run's command again, which makes its tables anew; or give an estimate one "
                f"with +margins.{task}.ESTIMATE=0.05, or leave the task out"
            )


def _asked(task: str, runs: Sequence[FinishedRun]) -> bool:
    return any(run.question["task"] == task for run in runs)
