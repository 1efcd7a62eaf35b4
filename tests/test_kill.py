"""A run that is killed again and again ends in the same tables as one that is not."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

RUN = (
    "task=med_harm", "generation.n=2", "generation.temperature=0.8",
    "generation.top_p=0.95", "backend.token_budget=160", "scorer=[refusal,harmfulness]",
)  # fmt: skip
SMALL = (
    "limit=3", "generation.max_new_tokens=8", "max_unmeasured=1",
    "backend@scorers.harmfulness.judge_backend=echo",
    "scorers.harmfulness.judge_backend.answer='#score: 2'",
)  # fmt: skip
WHOLE = (
    "limit=8", "generation.max_new_tokens=16", "scorers.harmfulness.judge_backend.token_budget=8192"
)  # fmt: skip


def start(folder: Path, options: Sequence[str]) -> subprocess.Popen:
    command = [sys.executable, "-m", "harness", "report=false", *RUN, *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, start_new_session=True, text=True, **quiet)


def run_folder(folder: Path) -> Path:
    (found,) = (folder / "results" / "runs").iterdir()
    return found


def shards(folder: Path) -> int:
    return len(list(folder.glob("results/runs/*/generations/*.parquet"))) + len(
        list(folder.glob("results/runs/*/scores/*.parquet"))
    )


def finish(folder: Path, options: Sequence[str]) -> Path:
    process = start(folder, options)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return run_folder(folder)


@pytest.mark.parametrize(
    ("kills", "options"),
    [
        pytest.param(2, SMALL, marks=pytest.mark.long),
        pytest.param(20, WHOLE, marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_a_run_killed_again_and_again_equals_an_unbroken_one(tmp_path, kills, options):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    expected = finish(whole, options)
    clock = random.Random(0)
    progressed = 0
    for kill in range(kills):
        before = shards(broken)
        process = start(broken, options)
        # Now while it loads, now in the middle of a batch, now just after something was stored.
        wanted = before + clock.choice((0, 1, 1))
        deadline = time.monotonic() + 120
        while shards(broken) < wanted and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if wanted == before:
            time.sleep(clock.uniform(0, 0.5))
        finished = process.poll() is not None
        if not finished:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not finished, f"the run ended after {kill} kills"
        progressed += shards(broken) > before
    assert progressed >= kills // 3
    resumed = finish(broken, options)
    assert resumed.name == expected.name
    for table in ("samples", "scores", "estimates"):
        one, other = (pq.read_table(f / f"{table}.parquet") for f in (expected, resumed))
        assert other.equals(one), f"{table}.parquet differs"
    assert (resumed / "estimates.csv").read_text() == (expected / "estimates.csv").read_text()
    stored = [
        key
        for shard in (resumed / "generations").glob("*.parquet")
        for key in zip(*pq.read_table(shard, columns=["sample_id", "index"]), strict=True)
    ]
    assert len(stored) == len(set(stored)) == 2 * int(options[0].removeprefix("limit="))
    assert json.loads((resumed / "run.json").read_text())["status"] == "complete"
