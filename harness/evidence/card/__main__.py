"""`python -m harness.evidence.card`: a risk card, filled from a run.

python -m harness.evidence.card risk=bad_medical_advice run=results/runs/risk_card-...
python -m harness.evidence.card risk=my_card.yaml run=FOLDER by="two nurses" out=card.md
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line
from harness.types import HarnessError


@dataclass
class CardConfig:
    """Everything that `python -m harness.evidence.card` takes."""

    risk: str | None = None
    run: str | None = None
    by: str | None = None
    out: str | None = None


def main() -> None:
    """`python -m harness.evidence.card`."""
    ConfigStore.instance().store(name="card_schema", node=CardConfig)
    command_line("card", _work)


def _work(cfg: DictConfig) -> int:
    from harness.evidence.card.filled import markdown
    from harness.store import FinishedRun, write_text
    from tasks.risk_card.cards import SHIPPED, read_card

    if cfg.risk is None or cfg.run is None:
        raise HarnessError("name the card and the run: risk=NAME or FILE, run=FOLDER of a run")
    shipped = SHIPPED / f"{cfg.risk}.yaml"
    path = shipped if shipped.is_file() else Path(cfg.risk)
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.yaml")))
        raise HarnessError(f"risk={cfg.risk!r} is no file, and none of the cards here: {names}")
    text = markdown(read_card(path), FinishedRun.read(Path(cfg.run), "run"), cfg.by)
    print(text, end="")
    if cfg.out is not None:
        write_text(Path(cfg.out), text)
    return 0


if __name__ == "__main__":
    main()
