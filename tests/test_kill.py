"""A run that is killed again and again ends in the same tables as one that is not."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

RUN = (
    "task=med_harm", "generation.n=2", "generation.temperature=0.8",
    "generation.top_p=0.95", "backend.token_budget=160", "scorer=[refusal,harmfulness]",
)  # fmt: skip
SMALL = (
    "limit=10", "generation.max_new_tokens=8", "max_unmeasured=1",
    "backend@scorers.harmfulness.judge_backend=echo",
    "scorers.harmfulness.judge_backend.answer='#score: 2'",
)  # fmt: skip
WHOLE = (
    "limit=16", "generation.max_new_tokens=16",
    "scorers.harmfulness.judge_backend.token_budget=8192",
)  # fmt: skip


@contextmanager
def started(forks: Any, folder: Path, options: Sequence[str]) -> Iterator[Callable[[], bool]]:
    """A run at work, killed in the end unless it has ended; gives whether it has."""
    streams = folder.with_suffix(".out"), folder.with_suffix(".err")
    args = ["report=false", *RUN, *options]
    process = forks.begin("harness", args, folder, os.environ, *streams)
    try:
        yield forks.ended
    finally:
        if not forks.ended():
            os.kill(process, signal.SIGKILL)
        forks.code()


def run_folder(folder: Path) -> Path:
    (found,) = (folder / "results" / "runs").iterdir()
    return found


def shards(folder: Path) -> int:
    return len(list(folder.glob("results/runs/*/generations/*.parquet"))) + len(
        list(folder.glob("results/runs/*/scores/*.parquet"))
    )


def finish(forks: Any, folder: Path, options: Sequence[str]) -> Path:
    done = forks.run("harness", ["report=false", *RUN, *options], folder, os.environ)
    assert done.returncode == 0, done.stderr
    return run_folder(folder)


@pytest.mark.parametrize(
    ("kills", "options"),
    [
        (2, SMALL),  # of random weights
        pytest.param(20, WHOLE, marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_a_run_killed_again_and_again_equals_an_unbroken_one(
    forks, tmp_path, random_weights, kills, options
):
    if options == SMALL:
        options = (*SMALL, f"model={random_weights()}")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    expected = finish(forks, whole, options)
    clock = random.Random(0)
    progressed = 0
    for kill in range(kills):
        before = shards(broken)
        # Now while it loads, now in the middle of a batch, now just after something was stored.
        wanted = before + clock.choice((0, 1, 1))
        deadline = time.monotonic() + 120
        with started(forks, broken, options) as ended:
            while shards(broken) < wanted and not ended() and time.monotonic() < deadline:
                time.sleep(0.02)
            if wanted == before:
                time.sleep(clock.uniform(0, 0.5))
            finished = ended()
        assert not finished, f"the run ended after {kill} kills"
        progressed += shards(broken) > before
    assert progressed >= kills // 3
    resumed = finish(forks, broken, options)
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
