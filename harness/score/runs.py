"""The generations of a run of ours, as answers that are stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.bridges.files.stored import Stored, answers_stored
from harness.store import FIXED_COLUMNS, FinishedRun, Row


def of_run(folder: Path) -> Stored:
    """The generations of a run of ours.

    Raises:
        NotFinished: it is not the folder of a finished run.
        HarnessError: it has no generation, or cannot be read.
    """
    run = FinishedRun.read(folder, "run")
    run.info.check_one_history(folder.name)
    of_sample: dict[str, dict[int, Row]] = {}
    for answer in run.answers(["sample_id", "index", "text", "error"]):
        of_sample.setdefault(answer["sample_id"], {})[answer["index"]] = answer
    rows = [_row(row, of_sample.get(row["sample_id"], {})) for row in run.samples().to_pylist()]
    return answers_stored(folder.name, rows, run.info.model, str(folder))


def _row(sample: Row, answers: Mapping[int, Row]) -> dict[str, Any]:
    """A sample with its answers, as a file of answers has them."""
    n = max(answers, default=-1) + 1
    return {
        "id": sample["sample_id"],
        "prompt": json.loads(sample["messages"]) if sample.get("messages") else sample["prompt"],
        "cluster": sample["cluster"],
        "metadata": {k: v for k, v in sample.items() if k not in FIXED_COLUMNS},
        "answers": [{k: answers.get(i, {}).get(k) for k in ("text", "error")} for i in range(n)],
    }
