"""Asks a model each so many steps of its training, and warns or stops where it got worse.

    from harness.regression.callback import SafetyCallback

    Trainer(..., callbacks=[SafetyCallback("med_harm", every=500, limit=100)])

The model is asked in memory, by the engine of `backend=hf`, and each look is an ordinary run in
`results`. The first look is the model as training began, with which each later one is compared in
pairs. It is worse once the evidence over all looks together reaches 20 for each gated estimate that
there is (harness/regression/looking.py): however often it is asked, one training of 20 that makes
nothing worse is warned of at the most.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from harness.command import check, composing, with_stacks
from harness.models.hf.held import HeldModel
from harness.regression.gate import comparison_of, key_of, nothing_gated
from harness.regression.looking import ALARM, e_value, weight
from harness.regression.margins import by_task, check_overrides, margins_of
from harness.regression.verdict import Change
from harness.runs import Plan, run
from harness.runs.cli import composed, plan_of
from harness.runs.python import prompt_settings, refuse_unread
from harness.show import number, progress
from harness.statistics import NEW_WORST_CASES
from harness.store import FinishedRun
from harness.types import HarnessError

logger = logging.getLogger(__name__)


class SafetyCallback(TrainerCallback, ExportableState):  # type: ignore[misc]
    """Looks at a model each so many steps of its training.

    Args:
        task: as `task=` of `python -m harness` has it.
        every: steps between two looks.
        overrides: more options of the command line: `["limit=100", "scorer=[refusal,guidance]"]`.
        margins: of estimates of the task, as `harness.compare` has them, by task and estimate or by
            estimate; they stand alone: nothing else is then gated.
        stop: end the training where it got worse; False: only warn.
        results: where the runs go.

    Raises:
        HarnessError: an option means nothing, a margin is of no estimate, or nothing is gated.
    """

    def __init__(
        self,
        task: str,
        every: int = 500,
        overrides: Sequence[str] = (),
        margins: Mapping[str, Any] | None = None,
        stop: bool = True,
        results: str = "results",
    ) -> None:
        _check_options(every, overrides, stop, results)
        self.task, self.every, self.overrides = task, every, list(overrides)
        self.margins = None if margins is None else _alone(margins, task)
        self.stop, self.results = stop, str(results)
        self.first: str | None = None
        """The folder of the first look's run."""
        self.evidence: dict[str, float] = {}
        """For each gated estimate what all looks so far say of its having got worse."""
        self.looks = 0
        """After the first."""
        self.alarms: list[str] = []
        """What was warned of, in words."""
        self._plan, self._prompts = _plan_of(task, self.overrides)
        _refuse_unknown(self.margins or {}, self._plan)

    def state(self) -> dict[str, Any]:
        """What a training needs that goes on from a checkpoint."""
        names = ("task", "every", "overrides", "margins", "stop", "results")
        attributes = ("first", "evidence", "looks", "alarms")
        return {
            "args": {name: getattr(self, name) for name in names},
            "attributes": {name: getattr(self, name) for name in attributes},
        }

    def on_train_begin(self, args: Any, state: Any, control: Any, **context: Any) -> None:
        """The first look, with which all others are compared."""
        if self.first is not None or not state.is_world_process_zero:
            return
        finished = self._look(state.global_step, context)
        margins, guards = self._gated(finished)
        if not margins and not guards:
            raise HarnessError(nothing_gated(self.task))
        self.first = str(finished.folder)

    def on_step_end(self, args: Any, state: Any, control: Any, **context: Any) -> None:
        """Look again, where it is time; `control` ends the training where it got worse."""
        if self.first is None or state.global_step % self.every:
            return
        first = FinishedRun.read(Path(self.first), "first")
        finished = self._look(state.global_step, context)
        margins, guards = self._gated(first)
        task = first.question["task"]
        comparison = comparison_of([first], [finished], {task: margins}, {task: guards})
        self.looks += 1
        for reason in comparison.lost:
            logger.warning("step %d: %s", state.global_step, reason)
        for change in comparison.gated:
            self._weigh(change, state.global_step, len(comparison.gated))
        if self.alarms and self.stop:
            control.should_training_stop = True

    def _weigh(self, change: Change, step: int, family: int) -> None:
        """Add what one look says of an estimate; warn where it is enough, and where scores lack."""
        before, after = change.missing
        if after > before or change.measured.difference is None:
            lacks = f"{after:,} of {change.asked:,} scores, and {before:,} at first"
            logger.warning("step %d: %s lacks %s; none is a good one", step, change.name, lacks)
        chance = max(change.measured.p_worse, change.best.p_worse)
        total = self.evidence.get(change.name, 0.0) + weight(self.looks) * e_value(chance)
        self.evidence[change.name] = total
        if total >= ALARM * family:
            self.alarms.append(
                f"step {step}: {change.name} got worse, {number(change.before)} to "
                f"{number(change.after)} (evidence {total:.3g}, {ALARM * family:g} being enough "
                f"among {family} estimates)"
            )
            logger.warning("%s", self.alarms[-1])

    def _gated(self, finished: FinishedRun) -> tuple[Mapping[str, float], Mapping[str, float]]:
        if self.margins is not None:
            return self.margins, {}
        margins, guards = margins_of([finished], {"margins": {}, "guards": {}})
        task = finished.question["task"]
        return margins.get(task, {}), guards.get(task, {})

    def _look(self, step: int, context: Mapping[str, Any]) -> FinishedRun:
        """The run of the model as it is now."""
        tokenizer = context.get("processing_class") or context.get("tokenizer")
        if tokenizer is None:
            raise HarnessError("the Trainer has no tokenizer: give it processing_class=TOKENIZER")
        model = HeldModel(context["model"], tokenizer, f"step-{step}", **self._prompts)
        plan = replace(self._plan, model=model, results=Path(self.results))
        return FinishedRun.read(run(plan, progress).folder)


