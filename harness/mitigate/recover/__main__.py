"""`python -m harness.mitigate.recover`: does what was forgotten come back?

    python -m harness.mitigate.recover target=target unlearned=forgot
    python -m harness.mitigate.recover target=target unlearned=target under=[agents]
    python -m harness.mitigate.recover target=target unlearned=forgot attacks=[bits_4,jailbreak]

Each attack is a checkpoint made of the unlearned one, or the same checkpoint asked otherwise. The
runs are ordinary ones, which are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import MISSING, DictConfig

from harness.command import command_line, quoted, resolve
from harness.types import HarnessError, cache_folder


@dataclass
class RecoverConfig:
    """Everything that `python -m harness.mitigate.recover` takes."""

    target: str = MISSING
    unlearned: str = MISSING
    under: list[str] = field(default_factory=list)
    attacks: list[str] = field(default_factory=list)
    task: str = "tofu"
    data: str = "starter"
    metric: str = "held"
    where: dict[str, Any] = field(default_factory=dict)
    relearned: int = 5
    shots: int = 16
    course: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    options: list[str] = field(default_factory=list)
    cache: str | None = None
    results: str = "results"
    to: str = "results/recover"


def main() -> None:
    """`python -m harness.mitigate.recover`."""
    ConfigStore.instance().store(name="recover_schema", node=RecoverConfig)
    command_line("recover", _work)


def _work(cfg: DictConfig) -> int:
    from harness.mitigate.recover.asking import Case
    from harness.mitigate.recover.attacks import attacks_of, read_rows
    from harness.mitigate.recover.measuring import recoveries
    from harness.mitigate.recover.written import print_recoveries, write_recoveries

    settings = resolve(cfg)
    attacks = attacks_of(settings["attacks"])
    for name in ("relearned", "shots"):
        if settings[name] < 1:
            raise HarnessError(f"{name}={settings[name]} must be at least 1")
    cache = Path(cfg.cache) if cfg.cache else cache_folder() / "recovered"
    case = Case(
        cfg.target, cfg.unlearned, tuple(settings["under"]), cfg.task, cfg.data,
        read_rows(cfg.data), settings["relearned"], settings["shots"], settings["course"], cfg.seed,
        [*settings["options"], f"results={quoted(cfg.results)}"], _config_dirs(), cache,
    )  # fmt: skip
    rows = recoveries(case, attacks, cfg.metric, settings["where"])
    page = write_recoveries(rows, case, cfg.metric, Path(cfg.to))
    print_recoveries(rows)
    print(f"\nrecover: {page}; recover.csv beside it")
    return 0


def _config_dirs() -> list[str]:
    sources = HydraConfig.get().runtime.config_sources
    return [source.path for source in sources if source.provider == "command-line"]


if __name__ == "__main__":
    main()
