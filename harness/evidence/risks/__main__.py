"""`python -m harness.evidence.risks`: which risks are measured, by what, and which are not.

python -m harness.evidence.risks
python -m harness.evidence.risks results=results out=coverage.md
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line
from harness.types import HarnessError


@dataclass
class RisksConfig:
    """Everything that `python -m harness.evidence.risks` takes."""

    results: str | None = None
    out: str | None = None


def main() -> None:
    """`python -m harness.evidence.risks`."""
    ConfigStore.instance().store(name="risks_schema", node=RisksConfig)
    command_line("risks", _work)


def _work(cfg: DictConfig) -> int:
    from harness.evidence.risks.register import coverage, markdown
    from harness.store import read_runs, write_text

    if cfg.results is not None and not Path(cfg.results).is_dir():
        raise HarnessError(f"results={cfg.results!r} is no folder of results")
    runs = read_runs(Path(cfg.results))[0] if cfg.results is not None else []
    text = markdown(coverage(runs))
    print(text, end="")
    if cfg.out is not None:
        write_text(Path(cfg.out), text)
    return 0


if __name__ == "__main__":
    main()
