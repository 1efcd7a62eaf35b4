"""From the command line to objects to a run to what is printed."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from harness.command import check, command_line, finish, make, protocol_label, resolve, said
from harness.types import GenerationConfig, HarnessError, Mitigation, Model, Scorer, Task, Thinking

logger = logging.getLogger(__name__)

Parts = dict[str, Any]
"""What has been made of which configuration, so that a suite loads a model once."""


def main() -> None:
    """`python -m harness` and the console script `harness`."""
    command_line("config", run_config)


def run_config(cfg: DictConfig) -> int:
    """Run one composed configuration, or each of its suite; gives the exit code."""
    parts: Parts = {}
    if not cfg.get("suite"):
        return run_one(cfg, parts)
    runs = suite(cfg, list(HydraConfig.get().overrides.task))
    return max([said(lambda one: run_one(one, parts), one) for one in runs])


def suite(cfg: DictConfig, overrides: Sequence[str]) -> list[DictConfig]:
    """The configuration of each task of a suite: its own overrides, then the command line's.

    Raises:
        HarnessError: the command line sets what only one of the tasks has.
    """
    chosen = HydraConfig.get().runtime.choices["experiment"]
    for override in overrides:
        if override.lstrip("+~").startswith(("task", "scorer", "protocols")):
            raise HarnessError(
                f"{override!r} would be every task's of experiment={chosen}; write it beside its "
                f"task in a YAML of your own, as conf/experiment/{chosen}.yaml is one"
            )
    rest = [override for override in overrides if not override.startswith("experiment=")]
    return [
        compose("config", [f"task={task}", *(own or []), *rest]) for task, own in cfg.suite.items()
    ]


def run_one(cfg: DictConfig, parts: Parts) -> int:
    """Run one task and print its table; gives the exit code."""
    check(cfg)
    resolved = resolve(cfg)
    # As it was written: a secret that a reference fetches from the environment stays there.
    asked: dict[str, Any] = OmegaConf.to_container(cfg, resolve=False)  # type: ignore[assignment]
    from harness.report.console import print_result
    from harness.report.page import keep_report
    from harness.runs.flow import run
    from harness.runs.forecast_text import print_forecast
    from harness.runs.forecasting import forecast
    from harness.runs.plan import Plan
    from harness.show import progress
    from harness.types import ScorerRegistry

    def part(where: str, node: Any, kind: type) -> Any:
        if not isinstance(node, DictConfig):
            return make(where, node, kind)  # which says what is wrong with it
        key = json.dumps([where, OmegaConf.to_container(node, resolve=True)], default=str)
        if key not in parts:
            parts[key] = make(where, node, kind)
        return parts[key]

    task = make("task", cfg.task, Task)
    thinking: Thinking = OmegaConf.to_object(cfg.thinking)  # type: ignore[assignment]
    aside = {"data", "_target_", *getattr(task, "reporting", ())}
    scorers = {
        str(name): part(f"scorers.{name}", cfg.scorers[name], Scorer) for name in cfg.scorers
    }
    plan = Plan(
        task=task,
        model=part("backend", cfg.backend, Model),
        scorers=ScorerRegistry(scorers, _span(task, thinking)),
        mitigation=make("mitigation", cfg.mitigation, Mitigation) if cfg.mitigation else None,
        mitigation_name=_mitigation_name(),
        generation=_generation(cfg, task),
        protocol=protocol_label(cfg),
        seed=cfg.seed,
        limit=cfg.limit,
        results=Path(cfg.results),
        options={k: v for k, v in resolved["task"].items() if k not in aside},
        thinking=thinking,
        retry_failed=cfg.retry == "failed",
        config=asked,
    )
    if cfg.forecast:
        print_forecast(forecast(plan))
        return 0
    result = run(plan, progress)
    print_result(result, everything=cfg.show == "all")
    if cfg.report:
        print(f"report: {keep_report(result.folder)}")
    held = result.info["limit"]
    if cfg.limit is not None and (held is None or cfg.limit < held):
        logger.info(
            "this run holds %d samples already; limit=%d does not shrink it",
            result.info["samples"],
            cfg.limit,
        )
    return finish(result.info["unmeasured"], cfg.max_unmeasured, result.folder)


def _generation(cfg: DictConfig, task: Task) -> GenerationConfig:
    """What the task itself says of how answers are generated, where the command line does not."""
    said: GenerationConfig = OmegaConf.to_object(cfg.generation)  # type: ignore[assignment]
    given = {o.lstrip("+~").split("=")[0] for o in HydraConfig.get().overrides.task}
    own = getattr(task, "settings", {})
    return replace(said, **{k: v for k, v in own.items() if f"generation.{k}" not in given})


def _span(task: Task, thinking: Thinking) -> str:
    """What of an answer scorers are shown."""
    span = getattr(task, "span", "full")
    if not thinking.scored:
        return span
    if span != "full":
        raise HarnessError(f"thinking.scored=true: task.span={span} scores a part of the answer")
    return "thinking_and_answer"


def _mitigation_name() -> str:
    return str(HydraConfig.get().runtime.choices["mitigation"])