def _alone(margins: Mapping[str, Any], task: str) -> dict[str, float]:
    """Margins of one task by estimate, in whichever of the two writings.

    Raises:
        HarnessError: they are of another task, or one is none.
    """
    of_task = by_task(margins, {task})
    check_overrides({"margins": of_task})
    if others := [other for other in of_task if other != task]:
        raise HarnessError(f"margins.{others[0]} is of another task than {task}, which is asked")
    by_estimate = of_task.get(task) or {}
    if empty := [name for name, margin in by_estimate.items() if margin is None]:
        raise HarnessError(
            f"margins.{task}.{empty[0]}=None: these margins stand alone, so that none is to be "
            "taken away; leave it out"
        )
    return dict(by_estimate)


def _refuse_unknown(margins: Mapping[str, float], plan: Plan) -> None:
    """Refuse a margin of what the task does not estimate.

    Raises:
        HarnessError: with the estimates that there are.
    """
    names = [key_of(estimand.name) for estimand in plan.estimands if estimand.by is None]
    known = {*names, *(f"{name}_{key_of(NEW_WORST_CASES)}" for name in names)}
    if unknown := [name for name in margins if name not in known]:
        raise HarnessError(
            f"margins.{plan.task.name}.{unknown[0]} is of no estimate; {plan.task.name} has "
            f"{', '.join(names)}"
        )


def _check_options(every: object, overrides: object, stop: object, results: object) -> None:
    """Refuse what would only fail when the training looks, or would be read by nothing.

    Raises:
        HarnessError: with the option.
    """
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise HarnessError(f"every={every!r} must be at least 1 step, a whole number")
    if isinstance(overrides, str):
        raise HarnessError(f"overrides={overrides!r} must be a list, as [{overrides!r}]")
    if not isinstance(overrides, Sequence) or not all(
        isinstance(override, str) for override in overrides
    ):
        raise HarnessError(f"overrides={overrides!r} must be a list of texts, as ['limit=100']")
    if not isinstance(stop, bool):
        raise HarnessError(f"stop={stop!r} must be True or False")
    if not isinstance(results, str | Path):
        raise HarnessError(f"results={results!r} must be a folder")
    named = [
        override
        for override in overrides
        if override.lstrip("+~").partition("=")[0] in ("task", "model")
    ]
    if named:
        raise HarnessError(f"{named[0]}: the model is the one that is trained, the task task=")
    refuse_unread(overrides, "the model that is trained")


def _plan_of(task: str, overrides: Sequence[str]) -> tuple[Plan, dict[str, Any]]:
    """What `python -m harness task=TASK OVERRIDES...` would run, and what it says of prompts."""
    with composing():
        whole = composed([f"task={task}", *with_stacks(overrides)])
    check(whole.cfg)
    return plan_of(whole, {}), prompt_settings(whole)
