"""`python -m harness.evidence.blind`: a blind study of two systems, before it starts and after.

    python -m harness.evidence.blind n=18 difference=1 spread=2
    python -m harness.evidence.blind ratings=[anna.csv,ben.csv]

Each rater's file has the columns prompt, rating_a and rating_b, from 0 to 10, A and B named again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line
from harness.types import HarnessError


@dataclass
class BlindConfig:
    """Everything that `python -m harness.evidence.blind` takes."""

    ratings: list[str] = field(default_factory=list)
    n: int | None = None
    difference: float = 1.0
    spread: float = 2.0


def main() -> None:
    """`python -m harness.evidence.blind`."""
    ConfigStore.instance().store(name="blind_schema", node=BlindConfig)
    command_line("blind", _work)


def _work(cfg: DictConfig) -> int:
    from harness.evidence.blind.ratings import power_line, read_study

    if (cfg.n is None) == (not cfg.ratings):
        raise HarnessError("name n=PROMPTS before a study, or ratings=[FILE,...] after it")
    if cfg.n is None:
        for line in read_study([Path(file) for file in cfg.ratings]).lines():
            print(line)
        return 0
    if cfg.n < 2 or cfg.spread <= 0:
        raise HarnessError(f"n={cfg.n} must be at least 2, and spread={cfg.spread} above 0")
    print(power_line(cfg.n, cfg.difference, cfg.spread))
    return 0


if __name__ == "__main__":
    main()
