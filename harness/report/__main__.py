"""`python -m harness.report run=results/runs/med_harm-...`: figures of a finished run's tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig

from harness.command import command_line, resolve
from harness.types import HarnessError


@dataclass
class ReportConfig:
    """Everything that `python -m harness.report` takes."""

    run: str = MISSING


def main() -> None:
    """`python -m harness.report`."""
    ConfigStore.instance().store(name="report_schema", node=ReportConfig)
    command_line("report", _work)


def _work(cfg: DictConfig) -> int:
    from harness.report.figures import draw
    from harness.store import RunStore

    resolve(cfg)
    store = RunStore(Path(cfg.run))
    info, estimates, scores = store.info(), *map(store.read_table, ("estimates", "scores"))
    if info is None or estimates is None or scores is None or info["status"] != "complete":
        raise HarnessError(f"run={cfg.run!r} is not the folder of a finished run")
    identity = info["identity"]
    title = f"{identity['task']}, protocol {identity['protocol']}, model {info['model']}"
    values = {
        metric: scores.filter(scores["metric"].to_numpy() == metric)["value"].to_numpy()
        for metric in scores["metric"].unique().to_pylist()
    }
    files = draw(estimates.to_pylist(), values, title, store.folder / "figures")
    print(f"{len(files)} figures in {store.folder / 'figures'}")
    return 0


if __name__ == "__main__":
    main()
