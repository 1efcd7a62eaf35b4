"""`python -m harness.mitigate.compare`: what makes a model safer, and what it costs.

python -m harness.mitigate.compare
python -m harness.mitigate.compare runs=[results/runs/A,results/runs/B] base=smollm2
python -m harness.mitigate.compare made_for.suffix=[discrimination] distinct=ngrams
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line, resolve
from harness.types import HarnessError


@dataclass
class CompareConfig:
    """Everything that `python -m harness.mitigate.compare` takes."""

    runs: Any = None
    results: str = "results"
    base: str | None = None
    distinct: str = "dexperts"
    made_for: dict[str, Any] = field(default_factory=dict)
    tuned_on: dict[str, str] = field(default_factory=dict)
    to: str = "results/mitigations"


def main() -> None:
    """`python -m harness.mitigate.compare`."""
    ConfigStore.instance().store(name="compare_schema", node=CompareConfig)
    command_line("compare", _work)


def _work(cfg: DictConfig) -> int:
    from harness.mitigate.compare.cells import KINDS
    from harness.mitigate.compare.comparing import compared
    from harness.mitigate.compare.page import write_page
    from harness.mitigate.compare.systems import systems_of
    from harness.store import FinishedRun, read_runs

    settings = resolve(cfg)
    for name, named in settings["made_for"].items():
        kinds = settings["made_for"][name] = named if isinstance(named, list) else [named]
        if unknown := [kind for kind in kinds if kind not in KINDS]:
            raise HarnessError(f"made_for.{name}: {unknown[0]!r} is not one of {', '.join(KINDS)}")
    if settings["runs"] is None:
        runs, left_out = read_runs(Path(settings["results"]))
        if not runs:
            reasons = "; ".join(f"{run.run} {run.reason}" for run in left_out[:5])
            raise HarnessError(
                f"results={settings['results']!r} holds no finished run"
                f"{': ' * bool(reasons)}{reasons}"
            )
    else:
        folders = settings["runs"] if isinstance(settings["runs"], list) else [settings["runs"]]
        runs = [FinishedRun.read(Path(str(folder)), "runs") for folder in folders]
    systems = systems_of(runs, settings["base"], settings["made_for"], settings["tuned_on"])
    comparison = compared(systems, settings["distinct"])
    page = write_page(comparison, Path(settings["to"]))
    words: dict[str, int] = {}
    for cell in comparison.cells:
        words[cell.word] = words.get(cell.word, 0) + 1
    counts = ", ".join(f"{count} {word}" for word, count in words.items())
    print(f"{comparison.model} under {len(systems.rows)} mitigations: {counts}")
    print(f"\npage: {page}; mitigations.md, .csv and figures beside it")
    return 0


if __name__ == "__main__":
    main()
