"""`python -m harness.mitigate.forgotten`: whether what was to be forgotten is, and what it cost.

python -m harness.mitigate.forgotten target=target reference=reference
python -m harness.mitigate.forgotten target=target reference=reference scalability=[f1,f12,f123]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig

from harness.command import command_line, resolve
from harness.types import HarnessError


@dataclass
class ForgottenConfig:
    """Everything that `python -m harness.mitigate.forgotten` takes."""

    target: str = MISSING
    reference: str = MISSING
    runs: Any = None
    results: str = "results"
    scalability: list[str] = field(default_factory=list)
    sustainability: list[str] = field(default_factory=list)
    to: str = "results/forgotten"


def main() -> None:
    """`python -m harness.mitigate.forgotten`."""
    ConfigStore.instance().store(name="forgotten_schema", node=ForgottenConfig)
    command_line("forgotten", _work)


def _work(cfg: DictConfig) -> int:
    from harness.mitigate.forgotten.page import rows_of, write_page
    from harness.mitigate.forgotten.reading import beside
    from harness.store import FinishedRun, read_runs

    settings = resolve(cfg)
    if settings["target"] == settings["reference"]:
        raise HarnessError(
            f"target= and reference= are both {settings['target']!r}; name two models"
        )
    if settings["runs"] is None:
        runs, _ = read_runs(Path(settings["results"]))
    else:
        folders = settings["runs"] if isinstance(settings["runs"], list) else [settings["runs"]]
        runs = [FinishedRun.read(Path(str(folder)), "runs") for folder in folders]
    pairs = beside(runs, settings["target"], settings["reference"])
    curves = {name: settings[name] for name in ("scalability", "sustainability")}
    where = write_page(pairs, curves, runs, Path(settings["to"]))
    for row in rows_of(pairs):
        if row["word"]:
            print(f"{row['task']}, {row['model']}, {row['name']}: {row['word']}")
    print(f"\npage: {where}; forgotten.md, .csv and figures beside it")
    return 0


if __name__ == "__main__":
    main()
