"""`python -m harness.train`: makes the weights of an offline scorer anew, from data of people.

    python -m harness.train recipe=toxicity_offline data=DATA
    python -m harness.train recipe=empathy_offline data=DATA out=mine.safetensors
    python -m harness.train recipe=refusal data=DATA out=mine.tsv

The same data give the same weights on the same machine. `DATA` has a folder for each published set;
which, and where each is published, stands in the scorer's card.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig

from harness.command import command_line, resolve
from harness.types import HarnessError

Progress = Callable[[str], None]
"""Is given a line now and then."""


@dataclass
class TrainConfig:
    """Everything that `python -m harness.train` takes."""

    recipe: str = MISSING
    data: str = "data"
    out: str | None = None
    epochs: int | None = None
    model: str = "smollm2"
    seed: int = 0


def main() -> None:
    """`python -m harness.train`."""
    ConfigStore.instance().store(name="train_schema", node=TrainConfig)
    command_line("train", _work)


def _work(cfg: DictConfig) -> int:
    resolve(cfg)
    out = Path(cfg.out or f"{cfg.recipe}.{'tsv' if cfg.recipe == 'refusal' else 'safetensors'}")
    started = time.monotonic()

    def progress(line: str) -> None:
        print(f"{line}, {time.monotonic() - started:.0f} s", flush=True)

    try:
        MAKERS.get(cfg.recipe, _adapters)(cfg, out, progress)
    except FileNotFoundError as error:
        raise HarnessError(f"data={cfg.data!r} has no {error.filename!r}") from error
    print(f"written to {out}; use it with scorers.{cfg.recipe}.weights={out}")
    return 0


def _adapters(cfg: DictConfig, out: Path, progress: Progress) -> None:
    """A scorer that is the sentence encoder with adapters and a head."""
    from harness.train.learning import save, train
    from harness.train.recipes import RECIPES

    if cfg.recipe not in RECIPES:
        names = ", ".join(sorted([*RECIPES, *MAKERS]))
        raise HarnessError(f"recipe={cfg.recipe!r} is none; there are {names}")
    recipe, epochs = RECIPES[cfg.recipe]
    examples = list(recipe(Path(cfg.data)))
    progress(f"{len(examples)} examples")
    save(train(examples, cfg.epochs or epochs, cfg.seed, progress), out)


def _toxicity(cfg: DictConfig, out: Path, progress: Progress) -> None:
    """The encoder with adapters, from release 1 on in two passes, whose weights are averaged."""
    from harness.train.toxicity import make

    make(Path(cfg.data), out, cfg.epochs, cfg.seed, progress)


def _refusal(cfg: DictConfig, out: Path, progress: Progress) -> None:
    """A table of numbers, which needs no network."""
    from harness.train.refusal import answers, fit, save

    rows = list(answers(Path(cfg.data), cfg.seed))
    progress(f"{len(rows)} answers")
    save(fit(rows), out)


def _empathy(cfg: DictConfig, out: Path, progress: Progress) -> None:
    """A head on the encoder as it is, whose fit has one solution."""
    from harness.train.empathy import train_empathy

    train_empathy(Path(cfg.data), out, progress)


def _harmfulness(cfg: DictConfig, out: Path, progress: Progress) -> None:
    """A head on states of the bundled language model."""
    from harness.train.harmfulness import make

    if cfg.epochs is not None:
        raise HarnessError(f"epochs={cfg.epochs} is not for recipe={cfg.recipe}: leave it out")
    make(Path(cfg.data), out, cfg.seed, progress)


def _normativity(cfg: DictConfig, out: Path, progress: Progress) -> None:
    """A direction among embeddings of the sentence encoder as it is."""
    from harness.train.normativity import make

    make(out, progress)


def _prompt_toxicity(cfg: DictConfig, out: Path, progress: Progress) -> None:
    """A small network on states of a language model."""
    from harness.train.prompt_toxicity import make

    make(Path(cfg.data), out, cfg.model, cfg.seed, progress)


MAKERS: Mapping[str, Callable[[DictConfig, Path, Progress], None]] = {
    "empathy_offline": _empathy,
    "harmfulness_offline": _harmfulness,
    "normativity": _normativity,
    "prompt_toxicity": _prompt_toxicity,
    "refusal": _refusal,
    "toxicity_offline": _toxicity,
}
"""By recipe what makes its weights; the others are adapters of the sentence encoder."""


if __name__ == "__main__":
    main()
