"""`python -m harness.logs.look FILE`: what is in a log of any tool, and what it can show.

    python -m harness.logs.look log.eval
    python -m harness.logs.look before.eval after.eval      # and how many questions they share
    python -m harness.logs.look results.json format=promptfoo

Nothing is written and no model is asked.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line, make, quoted, resolve
from harness.types import HarnessError

if TYPE_CHECKING:
    from harness.bridges.files.stored import Stored

FORMAT = re.compile(r"\Aformat=")
"""The option by its short name, which is that of a group of another command's."""


@dataclass
class LookConfig:
    """Everything that `python -m harness.logs.look` takes."""

    file: str | None = None
    against: str | None = None
    log_format: str | None = None
    model: str | None = None
    sources: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    """`python -m harness.logs.look`."""
    names = iter(("file", "against"))
    sys.argv[1:] = [
        f"{next(names, 'against')}={quoted(argument)}"
        if _is_path(argument)
        else FORMAT.sub("log_format=", argument)
        for argument in sys.argv[1:]
    ]
    ConfigStore.instance().store(name="look_schema", node=LookConfig)
    command_line("look", _work)


def _is_path(argument: str) -> bool:
    """Whether an argument is a file rather than an option."""
    if argument.startswith("-"):
        return False
    plain = "=" not in argument and ("." in argument or "/" in argument)  # not `job` of --cfg job
    return plain or Path(argument).exists()


def _work(cfg: DictConfig) -> int:
    from harness.logs.look.looking import lines_of, pairs_of

    resolve(cfg)
    if cfg.file is None:
        raise HarnessError("name a file: python -m harness.logs.look FILE")
    stored = _stored(cfg, Path(cfg.file))
    for line in lines_of(stored):
        print(line)
    if cfg.against is not None:
        other = _stored(cfg, Path(cfg.against))
        for line in pairs_of(stored, other, (Path(cfg.file).name, Path(cfg.against).name)):
            print(line)
    return 0


def _stored(cfg: DictConfig, path: Path) -> Stored:
    """The answers of a file."""
    from harness.bridges.files.answers import of_file
    from harness.bridges.logs.choose import read_log, source_of
    from harness.bridges.logs.log import Source
    from harness.show import progress

    sources = {str(n): make(f"sources.{n}", node, Source) for n, node in cfg.sources.items()}
    source = source_of(path, sources, cfg.log_format)
    if source is None:
        return of_file(path, None, None, cfg.model)
    return read_log(path, source, progress).stored(path, cfg.model)


if __name__ == "__main__":
    main()
