"""`python -m harness.train`: makes the weights of an offline scorer anew, from data of people.

    python -m harness.train recipe=toxicity_offline data=DATA
    python -m harness.train recipe=empathy_offline out=mine.safetensors

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

HARMFULNESS = "harmfulness_offline"
"""The recipe that trains a head on states of the bundled language model."""


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
    out = Path(cfg.out or f"{cfg.recipe}.safetensors")
    started = time.monotonic()

    def told(line: str) -> None:
        print(f"{line}, {time.monotonic() - started:.0f} s", flush=True)

    try:
        _made(cfg, out, told)
    except FileNotFoundError as error:
        raise HarnessError(f"data={cfg.data!r} has no {error.filename!r}") from error
    print(f"written to {out}; use it with scorers.{cfg.recipe}.weights={out}")
    return 0


def _made(cfg: DictConfig, out: Path, told: Callable[[str], None]) -> None:
    """Make the weights of a recipe and write them."""
    from harness.train import harmfulness
    from harness.train.learning import save, train
    from harness.train.recipes import RECIPES

    if cfg.recipe == HARMFULNESS:
        if cfg.epochs is not None:
            raise HarnessError(f"epochs={cfg.epochs} is not for recipe={cfg.recipe}: leave it out")
        harmfulness.make(Path(cfg.data), out, cfg.seed, told)
        return
    if cfg.recipe not in RECIPES:
        names = ", ".join([HARMFULNESS, *RECIPES])
        raise HarnessError(f"recipe={cfg.recipe!r} is none; there are {names}")
    recipe, epochs = RECIPES[cfg.recipe]
    examples = list(recipe(Path(cfg.data)))
    print(f"{len(examples)} examples", flush=True)
    save(train(examples, cfg.epochs or epochs, cfg.seed, told), out)


if __name__ == "__main__":
    main()
