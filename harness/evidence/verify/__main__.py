"""`python -m harness.evidence.verify`: whether a bundle is whole and its numbers come out.

    python -m harness.evidence.verify run.bundle.tar
    python -m harness.evidence.verify run.bundle.tar seal=HEX key=theirs.pub.pem
    python -m harness.evidence.verify run.bundle.tar scorer=[refusal,guidance,toxicity_offline]

Exit code 0: all that can be checked holds. 1: something was changed or does not come out. 2: the
call itself is wrong. 3: with complete=true, something could not be checked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line, quoted, resolve, scorers_of
from harness.types import HarnessError

if TYPE_CHECKING:
    from harness.evidence.verify.findings import Finding

MISUSE = 2
INCOMPLETE = 3


@dataclass
class VerifyConfig:
    """Everything that `python -m harness.evidence.verify` takes."""

    file: str | None = None
    seal: str | None = None
    key: str | None = None
    complete: bool = False
    out: str | None = None
    scorers: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    """`python -m harness.evidence.verify`."""
    sys.argv[1:] = [
        f"file={quoted(argument)}" if _is_path(argument) else argument for argument in sys.argv[1:]
    ]
    ConfigStore.instance().store(name="verify_schema", node=VerifyConfig)
    command_line("verify", _work, misuse=MISUSE)


def _is_path(argument: str) -> bool:
    """Whether an argument is a file rather than an option, or `job` of `--cfg job`."""
    plain = "=" not in argument and ("." in argument or "/" in argument)
    return not argument.startswith("-") and (plain or Path(argument).exists())


def _work(cfg: DictConfig) -> int:
    from harness.evidence.verify.check import check
    from harness.evidence.verify.findings import faults

    resolve(cfg)
    if cfg.file is None:
        raise HarnessError("name the bundle: python -m harness.evidence.verify FILE")
    try:
        content = Path(cfg.file).read_bytes()
    except OSError as error:
        raise HarnessError(f"file={cfg.file!r} cannot be read ({error.strerror})") from error
    scorers = scorers_of(cfg) if cfg.scorers else {}
    findings = check(content, scorers, cfg.seal, None if cfg.key is None else Path(cfg.key))
    for finding in findings:
        print(finding)
    wrong = len(faults(findings))
    print(f"{wrong} that are not as they should be, {len(findings) - wrong} that were not checked")
    if cfg.out is not None:
        _write(Path(cfg.out), findings)
    if wrong:
        return 1
    return INCOMPLETE if cfg.complete and findings else 0


def _write(path: Path, findings: Sequence[Finding]) -> None:
    rows = [{"kind": f.kind.value, "place": f.place, "words": f.words} for f in findings]
    try:
        path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise HarnessError(f"out={str(path)!r} cannot be written ({error.strerror})") from error


if __name__ == "__main__":
    main()
