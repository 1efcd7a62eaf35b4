"""`python -m harness.evidence.bundle`: packs a run into one file that `verify` recomputes.

    python -m harness.evidence.bundle run=results/runs/med_harm-... out=run.bundle.tar
    python -m harness.evidence.bundle run=results/runs/med_harm-... out=run.bundle.tar key=mine.pem

The printed seal names the whole content; published elsewhere, it lets nobody seal a changed file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line
from harness.types import HarnessError


@dataclass
class BundleConfig:
    """Everything that `python -m harness.evidence.bundle` takes."""

    run: str | None = None
    out: str | None = None
    key: str | None = None


def main() -> None:
    """`python -m harness.evidence.bundle`."""
    ConfigStore.instance().store(name="bundle_schema", node=BundleConfig)
    command_line("bundle", _work)


def _work(cfg: DictConfig) -> int:
    from harness.evidence.bundle.archive import SEAL, SIGNATURE, pack
    from harness.evidence.bundle.contents import entries_of
    from harness.evidence.bundle.signature import sign
    from harness.store import FinishedRun
    from harness.types import written_whole

    if cfg.run is None or cfg.out is None:
        raise HarnessError("name the run and the file: run=FOLDER of a run, out=FILE")
    entries = entries_of(FinishedRun.read(Path(cfg.run), "run"))
    if cfg.key is not None:
        entries[SIGNATURE] = sign(entries[SEAL], Path(cfg.key))
    content = pack(entries)
    try:
        with written_whole(Path(cfg.out)) as file:
            file.write(content)
    except OSError as error:
        raise HarnessError(f"out={cfg.out!r} cannot be written ({error.strerror})") from error
    print(f"{cfg.out}: {len(content):,} bytes, seal {entries[SEAL].decode().strip()}")
    if cfg.key is None:
        print("not signed: publish the seal, or sign with key=FILE")
    return 0


if __name__ == "__main__":
    main()
