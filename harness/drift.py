"""`python -m harness.drift`: whether scorers still give what they gave on texts that never change.

    python -m harness.drift scorer=[harmfulness]
    python -m harness.drift scorer=[harmfulness] record=true

A scorer's identity covers its own weights, prompts and rules, not the libraries and machines
beneath it. Each run therefore first scores 200 frozen texts with its cheap scorers and stops where
one has shifted; judges are asked by this command. What an identity gave first is kept under
`RESULTS/anchors`; for the scorers of the project it comes with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line, resolve, scorers_of
from harness.validity import anchor_texts, check, measure, record


@dataclass
class DriftConfig:
    """Everything that `python -m harness.drift` takes."""

    record: bool = False
    results: str = "results"
    scorers: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    """`python -m harness.drift`."""
    ConfigStore.instance().store(name="drift_schema", node=DriftConfig)
    command_line("drift", _work)


def _work(cfg: DictConfig) -> int:
    resolve(cfg)
    scorers = scorers_of(cfg)
    results = Path(cfg.results)
    for name in scorers:
        if cfg.record:
            path = record(scorers, name, measure(scorers, name), results / "anchors")
            print(f"{scorers.identity(name)}: recorded in {path}")
        elif check(scorers, name, results):
            print(
                f"{scorers.identity(name)}: gives what was recorded on {len(anchor_texts())} texts"
            )
        else:
            print(f"{scorers.identity(name)}: had no record; what it gives is one now")
    return 0


if __name__ == "__main__":
    main()
