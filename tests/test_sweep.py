"""One command, many runs: each in a process of its own, and in a folder of its own."""

import json

import pytest

SWEEP = ("--multirun", "task=med_harm", "backend=echo", "scorer=[refusal]", "limit=5")


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_sweep_leaves_a_finished_run_for_each_of_its_values(harness, tmp_path, launcher):
    done = harness(*SWEEP, "seed=1,2", f"hydra/launcher={launcher}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run folder:") == 2
    runs = [json.loads(path.read_text()) for path in tmp_path.glob("results/runs/*/run.json")]
    assert sorted(run["identity"]["seed"] for run in runs) == [1, 2]
    assert {run["status"] for run in runs} == {"complete"}


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_sweep_fails_where_one_of_its_runs_does(harness, tmp_path, launcher):
    done = harness(*SWEEP, "task.framing=odd,plain", f"hydra/launcher={launcher}")
    assert done.returncode == 1
    assert "task.framing='odd' is not one of plain, question" in done.stderr
    assert done.stdout.count("run folder:") == 1
