"""`python -m harness.train`: makes the weights of an offline scorer anew, from data of people.

    python -m harness.train recipe=toxicity_offline data=DATA
    python -m harness.train recipe=empathy_offline data=DATA out=mine.safetensors

The same data give the same weights on the same machine. `DATA` has a folder for each published set;
which, and where each is published, stands in the scorer's card.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig

from harness.command import command_line, resolve
from harness.types import HarnessError


@dataclass
class TrainConfig:
    """Everything that `python -m harness.train` takes."""

    recipe: str = MISSING
    data: str = "data"
    out: str | None = None
    epochs: int | None = None
    seed: int = 0


def main() -> None:
    """`python -m harness.train`."""
    ConfigStore.instance().store(name="train_schema", node=TrainConfig)
    command_line("train", _work)


def _work(cfg: DictConfig) -> int:
    resolve(cfg)
    from harness.train.empathy import train_empathy
    from harness.train.learning import save, train
    from harness.train.recipes import RECIPES

    if cfg.recipe == "empathy_offline":
        return _fitted(cfg, train_empathy)
    if cfg.recipe not in RECIPES:
        names = ", ".join([*RECIPES, "empathy_offline"])
        raise HarnessError(f"recipe={cfg.recipe!r} is none; there are {names}")
    recipe, epochs = RECIPES[cfg.recipe]
    try:
        examples = list(recipe(Path(cfg.data)))
    except FileNotFoundError as error:
        raise HarnessError(f"data={cfg.data!r} has no {error.filename!r}") from error
    out = Path(cfg.out or f"{cfg.recipe}.safetensors")
    print(f"{len(examples)} examples", flush=True)
    started = time.monotonic()
    network = train(
        examples,
        cfg.epochs or epochs,
        cfg.seed,
        lambda line: print(f"{line}, {time.monotonic() - started:.0f} s", flush=True),
    )
    save(network, out)
    print(f"written to {out}; use it with scorers.{cfg.recipe}.weights={out}")
    return 0


def _fitted(cfg: DictConfig, fit: Callable[[Path, Path, Callable[[str], None]], None]) -> int:
    """A recipe whose fit has one solution: neither epochs nor a seed matter to it."""
    out = Path(cfg.out or f"{cfg.recipe}.safetensors")
    try:
        fit(Path(cfg.data), out, lambda line: print(line, flush=True))
    except FileNotFoundError as error:
        raise HarnessError(f"data={cfg.data!r} has no {error.filename!r}") from error
    print(f"written to {out}; use it with scorers.{cfg.recipe}.weights={out}")
    return 0


if __name__ == "__main__":
    main()
