"""`python -m harness.logs.export`: a run as other tools have theirs.

    python -m harness.logs.export run=results/runs/med_harm-... to=inspect
    python -m harness.logs.export run=results/runs/med_harm-... to=every_eval_ever out=FOLDER

The run itself stays as it is. What a form cannot hold, a missing score for one, is said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line, make, resolve
from harness.types import HarnessError


@dataclass
class ExportConfig:
    """Everything that `python -m harness.logs.export` takes."""

    run: str | None = None
    out: str | None = None
    to: str | None = None
    forms: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    """`python -m harness.logs.export`."""
    ConfigStore.instance().store(name="export_schema", node=ExportConfig)
    command_line("export", _work)


def _work(cfg: DictConfig) -> int:
    from harness.logs.export.rows import Form, Whole
    from harness.store import FinishedRun

    resolve(cfg)
    if cfg.run is None or cfg.to is None:
        raise HarnessError("name the run and the form: run=FOLDER of a run, to=inspect")
    if cfg.to not in cfg.forms:
        raise HarnessError(f"to={cfg.to!r} is none of {', '.join(cfg.forms)}")
    form = make(f"forms.{cfg.to}", cfg.forms[cfg.to], Form)
    whole = Whole(FinishedRun.read(Path(cfg.run), "run"))
    folder = Path(cfg.out) if cfg.out else whole.run.folder / "export"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = form.write(whole, folder)
    except OSError as error:
        raise HarnessError(f"{str(folder)!r} cannot be written ({error.strerror})") from error
    for line in written:
        print(line)
    return 0


if __name__ == "__main__":
    main()
