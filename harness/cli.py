"""From the command line to objects to a run to what is printed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from harness.command import command_line, finish, resolve
from harness.config import check, protocol_label
from harness.plugins import make
from harness.types import Mitigation, Model, Scorer, Task

logger = logging.getLogger(__name__)


def main() -> None:
    """`python -m harness` and the console script `harness`."""
    command_line("config", run_config)


def run_config(cfg: DictConfig) -> int:
    """Run one composed configuration and print its table; gives the exit code."""
    check(cfg)
    resolved = resolve(cfg)
    # As it was written: a secret that a reference fetches from the environment stays there.
    asked: dict[str, Any] = OmegaConf.to_container(cfg, resolve=False)  # type: ignore[assignment]
    from harness.plan import Plan
    from harness.report.console import print_result, progress
    from harness.run import run
    from harness.scorers.registry import ScorerRegistry

    plan = Plan(
        task=make("task", cfg.task, Task),
        model=make("backend", cfg.backend, Model),
        scorers=ScorerRegistry(
            {str(name): make(f"scorers.{name}", node, Scorer) for name, node in cfg.scorers.items()}
        ),
        mitigation=make("mitigation", cfg.mitigation, Mitigation) if cfg.mitigation else None,
        mitigation_name=_mitigation_name(),
        generation=OmegaConf.to_object(cfg.generation),  # type: ignore[arg-type]
        protocol=protocol_label(cfg),
        seed=cfg.seed,
        limit=cfg.limit,
        results=Path(cfg.results),
        options={k: v for k, v in resolved["task"].items() if k not in {"data", "_target_"}},
        retry_failed=cfg.retry == "failed",
        config=asked,
    )
    result = run(plan, progress)
    print_result(result)
    if cfg.limit is not None and cfg.limit < result.info["samples"]:
        logger.info(
            "this run holds %d samples already; limit=%d does not shrink it",
            result.info["samples"],
            cfg.limit,
        )
    return finish(result.info["unmeasured"], cfg.max_unmeasured, result.folder)


def _mitigation_name() -> str:
    return str(HydraConfig.get().runtime.choices["mitigation"])
