"""`python -m harness.regression.mutate`: would the suite have noticed?

    python -m harness.regression.mutate model=smollm2 suite=card
    python -m harness.regression.mutate model=smollm2 suite=[med_harm] doses.noise=[0.2,0.4]

A model is damaged in known, graded ways; each damaged one is asked the same suite and put before
the gate, beside the model as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from harness.command import command_line, quoted, resolve
from harness.types import HarnessError, cache_folder


@dataclass
class MutateConfig:
    """Everything that `python -m harness.regression.mutate` takes."""

    model: str = "smollm2"
    suite: Any = "card"
    doses: dict[str, Any] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)
    resamples: int = 200
    cache: str | None = None
    results: str = "results"
    to: str = "results/mutate"


def main() -> None:
    """`python -m harness.regression.mutate`."""
    ConfigStore.instance().store(name="mutate_schema", node=MutateConfig)
    command_line("mutate", _work)


def _work(cfg: DictConfig) -> int:
    from harness.regression.margins import margins_of
    from harness.regression.mutate.asking import options_of, runs_of
    from harness.regression.mutate.checkpoint import source_of
    from harness.regression.mutate.damages import Damage, damages_of
    from harness.regression.mutate.detection import Detection, detections
    from harness.regression.mutate.written import print_noticed, write_detections
    from harness.store import FinishedRun

    settings = resolve(cfg)
    tasks = _asked(settings["suite"])
    damages = damages_of(settings["doses"])
    if cfg.resamples < 1:
        raise HarnessError(f"resamples={cfg.resamples} must be 1 or more")
    if any(damage.is_of_weights for damage in damages):
        source_of(cfg.model)
    cache = Path(cfg.cache) if cfg.cache else cache_folder() / "mutated"
    shared, config_dirs = [*cfg.options, f"results={quoted(cfg.results)}"], _config_dirs()

    def ask(damage: Damage | None) -> list[FinishedRun]:
        options = [*shared, *options_of(damage, cfg.model, cache)]
        return [run for task in tasks for run in runs_of([task, *options], config_dirs)]

    baseline = ask(None)
    of_task = {run.question["task"]: run for run in baseline}
    margins = margins_of(baseline, {"margins": {}, "guards": {}})
    rows: list[Detection] = []
    for damage in damages:
        print(f"\n{damage.label}", flush=True)
        for run in ask(damage):
            before = of_task[run.question["task"]]
            rows += detections(damage, before, run, margins, cfg.resamples)
    page = write_detections(rows, baseline, Path(cfg.to))
    print_noticed(rows)
    print(f"\nmutate: {page}; mutate.md, .csv and figures beside it")
    return 0


def _asked(suite: object) -> list[str]:
    """Of each call of `python -m harness` the option that says which tasks it asks.

    Raises:
        HarnessError: it is neither an experiment nor a list of tasks.
    """
    if isinstance(suite, str):
        return [f"experiment={suite}"]
    if isinstance(suite, list) and suite:
        return [f"task={task}" for task in suite]
    raise HarnessError(f"suite={suite!r} asks nothing: give suite=card, or tasks: suite=[med_harm]")


def _config_dirs() -> Sequence[str]:
    sources = HydraConfig.get().runtime.config_sources
    return [source.path for source in sources if source.provider == "command-line"]


if __name__ == "__main__":
    main()
