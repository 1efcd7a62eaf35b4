"""`python -m harness.regression`: is the candidate worse than the baseline?

    python -m harness.regression baseline=results/runs/A candidate=results/runs/B
    python -m harness.regression experiment=card baseline.model=A candidate.model=B
    python -m harness.regression task=med_harm baseline.model=A candidate.model=B early_stop=true
    python -m harness.regression baseline=before.eval candidate=after.eval   # logs of other tools
    python -m harness.regression history=results

Exit codes: 0 pass, 1 regression, 2 inconclusive, 64 wrong use or a fault.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from harness.command import OVER_BUDGET, command_line, quoted, resolve
from harness.types import HarnessError

if TYPE_CHECKING:
    from harness.regression.gate import Margins
    from harness.regression.margins import Overrides
    from harness.regression.pairs import Reading
    from harness.regression.verdict import Comparison

MISUSE = 64
"""As sysexits.h has it; 1 and 2 are verdicts."""


@dataclass
class RegressionConfig:
    """Everything that `python -m harness.regression` takes."""

    baseline: Any = None
    candidate: Any = None
    options: list[str] = field(default_factory=list)
    history: str | None = None
    results: str = "results"
    to: str = "results/regression"
    margins: dict[str, Any] = field(default_factory=dict)
    guards: dict[str, Any] = field(default_factory=dict)
    suite: dict[str, Any] | None = None
    one_task: str | None = None
    change: str | None = None
    early_stop: bool = False
    reading: str = "generalized"
    second_scorer: Any = None
    second_options: list[str] = field(default_factory=list)


def main() -> None:
    """`python -m harness.regression`."""
    from harness.regression.margins import overriding

    sys.argv[1:] = [overriding(argument) for argument in sys.argv[1:]]
    ConfigStore.instance().store(name="regression_schema", node=RegressionConfig)
    command_line("regression", _work, MISUSE)


def _work(cfg: DictConfig) -> int:
    from harness.regression.margins import KINDS, margins_of
    from harness.regression.written import forget_verdict, print_verdict, write_verdict

    settings = resolve(cfg)
    reading = _reading(cfg.reading)
    if cfg.history is None:
        forget_verdict(Path(cfg.to))
    overrides = {kind: _margins(settings[kind], kind) for kind in KINDS}
    if cfg.history is not None:
        from harness.regression.history import write_history
        from harness.store import read_runs

        margins, guards = margins_of(read_runs(Path(cfg.history))[0], overrides)
        to = write_history(Path(cfg.history), margins, guards, Path(cfg.to), reading)
        print(f"history: {to}")
        return 0
    comparison = _compared(settings, overrides, reading)
    page = write_verdict(comparison, Path(cfg.to))
    print_verdict(comparison)
    print(f"\nverdict: {page}; regression.md, .json and junit.xml beside it")
    return comparison.verdict.value


def _compared(settings: Mapping[str, Any], overrides: Overrides, reading: Reading) -> Comparison:
    """Both sides, run if need be, and what is said of them.

    Raises:
        HarnessError: a side cannot be had, or an early stop cannot be.
    """
    if settings["early_stop"]:
        from harness.regression.early import compare_early

        if reading != "generalized" or settings["second_scorer"] is not None:
            raise HarnessError(
                "early_stop=true: looks before the end read prompts like these, by one scorer; "
                "leave reading= and second_scorer= away, or early_stop"
            )
        early = replace(compare_early(settings, overrides), change=settings["change"])
        return _read_twice(early, settings, ({}, {}))
    from harness.regression.gate import compare
    from harness.regression.margins import check_gated, margins_of

    baseline, candidate = (_runs(settings, side) for side in ("baseline", "candidate"))
    margins, guards = margins_of([*baseline, *candidate], overrides)
    check_gated([*baseline, *candidate], margins, guards)
    comparison = compare(baseline, candidate, margins, guards, reading)
    comparison = replace(comparison, change=settings["change"])
    return _read_twice(comparison, settings, (margins, guards))


def _reading(name: str) -> Reading:
    """What intervals are to speak of.

    Raises:
        HarnessError: it is no reading.
    """
    from harness.regression.pairs import READINGS

    for reading in READINGS:
        if name == reading:
            return reading
    raise HarnessError(
        f"reading={name!r} must be generalized, for prompts like these, or benchmark, for these "
        "prompts alone"
    )


def _read_twice(
    comparison: Comparison, settings: Mapping[str, Any], margins: tuple[Margins, Margins]
) -> Comparison:
    """The comparison with what speaks against it: the second reading, and words that changed."""
    from harness.regression.rewording import doubts_of

    comparison = replace(comparison, doubts=doubts_of(comparison))
    if settings["second_scorer"] is None:
        return comparison
    from harness.regression.second import second_reading

    asked = settings["second_scorer"]
    name = ",".join(map(str, asked)) if isinstance(asked, list) else str(asked)
    to = quoted(str(Path(settings["to"]) / "second"))
    options = [f"scorer=[{name}]", f"results={to}", "max_unmeasured=1", "report=false"]

    def rescore(folder: Path) -> Path:
        run = [f"run={quoted(str(folder))}", *options, *settings["second_options"]]
        return _run(run, "harness.score")[0]

    return replace(comparison, second=second_reading(comparison, name, margins, rescore))


def _margins(margins: Mapping[str, Any], kind: str) -> dict[str, dict[str, float | None] | None]:
    """The margins that the command line gives; None: one, or those of a task, are taken away.

    Raises:
        HarnessError: one is no number above zero.
    """
    for task, of_task in margins.items():
        if not isinstance(of_task, Mapping | None):
            raise HarnessError(f"{kind}.{task}={of_task!r} must be estimates with their margins")
        for name, margin in (of_task or {}).items():
            number = isinstance(margin, int | float) and not isinstance(margin, bool)
            if margin is not None and (not number or not 0 < margin < inf):
                raise HarnessError(f"{kind}.{task}.{name}={margin!r} must be a number above 0")
    return {task: of_task and dict(of_task) for task, of_task in margins.items()}


def _runs(settings: Mapping[str, Any], side: str) -> list[Any]:
    """The finished runs of one side; what is missing of an experiment is run first.

    Raises:
        HarnessError: there are none, or they cannot be read.
    """
    from harness.regression.logs import is_log, paths_of, runs_of_logs
    from harness.store import FinishedRun

    asked = settings[side]
    if isinstance(asked, Mapping):
        folders = _run_missing(settings, side, asked)
    elif any(map(is_log, paths_of(asked))):
        folders = runs_of_logs(settings, side, partial(_run, module="harness.score"))
    else:
        folders = paths_of(asked)
    return [FinishedRun.read(folder, side) for folder in folders]


def _run_missing(settings: Mapping[str, Any], side: str, asked: Mapping[str, Any]) -> list[Path]:
    """Run what one side is asked; what is finished is not run again."""
    from harness.regression.asking import count_of, options_of, seeds_of

    options, tasks = options_of(settings, side, asked), count_of(settings)
    folders: list[Path] = []
    for seed in seeds_of(asked):
        finished = _run([*options, f"seed={seed}"])
        if len(finished) < tasks:
            raise HarnessError(
                f"{tasks - len(finished)} of the {side}'s {tasks} tasks failed; what is said above "
                "has the reasons"
            )
        folders += finished
    return folders


def _run(options: Sequence[str], module: str = "harness") -> list[Path]:
    """`python -m harness`, or another command, shown as it goes; gives the folders of its runs.

    Raises:
        HarnessError: it failed.
    """
    from harness.store import noted_folders

    sources = HydraConfig.get().runtime.config_sources
    config_dirs = [source.path for source in sources if source.provider == "command-line"]
    configured = [part for path in config_dirs for part in ("--config-dir", path)]
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "folders"
        sys.stdout.flush()
        command = [module, *options, f"folders={quoted(str(file))}", *configured]
        code = subprocess.run([sys.executable, "-m", *command], check=False).returncode
        if code not in (0, OVER_BUDGET):
            raise HarnessError(f"a run failed (exit code {code}): {' '.join(options)}")
        return noted_folders(file)


if __name__ == "__main__":
    main()
