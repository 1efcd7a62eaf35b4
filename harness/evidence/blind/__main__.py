"""`python -m harness.evidence.blind`: a blind study of two systems, before it starts and after.

    python -m harness.evidence.blind n=18 difference=1 spread=2
    python -m harness.evidence.blind runs=[results/runs/A,results/runs/B] n=18 out=study
    python -m harness.evidence.blind ratings=[anna.csv,ben.csv] key=study/key.json

The second writes a sheet for each rater. Without a key a rater's file has the columns prompt,
rating_a and rating_b, from 0 to 10.
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

    runs: list[str] = field(default_factory=list)
    out: str = "blind"
    raters: int = 2
    seed: int = 0
    question: str | None = None
    ratings: list[str] = field(default_factory=list)
    key: str | None = None
    n: int | None = None
    difference: float = 1.0
    spread: float = 2.0


def main() -> None:
    """`python -m harness.evidence.blind`."""
    ConfigStore.instance().store(name="blind_schema", node=BlindConfig)
    command_line("blind", _work)


def _work(cfg: DictConfig) -> int:
    from harness.evidence.blind.ratings import power_line, read_study

    if cfg.runs and cfg.ratings:
        raise HarnessError("name runs=[A,B] to draw a study, or ratings=[FILE,...] after it")
    if cfg.spread <= 0:
        raise HarnessError(f"spread={cfg.spread} must be above 0")
    if cfg.ratings:
        key = None if cfg.key is None else Path(cfg.key)
        for line in read_study([Path(file) for file in cfg.ratings], key).lines():
            print(line)
        return 0
    if cfg.runs:
        return _draw(cfg)
    if cfg.n is None or cfg.n < 2:
        raise HarnessError(
            f"n={cfg.n}: name n=PROMPTS, two at least, before a study, runs=[A,B] to draw it, or "
            "ratings=[FILE,...] after it"
        )
    print(power_line(cfg.n, cfg.difference, cfg.spread))
    return 0


def _draw(cfg: DictConfig) -> int:
    from harness.evidence.blind.ratings import UNREPLICATED, power_line
    from harness.evidence.blind.sheets import QUESTION, write_sheets
    from harness.store import FinishedRun

    if cfg.raters < 1:
        raise HarnessError(f"raters={cfg.raters} must be at least 1")
    runs = [FinishedRun.read(Path(folder), "runs") for folder in cfg.runs]
    question = cfg.question or QUESTION
    sheets, pairs, n = write_sheets(runs, Path(cfg.out), cfg.n, cfg.raters, cfg.seed, question)
    print(power_line(n, cfg.difference, cfg.spread))
    if pairs.lacking:
        print(f"{pairs.lacking} prompts lack an answer of a system, which nobody can rate")
    if cfg.raters < 2:
        print(UNREPLICATED)
    for sheet in sheets:
        print(sheet)
    print(f"{Path(cfg.out) / 'key.json'}: whose each answer is; keep it from the raters")
    return 0


if __name__ == "__main__":
    main()
