"""The generations of a run of ours, as answers that are stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.bridges.files.stored import Stored, answers_stored
from harness.store import RunStore
from harness.types import HarnessError


def of_run(folder: Path) -> Stored:
    """The generations of a run of ours.

    Raises:
        HarnessError: it is no run's folder, or has no generation.
    """
    store = RunStore(folder)
    info, samples = store.info(), store.read_table("samples")
    if info is None or samples is None:
        raise HarnessError(
            f"run={str(folder)!r} is not the folder of a run: it has no run.json with samples"
        )
    of_sample: dict[str, dict[int, dict[str, Any]]] = {}
    for _, table in store.shards("generations"):
        for row in table.select(["sample_id", "index", "text", "error"]).to_pylist():
            of_sample.setdefault(row["sample_id"], {})[row["index"]] = row
    fixed = {"sample_id", "cluster", "prompt", "messages", "target"}
    rows = []
    for row in samples.to_pylist():
        answers = of_sample.get(row["sample_id"], {})
        n = max(answers, default=-1) + 1
        rows.append(
            {
                "id": row["sample_id"],
                "prompt": json.loads(row["messages"]) if row.get("messages") else row["prompt"],
                "cluster": row["cluster"],
                "metadata": {k: v for k, v in row.items() if k not in fixed},
                "answers": [
                    {k: answers.get(i, {}).get(k) for k in ("text", "error")} for i in range(n)
                ],
            }
        )
    return answers_stored(folder.name, rows, str(info.get("model", folder.name)), str(folder))
