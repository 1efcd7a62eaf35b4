"""From the command line to objects to a run to what is printed."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, flag_override

from harness.command import (
    check,
    command_line,
    compose,
    exit_code_of,
    finish,
    generation_of,
    make,
    protocol_label,
    resolve,
    scorers_of,
    with_stacks,
)
from harness.types import (
    HarnessError,
    Mitigation,
    Model,
    Person,
    Stack,
    Task,
    Thinking,
    trait,
)

if TYPE_CHECKING:
    from harness.runs.plan import Plan

logger = logging.getLogger(__name__)

Parts = dict[str, Any]
"""What has been made of which configuration, so that a suite loads a model once."""


@dataclass(frozen=True)
class Composed:
    """The configuration of one run, and what it was composed from."""

    cfg: DictConfig
    overrides: Sequence[str]
    """As the command line has them; in a suite the task's own come first."""
    choices: Mapping[str, str]
    """Of each group the name of the YAML that was chosen."""


def main() -> None:
    """`python -m harness` and the console script `harness`."""
    command_line("config", run_config)


def run_config(cfg: DictConfig) -> int:
    """Run one composed configuration, or each of its suite; gives the exit code."""
    parts: Parts = {}
    started = HydraConfig.get()
    whole = Composed(cfg, list(started.overrides.task), dict(started.runtime.choices))
    if not cfg.get("suite"):
        return run_one(whole, parts)
    return max(
        [exit_code_of(lambda composed: run_one(composed, parts), each) for each in suite(whole)]
    )


def suite(whole: Composed) -> list[Composed]:
    """The configuration of each task of a suite: its own overrides, then the command line's.

    Raises:
        HarnessError: the command line sets what only one of the tasks has.
    """
    chosen = whole.choices["experiment"]
    for override in whole.overrides:
        if override.lstrip("+~").startswith(("task", "scorer", "protocols")):
            raise HarnessError(
                f"{override!r} would be every task's of experiment={chosen}; write it beside its "
                f"task in a YAML of your own, as conf/experiment/{chosen}.yaml is one"
            )
    remaining = [override for override in whole.overrides if not override.startswith("experiment=")]
    return [
        composed([f"task={task}", *with_stacks(of_task or []), *remaining])
        for task, of_task in whole.cfg.suite.items()
    ]


def composed(overrides: Sequence[str]) -> Composed:
    """The configuration that `python -m harness OVERRIDES...` would have."""
    cfg = compose("config", overrides)
    choices = dict(cfg.hydra.runtime.choices)
    with flag_override(cfg, ["readonly", "struct"], False):
        del cfg["hydra"]
    return Composed(cfg, overrides, choices)


def run_one(composed: Composed, parts: Parts) -> int:
    """Run one task and print its table; gives the exit code."""
    cfg = composed.cfg
    check(cfg)
    from harness.report.console import print_run
    from harness.report.page import keep_report
    from harness.runs.flow import run
    from harness.runs.forecast_text import print_forecast
    from harness.runs.forecasting import forecast
    from harness.show import progress
    from harness.store import FinishedRun, note_folder

    plan = plan_of(composed, parts)
    if cfg.forecast:
        like = None if cfg.forecast_like is None else Path(cfg.forecast_like)
        print_forecast(forecast(plan, like))
        return 0
    finished = FinishedRun.read(run(plan, progress).folder, "run")
    print_run(finished, everything=cfg.show == "all")
    if cfg.folders is not None:
        note_folder(Path(cfg.folders), finished.folder)
    if cfg.report:
        print(f"report: {keep_report(finished.folder)}")
    held = finished.info.limit
    if cfg.limit is not None and (held is None or cfg.limit < held):
        logger.info(
            "this run holds %d samples already; limit=%d does not shrink it",
            finished.info.samples,
            cfg.limit,
        )
    return finish(finished.info.unmeasured, cfg.max_unmeasured, finished.folder)


def plan_of(composed: Composed, parts: Parts, model: Model | None = None) -> Plan:
    """What a composed configuration asks for.

    Args:
        composed: of one task, checked.
        parts: made before; what is made now is added.
        model: to be asked instead of what the configuration names.

    Raises:
        HarnessError: a reference leads nowhere, or something cannot be made.
    """
    from harness.runs.plan import Plan
    from harness.runs.system import UnderSystem

    cfg = composed.cfg
    settings = resolve(cfg)

    def part(where: str, node: Any, kind: type) -> Any:
        if not isinstance(node, DictConfig):
            return make(where, node, kind)  # which says what is wrong with it
        key = json.dumps([where, OmegaConf.to_container(node, resolve=True)], default=str)
        if key not in parts:
            parts[key] = make(where, node, kind)
        return parts[key]

    task: Task = make("task", cfg.task, Task)
    if cfg.system is not None:
        task = UnderSystem(task, cfg.system)
    thinking: Thinking = OmegaConf.to_object(cfg.thinking)  # type: ignore[assignment]
    under = {} if cfg.system is None else {"system": cfg.system}
    aside = {"data", "_target_", *trait(task, "reporting")}
    return Plan(
        task=task,
        model=part("backend", cfg.backend, Model) if model is None else model,
        scorers=scorers_of(cfg, _span(task, thinking), part),
        person=part("person", cfg.person, Person) if cfg.person else None,
        mitigation=_mitigation(composed),
        mitigation_name="+".join(cfg.mitigations) or _mitigation_name(composed),
        generation=generation_of(cfg, task, composed.overrides),
        protocol=protocol_label(cfg),
        seed=cfg.seed,
        limit=cfg.limit,
        results=Path(cfg.results),
        options={k: v for k, v in settings["task"].items() if k not in aside} | under,
        thinking=thinking,
        retry_failed=cfg.retry == "failed",
        config=OmegaConf.to_container(cfg, resolve=False),  # type: ignore[arg-type]
    )


def _span(task: Task, thinking: Thinking) -> str:
    """What of an answer scorers are shown."""
    span: str = trait(task, "span")
    if not thinking.scored:
        return span
    if span != "full":
        raise HarnessError(f"thinking.scored=true: task.span={span} scores a part of the answer")
    return "thinking_and_answer"


def _mitigation(composed: Composed) -> Mitigation | None:
    """The mitigation of a run, or its stack of several."""
    cfg = composed.cfg
    alone = make("mitigation", cfg.mitigation, Mitigation) if cfg.mitigation else None
    stacked = {
        str(name): make(f"mitigations.{name}", node, Mitigation)
        for name, node in cfg.mitigations.items()
    }
    if alone and stacked:
        raise HarnessError(
            f"mitigations={', '.join(stacked)} are a stack, beside which there is mitigation="
            f"{_mitigation_name(composed)}; write mitigation=[A,B] with all of them"
        )
    return Stack(stacked) if stacked else alone


def _mitigation_name(composed: Composed) -> str:
    """The name of the one that is chosen.

    Raises:
        HarnessError: several are, in a place where a list is not taken apart.
    """
    if "mitigation" not in composed.choices:  # Hydra writes no list there
        raise HarnessError(
            "mitigation is a list in a sweep or in the defaults of a YAML, where none is taken; "
            "write mitigation=[A,B] on the command line or in a suite, and in the defaults of a "
            "YAML for each of them: - /mitigation@mitigations.A: A"
        )
    return str(composed.choices["mitigation"])
