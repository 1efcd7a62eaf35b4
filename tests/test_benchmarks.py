"""Benchmarks run; what they measure is for people to read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_the_pipeline_benchmark_prints_a_curve(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "pipeline.py"), "--quick"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    *printed, measured = done.stdout.splitlines()
    rows = json.loads(measured)
    assert [(row["scorer"], row["requests"]) for row in rows] == [
        ("words", 1_000), ("words", 10_000), ("refusal", 1_000), ("refusal", 10_000),
    ]  # fmt: skip
    assert [line.split()[:2] for line in printed[1:]] == [
        [row["scorer"], f"{row['requests']:,}"] for row in rows
    ]
    assert all(row["requests_per_second"] > 0 and row["peak_mb"] > 0 for row in rows)
