"""`python -m harness.evidence.dossier`: runs as one page that stands on its own, or a text read.

    python -m harness.evidence.dossier runs=[FOLDER,FOLDER] gates=[FOLDER/regression.json]
    python -m harness.evidence.dossier lint=report.md

Writes dossier.html, dossier.md and, where there is a browser, dossier.pdf. `lint` exits with 1
where a sentence says what statistics forbid.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line
from harness.types import HarnessError

MISUSE = 2


@dataclass
class DossierConfig:
    """Everything that `python -m harness.evidence.dossier` takes."""

    runs: list[str] = field(default_factory=list)
    gates: list[str] = field(default_factory=list)
    out: str = "dossier"
    pdf: bool = True
    lint: str | None = None


def main() -> None:
    """`python -m harness.evidence.dossier`."""
    ConfigStore.instance().store(name="dossier_schema", node=DossierConfig)
    command_line("dossier", _work, misuse=MISUSE)


def _work(cfg: DictConfig) -> int:
    from harness.evidence.dossier.blocks import as_html, as_markdown
    from harness.evidence.dossier.content import blocks_of
    from harness.evidence.dossier.evidenced import Evidence
    from harness.evidence.dossier.printed import BROWSERS, print_page
    from harness.store import FinishedRun, write_text

    if (cfg.lint is None) == (not cfg.runs):
        raise HarnessError("name runs=[FOLDER,...] of finished runs, or lint=FILE of a text")
    if cfg.lint is not None:
        return _lint(Path(cfg.lint))
    runs = [FinishedRun.read(Path(folder), "runs") for folder in cfg.runs]
    blocks = blocks_of(Evidence(runs, {file: _gate(Path(file)) for file in cfg.gates}))
    folder = Path(cfg.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HarnessError(f"out={cfg.out!r} cannot be written ({error.strerror})") from error
    write_text(folder / "dossier.md", as_markdown(blocks))
    page = write_text(folder / "dossier.html", as_html(blocks, "Dossier"))
    print(page)
    if cfg.pdf:
        printed = print_page(page, folder / "dossier.pdf")
        print(printed or f"no PDF: none of {', '.join(BROWSERS)} is installed")
    return 0


def _lint(path: Path) -> int:
    from harness.evidence.dossier.linter import faults_in

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError(f"lint={str(path)!r} cannot be read: {error}") from error
    faults = faults_in(text)
    for fault in faults:
        print(f"{fault.rule}: {fault.why}\n  {fault.sentence}")
    print(f"{len(faults)} sentences that statistics forbid, or that nobody has shown")
    return 1 if faults else 0


def _gate(path: Path) -> Mapping[str, Any]:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HarnessError(f"gates={str(path)!r} cannot be read: {error}") from error
    if not isinstance(report, dict) or "verdict" not in report:
        raise HarnessError(f"gates={str(path)!r} is no regression.json of the gate")
    return report


if __name__ == "__main__":
    main()
