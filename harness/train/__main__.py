"""`python -m harness.train`: makes the weights of an offline scorer anew, from data of people.

    python -m harness.train recipe=toxicity_offline data=DATA
    python -m harness.train recipe=empathy_offline out=mine.safetensors

The same data give the same weights on the same machine. `DATA` has a folder for each published set;
which, and where each is published, stands in the scorer's card.
"""

from __future__ import annotations

import time
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
    from harness.train.learning import averaged, save, train
    from harness.train.recipes import BEGINNINGS, FINISHES, FURTHER, RECIPES

    if cfg.recipe not in RECIPES:
        raise HarnessError(f"recipe={cfg.recipe!r} is none; there are {', '.join(RECIPES)}")
    recipe, epochs = RECIPES[cfg.recipe]
    try:
        examples = list(recipe(Path(cfg.data)))
    except FileNotFoundError as error:
        raise HarnessError(f"data={cfg.data!r} has no {error.filename!r}") from error
    out = Path(cfg.out or f"{cfg.recipe}.safetensors")
    print(f"{len(examples)} examples", flush=True)
    started = time.monotonic()

    def told(line: str) -> None:
        print(f"{line}, {time.monotonic() - started:.0f} s", flush=True)

    begin = BEGINNINGS.get(cfg.recipe)
    network = train(examples, cfg.epochs or epochs, cfg.seed, told, begin)
    if cfg.recipe in FURTHER:
        following, shares = FURTHER[cfg.recipe]
        save(network, out)
        further = train(list(following(Path(cfg.data))), 1, cfg.seed, told, out)
        network = averaged([begin, out], further, shares)
    if cfg.recipe in FINISHES:
        FINISHES[cfg.recipe](network, Path(cfg.data), out)
    else:
        save(network, out)
    print(f"written to {out}; use it with scorers.{cfg.recipe}.weights={out}")
    return 0


if __name__ == "__main__":
    main()
