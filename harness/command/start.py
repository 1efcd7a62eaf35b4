"""What the commands share: the start by Hydra, one sentence for an error, exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from harness.command.config import CONF_DIR, register, unresolved
from harness.command.faults import sentence
from harness.command.maps import compose, with_maps
from harness.command.overrides import (
    check,
    refuse_valueless,
    with_devices,
    with_letters,
    with_stacks,
    with_texts,
)
from harness.types import HarnessError

USER_ERROR = 1
OVER_BUDGET = 3
"""Exit code of what is complete, but too much of it could not be measured."""
INTERRUPTED = 130


class RunFailedError(Exception):
    """A run of a sweep has failed and has said why; travels from the process that it ran in."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


Argument = TypeVar("Argument")
"""What some work is given: a configuration, or more."""


def command_line(config: str, work: Callable[[DictConfig], int], misuse: int = USER_ERROR) -> None:
    """Compose `conf/CONFIG.yaml` with the command line, do the work and exit with its code.

    Args:
        config: the name of the YAML.
        work: gives the exit code.
        misuse: exit code of whatever stops the work, where 1 and 2 have a meaning of their own.
    """
    begun = False
    sys.argv[1:] = _readable(sys.argv[1:], misuse)
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra then raises, and the sentence is ours
    try:
        register()

        def job(cfg: DictConfig) -> None:
            nonlocal begun
            begun = True
            _job(cfg, work, misuse)

        if not _composed_once(config, job):
            with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3"):
                sys.argv[1:] = with_maps(config, sys.argv[1:])
            hydra.main(version_base="1.3", config_path=str(CONF_DIR), config_name=config)(job)()
    except SystemExit as ended:  # of the parser of arguments, which has a code of its own
        sys.exit(misuse if ended.code and not begun else ended.code)
    except RunFailedError as failed:
        sys.exit(failed.code)
    except KeyboardInterrupt:
        print(
            "\nstopped; nothing stored is lost, the same command goes on from here", file=sys.stderr
        )
        sys.exit(INTERRUPTED)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(misuse)
    except Exception as error:  # noqa: BLE001 - whatever Hydra raises for a wrong command line
        print(f"error: {sentence(error, config, sys.argv[1:])}", file=sys.stderr)
        sys.exit(misuse)
    sys.exit(0)


def _composed_once(config: str, job: Callable[[DictConfig], None]) -> bool:
    """Do the job without `hydra.main`, which composes twice, to learn first whether it is a sweep.

    Returns:
        Whether it is done: not where options of Hydra's own ask for more than a job.
    """
    if any(argument.startswith("-") or "hydra" in argument for argument in sys.argv[1:]):
        return False
    with hydra.initialize_config_dir(str(CONF_DIR), version_base="1.3", job_name="harness"):
        cfg = compose(config, sys.argv[1:])
        settings = cfg.hydra
        more = (
            settings.mode,
            settings.callbacks,
            settings.job.chdir,
            settings.job.env_set,
            settings.output_subdir,
        )
        if any(more) or settings.run.dir != ".":
            return False
        with flag_override(cfg, ["readonly", "struct"], False):
            settings.mode = RunMode.RUN
            HydraConfig.instance().set_config(cfg)
            configure_log(settings.job_logging, settings.verbose)
            del cfg["hydra"]
        job(cfg)
    return True


def _readable(arguments: list[str], misuse: int) -> list[str]:
    """The arguments as Hydra takes them; ends the process where it would not."""
    try:
        sweeps = not {"-m", "--multirun"}.isdisjoint(arguments)
        arranged = arguments if sweeps else with_devices(arguments)
        expanded = with_stacks(with_letters(with_texts(arranged)))
        options = [argument for argument in expanded if not argument.startswith("-")]
        check(options, sweeps)
        if options == expanded:  # else what has no value may be one of Hydra's own options'
            refuse_valueless(options)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(misuse)
    return expanded


def exit_code_of(
    work: Callable[[Argument], int], argument: Argument, misuse: int = USER_ERROR
) -> int:
    """Do the work; what the user can put right is one sentence and an exit code of its own."""
    try:
        return work(argument)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return misuse
    except InterpolationResolutionError as error:
        print(f"error: {unresolved(error)}", file=sys.stderr)
        return misuse


def finish(unmeasured: float, allowed: float, folder: Path) -> int:
    """The exit code of a run of whose scores a share is missing; says so where it is too large."""
    if unmeasured <= allowed:
        return 0
    print(f"error: {too_many_missing(unmeasured, allowed, folder)}", file=sys.stderr)
    return OVER_BUDGET


def too_many_missing(unmeasured: float, allowed: float, folder: Path) -> str:
    """What to do where a larger share of scores is missing than is allowed."""
    return (
        f"{unmeasured:.1%} of a headline estimate's scores are missing, above "
        f"max_unmeasured={allowed:g}; {folder}/scores.parquet has the reasons, and retry=failed "
        "asks again"
    )


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """The whole configuration without references.

    Raises:
        HarnessError: a reference leads nowhere, or a value is not of its type.
    """
    try:
        resolved = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise HarnessError(unresolved(error)) from error
    return resolved  # type: ignore[return-value]


def _job(cfg: DictConfig, work: Callable[[DictConfig], int], misuse: int) -> None:
    try:
        code = exit_code_of(work, cfg, misuse)
    except Exception:  # noqa: BLE001 - nothing of the command line, but a fault of ours
        traceback.print_exc()
        code = misuse
    if HydraConfig.get().mode is RunMode.RUN:
        sys.exit(code)
    if code:
        raise RunFailedError(code)  # Hydra ends the sweep first, then raises it, with its overrides
