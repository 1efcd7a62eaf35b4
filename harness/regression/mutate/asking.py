"""Runs of a suite, of the model as it is and of each damaged one; ordinary runs, which are kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.command import OVER_BUDGET, quoted
from harness.regression.mutate.checkpoint import damaged
from harness.regression.mutate.damages import PROMPTS, Damage
from harness.store import FinishedRun, noted_folders
from harness.types import HarnessError


def options_of(damage: Damage | None, model: str, cache: Path) -> list[str]:
    """Options of a run that asks the model, damaged; a checkpoint is made where there is none.

    Args:
        damage: None: the model as it is.
        model: bundled, or the folder of a checkpoint.
        cache: where damaged checkpoints are kept.

    Raises:
        HarnessError: the model is no checkpoint in a folder.
    """
    undamaged = f"model={quoted(model)}"
    if damage is None:
        return [undamaged]
    if damage.is_of_weights:
        return [f"model={quoted(str(damaged(damage, model, cache)))}"]
    if damage.kind == "inverted_prompt":
        text = quoted(PROMPTS[int(damage.dose)])
        return [undamaged, "mitigation=system_prompt", f"mitigation.text={text}"]
    return [undamaged, "mitigation=cut_answers", f"mitigation.share={damage.dose}"]


def runs_of(options: Sequence[str], config_dirs: Sequence[str]) -> list[FinishedRun]:
    """`python -m harness` with these options, shown as it goes; gives its runs.

    Raises:
        HarnessError: it failed.
    """
    configured = [part for path in config_dirs for part in ("--config-dir", path)]
    with TemporaryDirectory() as scratch:
        file = Path(scratch) / "folders"
        sys.stdout.flush()
        asked = [*options, "report=false", "max_unmeasured=1", f"folders={quoted(str(file))}"]
        command = [sys.executable, "-m", "harness", *asked, *configured]
        code = subprocess.run(command, check=False).returncode
        if code not in (0, OVER_BUDGET):
            raise HarnessError(f"a run failed (exit code {code}): {' '.join(options)}")
        return [FinishedRun.read(folder) for folder in noted_folders(file)]
