"""From the command line to objects to a run to what is printed."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness.config import CONF_DIR, check, protocol_label, register
from harness.plugins import make
from harness.types import HarnessError, Mitigation, Model, Scorer, Task

logger = logging.getLogger(__name__)

OVER_BUDGET = 3
"""Exit code of a run that is complete, but too much of it could not be measured."""
USER_ERROR = 1
INTERRUPTED = 130


def main() -> None:
    """`python -m harness` and the console script `harness`."""
    register()
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra then raises, and the sentence is ours
    try:
        hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name="config")(_job)()
    except RunFailedError as failed:
        sys.exit(failed.code)
    except KeyboardInterrupt:
        print(
            "\nstopped; nothing stored is lost, the same command goes on from here", file=sys.stderr
        )
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - whatever Hydra raises for a wrong command line
        print(f"error: {_sentence(error)}", file=sys.stderr)
        sys.exit(USER_ERROR)
    sys.exit(0)


class RunFailedError(Exception):
    """A run of a sweep has failed and has said why; travels from the process that it ran in."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _job(cfg: DictConfig) -> None:
    try:
        code = run_config(cfg)
    except Exception:  # noqa: BLE001 - nothing of the command line, but a fault of ours
        traceback.print_exc()
        code = USER_ERROR
    if HydraConfig.get().mode is RunMode.RUN:
        sys.exit(code)
    if code:
        raise RunFailedError(code)  # Hydra ends the sweep first, then raises it, with its overrides


def _sentence(error: Exception) -> str:
    """What Hydra says of a wrong option, without where it looked."""
    said = "\n".join(str(e) for e in (error, error.__cause__) if e)
    for noise in ("Config search path", "full_key:", "To append to your config", "See https:"):
        said = said.split(noise)[0]
    group = (getattr(error, "missing_cfg_file", None) or "").rpartition("/")[0]
    if group and "Available options" not in said:
        with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
            names = GlobalHydra.instance().config_loader().get_group_options(group)
        said += f" Available options in {group!r}: {', '.join(names)}"
    return f"{' '.join(said.split()).rstrip('.')}; see python -m harness --help"


def run_config(cfg: DictConfig) -> int:
    """Run one composed configuration and print its table; gives the exit code."""
    try:
        return _run(cfg)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_ERROR


def _run(cfg: DictConfig) -> int:
    check(cfg)
    resolved = _resolve(cfg)
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
    unmeasured = result.info["unmeasured"]
    if unmeasured > cfg.max_unmeasured:
        print(
            f"error: {unmeasured:.1%} of a headline estimate's scores are missing, above "
            f"max_unmeasured={cfg.max_unmeasured:g}; {result.folder}/scores.parquet has the "
            "reasons, and retry=failed asks again",
            file=sys.stderr,
        )
        return OVER_BUDGET
    return 0


def _resolve(cfg: DictConfig) -> dict[str, Any]:
    """The whole configuration without references.

    Raises:
        HarnessError: a reference leads nowhere, or a value is not of its type.
    """
    try:
        resolved = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise HarnessError(
            f"the configuration does not resolve: {str(error).splitlines()[0]}"
        ) from error
    return resolved  # type: ignore[return-value]


def _mitigation_name() -> str:
    return str(HydraConfig.get().runtime.choices["mitigation"])
