"""Asks both sides in blocks of the same samples, and stops once the verdict is sure.

After each block of the same samples both sides are scored and compared by tests that hold however
often one looks (harness/statistics/always.py); a task that has been asked whole is compared as it
always is. The looks have a fifth of the chance of an error beside that of the end. A task whose
every gated estimate has passed is asked no further; a regression ends all. Runs are ordinary ones
with a limit: asked again without an early stop they are finished.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from harness.command import check, with_stacks
from harness.regression.asking import options_of, seeds_of
from harness.regression.blocks import GROWTH, sizes
from harness.regression.gate import comparison_of, nothing_gated
from harness.regression.margins import Overrides, check_gated, margins_of
from harness.regression.verdict import Comparison, Verdict
from harness.regression.words import WORDS
from harness.runs import Plan, Samples, look_over, run
from harness.runs.cli import Composed, Parts, composed, plan_of, suite
from harness.show import progress
from harness.statistics import Floats
from harness.store import FinishedRun
from harness.types import HarnessError, trait

SIDES = ("baseline", "candidate")
ALONE = 2.0
"""Growth of blocks where memory holds one side's model at a time, each block loading it anew."""
MEMORY_SHARE = 0.5
"""Of free memory, that the weights of both sides may take together."""


@dataclass
class Asked:
    """How far a task has been asked."""

    samples: Samples
    whole: int
    """Samples, or whole clusters, that are asked in the end."""
    blocks: Iterator[int]
    size: int = 0
    passed: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to be asked."""
        return self.size >= self.whole

    def turns(self, ids: NDArray[Any]) -> Floats:
        """When each sample is asked."""
        numbers = self.samples.numbers(pa.chunked_array([pa.array(ids.tolist())]))
        return self.samples.turns[numbers].astype(float)


class Sides:
    """The runs of both sides; the models stay in memory where both fit.

    Args:
        settings: the command's configuration.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.parts: Parts = {}
        self.plans = {side: self._plans(side) for side in SIDES}
        self.stay = fits([plans[0] for plans in self.plans.values()])
        self.growth = GROWTH if self.stay else ALONE

    def asked(self) -> dict[str, Asked]:
        """Each task, with its samples and blocks."""
        tasks = {}
        for plan in self.plans[SIDES[0]]:
            samples = look_over(plan.task)
            total = int(samples.turns.max()) + 1
            whole = total if plan.limit is None else min(plan.limit, total)
            tasks[plan.task.name] = Asked(samples, whole, sizes(whole, growth=self.growth))
        return tasks

    def ask(self, limits: Mapping[str, int]) -> tuple[list[FinishedRun], list[FinishedRun]]:
        """Both sides' runs, each task asked up to a limit."""
        return self._ask(SIDES[0], limits), self._ask(SIDES[1], limits)

    def _ask(self, side: str, limits: Mapping[str, int]) -> list[FinishedRun]:
        if not self.stay:
            self.parts.clear()
            self.plans.clear()
        plans = self.plans[side] if self.stay else self._plans(side)
        blocks = [replace(plan, limit=limits[plan.task.name], balanced=True) for plan in plans]
        return [FinishedRun.read(run(block, progress).folder, side) for block in blocks]

    def _plans(self, side: str) -> list[Plan]:
        """A plan a task and seed."""
        asked = self.settings[side]
        if not isinstance(asked, Mapping):
            raise HarnessError(
                f"{side}={asked!r}: early_stop=true asks models, and a finished run has nothing "
                f"left to be asked; give {side}.model=..."
            )
        options = options_of(self.settings, side, asked)
        return [
            plan
            for seed in seeds_of(asked)
            for plan in plans_of([*options, f"seed={seed}"], self.parts)
        ]


def plans_of(options: Sequence[str], parts: Parts) -> list[Plan]:
    """What `python -m harness OPTIONS` would run, a plan a task."""
    whole = composed(with_stacks(options))
    tasks: list[Composed] = suite(whole) if whole.cfg.get("suite") else [whole]
    for each in tasks:
        check(each.cfg)
    return [plan_of(each, parts) for each in tasks]


