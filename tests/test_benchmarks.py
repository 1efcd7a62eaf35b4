"""Benchmarks run; what they measure is for people to read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def benchmark(name, *args, cwd):
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / name), *args],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_the_engine_benchmark_ends_in_ratios(tmp_path):
    *printed, last = benchmark("engine.py", "--quick", "--only", "choices", cwd=tmp_path)
    names = ["choices, 80 % common", "choices, half common"]
    assert list(json.loads(last)["ratios"]) == names
    for name in names:
        (line,) = (line for line in printed if name in line)
        assert "5/5" in line  # the same choices as the peer's


@pytest.mark.slow
def test_the_pipeline_benchmark_prints_a_curve(tmp_path):
    *printed, measured = benchmark("pipeline.py", "--quick", cwd=tmp_path)
    rows = json.loads(measured)
    assert [(row["scorer"], row["requests"]) for row in rows] == [
        ("words", 1_000), ("words", 10_000), ("refusal", 1_000), ("refusal", 10_000),
    ]  # fmt: skip
    assert [line.split()[:2] for line in printed[1:]] == [
        [row["scorer"], f"{row['requests']:,}"] for row in rows
    ]
    assert all(row["requests_per_second"] > 0 and row["peak_mb"] > 0 for row in rows)
