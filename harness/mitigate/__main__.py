"""`python -m harness.mitigate`: makes a model safer.

    python -m harness.mitigate method=model_surgery model=smollm2 out=safer
    python -m harness model=safer task=real_toxicity_prompts

What is written has a card: the method, the data's hash, the seed, the base. The same command goes
on from where it was stopped.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig

from harness.command import command_line, make, resolve
from harness.types import HarnessError


@dataclass
class MitigateConfig:
    """Everything that `python -m harness.mitigate` takes."""

    model: str = "smollm2"
    out: str = MISSING
    data: Any = None
    exclude: list[str] = field(default_factory=list)
    limit: int | None = None
    seed: int = 0
    forecast: bool = False
    method: Any = None
    backend: Any = MISSING


def main() -> None:
    """`python -m harness.mitigate`."""
    ConfigStore.instance().store(name="mitigate_schema", node=MitigateConfig)
    command_line("mitigate", _work)


def _work(cfg: DictConfig) -> int:
    from harness.command import options_of
    from harness.mitigate.asked import Asked
    from harness.mitigate.making import fit_and_write
    from harness.mitigations.fitting.method import Method
    from harness.models.hf.model import HuggingFaceModel
    from harness.types import Model

    settings = resolve(cfg)
    if not cfg.method:
        raise HarnessError(f"method= names none; there are {', '.join(options_of('method'))}")
    method = make("method", cfg.method, Method)
    model = make("backend", cfg.backend, Model)
    if not isinstance(model, HuggingFaceModel):
        raise HarnessError("backend= must be hf: a method needs the weights in this process")
    if cfg.limit is not None and cfg.limit < 1:
        raise HarnessError(f"limit={cfg.limit} must be at least 1")
    data = [settings["data"]] if isinstance(settings["data"], str) else settings["data"]
    asked = Asked(
        method, settings["method"], model, [Path(file) for file in data or ()],
        [Path(file) for file in settings["exclude"]], cfg.limit, cfg.seed,
    )  # fmt: skip
    fit_and_write(asked, Path(cfg.out), cfg.forecast)
    return 0


if __name__ == "__main__":
    main()