def fits(plans: Sequence[Plan]) -> bool:
    """Whether memory holds the models of both sides, as far as they say what they take."""
    memories = [trait(plan.inner_model, "memory") for plan in plans]
    weights = sum((memory()[0] or 0) for memory in memories if memory)
    if not weights:
        return True
    import torch

    from harness.models.hf.memory import best_device, free_bytes

    return bool(weights <= MEMORY_SHARE * free_bytes(torch.device(best_device())))


def compare_early(settings: Mapping[str, Any], overrides: Overrides) -> Comparison:
    """Ask both sides in blocks until pass or regression is sure, or all is asked.

    Args:
        settings: the command's configuration.
        overrides: the margins that the command line gives.

    Raises:
        HarnessError: a side names no model, or nothing of a task is gated.
    """
    sides = Sides(settings)
    tasks = sides.asked()
    while True:
        for task in tasks.values():
            if not task.passed and not task.is_whole:
                task.size = next(size for size in task.blocks if size > task.size)
        runs = sides.ask({name: task.size for name, task in tasks.items()})
        for name, task in tasks.items():
            task.size = held(name, task, runs)
        comparison = look(runs, tasks, overrides)
        at = ", ".join(f"{t.size:,} of {t.whole:,} of {name}" for name, t in tasks.items())
        print(f"look at {at}: {WORDS[comparison.verdict]}", flush=True)
        undecided = [task for task in tasks.values() if not task.passed and not task.is_whole]
        if comparison.verdict is not Verdict.INCONCLUSIVE or not undecided:
            return replace(comparison, saving=saving_of(runs, tasks))


def held(name: str, task: Asked, runs: tuple[Sequence[FinishedRun], Sequence[FinishedRun]]) -> int:
    """How much of a task both sides have been asked, perhaps by an earlier command."""
    of_task = (r for side in runs for r in side if r.question["task"] == name)
    return min(asked_of(task, finished) for finished in of_task)


def asked_of(task: Asked, finished: FinishedRun) -> int:
    """How much of a task one run holds."""
    limit = finished.info.limit
    return task.whole if limit is None else limit


def look(
    runs: tuple[Sequence[FinishedRun], Sequence[FinishedRun]],
    tasks: Mapping[str, Asked],
    overrides: Overrides,
) -> Comparison:
    """What can be said by now; notes of each task whether all of it has passed."""
    margins, guards = margins_of([*runs[0], *runs[1]], overrides)
    check_gated([*runs[0], *runs[1]], margins, guards)
    turns = {name: task.turns for name, task in tasks.items() if not task.is_whole}
    comparison = comparison_of(*runs, margins, guards, turns=turns)
    if comparison.ungated:
        raise HarnessError(nothing_gated(comparison.ungated[0]))
    for name, task in tasks.items():
        verdicts = {change.verdict for change in comparison.gated if change.task == name}
        task.passed = verdicts == {Verdict.PASS}
    return comparison


def saving_of(
    runs: tuple[Sequence[FinishedRun], Sequence[FinishedRun]], tasks: Mapping[str, Asked]
) -> str:
    """What was asked, and what all of it would have taken, reckoned from what was answered."""
    spent = whole = 0.0
    for finished in (*runs[0], *runs[1]):
        task = tasks[finished.question["task"]]
        spent += finished.info.tokens
        whole += finished.info.tokens * task.whole / asked_of(task, finished)
    asked, total = (sum(getattr(t, name) for t in tasks.values()) for name in ("size", "whole"))
    if asked == total:
        return f"Nothing was sure before all {total:,} samples of each side were asked."
    share = f"{1 - spent / whole:.0%} of the tokens" if whole else f"{1 - asked / total:.0%}"
    return (
        f"Ended early, after {asked:,} of {total:,} samples of each side: {spent:,.0f} tokens were "
        f"generated of about {whole:,.0f}, which saved {share}. Intervals hold whenever one looks; "
        "the same command without early_stop=true asks the rest."
    )
