"""`python -m harness.report run=results/runs/med_harm-...`: the page of a finished run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig

from harness.command import command_line, resolve


@dataclass
class ReportConfig:
    """Everything that `python -m harness.report` takes."""

    run: str = MISSING


def main() -> None:
    """`python -m harness.report`."""
    ConfigStore.instance().store(name="report_schema", node=ReportConfig)
    command_line("report", _work)


def _work(cfg: DictConfig) -> int:
    from harness.report.page import write_report

    resolve(cfg)
    print(f"report: {write_report(Path(cfg.run))}")
    return 0


if __name__ == "__main__":
    main()
