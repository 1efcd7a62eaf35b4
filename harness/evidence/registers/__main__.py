"""`python -m harness.evidence.registers`: methods of the field, and which of them are here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line


@dataclass
class RegistersConfig:
    """Everything that `python -m harness.evidence.registers` takes."""

    out: str | None = None


def main() -> None:
    """`python -m harness.evidence.registers`."""
    ConfigStore.instance().store(name="registers_schema", node=RegistersConfig)
    command_line("registers", _work)


def _work(cfg: DictConfig) -> int:
    from harness.evidence.registers.tables import markdown, registers
    from harness.store import write_text

    text = markdown(registers())
    print(text)
    if cfg.out is not None:
        write_text(Path(cfg.out), text)
    return 0


if __name__ == "__main__":
    main()
