"""How fast the gate is on large runs, and how much faster than scipy's bootstrap of the same means.

    python benchmarks/gate_speed.py [--samples 100000] [--estimates 6] [--groups 40] [--few 20]

Two made-up runs are written, of many samples with ratings from 0 to 1 in clusters of four, six
gated means and 40 groups of each; the gate then reads and compares them in a process of its own,
whose seconds and peak memory are told. In the same call `scipy.stats.bootstrap` makes the intervals
of the same means over the same clusters with the same number of resamples (method "basic"; the gate
reads a studentized one). It takes hours for all, so it is timed on a few resamples, to which its
time is in proportion, and scaled up.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a checkout that is not installed will do

from harness.regression.gate import compare  # noqa: E402
from harness.statistics import PAIRED_RESAMPLES, VERSION, Mean, as_record  # noqa: E402
from harness.store import ESTIMATE_COLUMNS, FinishedRun, RunStore, samples_table  # noqa: E402
from harness.types import Estimand, Sample  # noqa: E402

CLUSTER, MARGIN = 4, 0.05


def main() -> None:
    """Write two runs, time the gate and scipy, and print."""
    parser = argparse.ArgumentParser(description="How fast the gate is")
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--estimates", type=int, default=6)
    parser.add_argument("--groups", type=int, default=40)
    parser.add_argument("--few", type=int, default=20, help="resamples that scipy is timed on")
    parser.add_argument("--gate", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.gate:
        print(json.dumps(gated(args.gate, args.estimates)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        values = sides(args.samples, args.estimates)
        folders = [
            write(Path(scratch), name, of_side, args.groups)
            for name, of_side in zip("ab", values, strict=True)
        ]
        command = [sys.executable, __file__, "--gate", *map(str, folders)]
        command += ["--estimates", str(args.estimates)]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    ours = json.loads(done.stdout.splitlines()[-1])
    theirs = of_scipy(values, args.groups, args.few)
    print(f"the gate: {ours['seconds']:.1f} s, {ours['mebibytes']:.0f} MiB at the most, "
          f"verdict {ours['verdict']}, {ours['parts']} groups")  # fmt: skip
    print(f"scipy.stats.bootstrap of the same: {theirs:,.0f} s, {theirs / ours['seconds']:,.0f} "
          f"times as long (from {args.few} of {PAIRED_RESAMPLES:,} resamples)")  # fmt: skip


def sides(samples: int, estimates: int) -> list[NDArray[np.float64]]:
    """Ratings of both sides, shape (estimates, samples), alike but for noise."""
    random = np.random.default_rng(0)
    of_cluster = np.repeat(random.normal(0, 0.05, (estimates, -(-samples // CLUSTER))), CLUSTER, 1)
    before = random.beta(2, 6, (estimates, samples))
    after = before + of_cluster[:, :samples] + random.normal(0, 0.1, (estimates, samples))
    return [before, np.clip(after, 0, 1)]


def write(folder: Path, name: str, values: NDArray[np.float64], groups: int) -> Path:
    """A finished run of these ratings."""
    names = [f"m{number}" for number in range(len(values))]
    estimands = [
        Estimand(name, name, Mean(), by=by, margin=None if by else MARGIN)
        for name in names
        for by in (None, "group")
    ]
    store = RunStore(folder / name)
    store.folder.mkdir()
    samples = [
        Sample(
            f"sample-{number:08d}", "", cluster=f"cluster-{number // CLUSTER:08d}",
            metadata={"group": f"group {number // CLUSTER % groups:02d}"},
        )
        for number in range(values.shape[1])
    ]  # fmt: skip
    store.write_table("samples", samples_table(samples))
    ids = [sample.id for sample in samples]
    scores = {
        "sample_id": ids * len(names),
        "index": pa.array(np.zeros(values.size, np.int32)),
        "metric": np.repeat(names, len(ids)),
        "value": values.ravel(),
    }
    store.write_table("scores", pa.table(scores))
    rows = [dict.fromkeys(ESTIMATE_COLUMNS) | {"metric": name, "scorer_id": "s", "validity": "v"}
            for name in names]  # fmt: skip
    store.write_table("estimates", pa.Table.from_pylist(rows))
    store.write_info(info(name, estimands, len(ids)))
    return store.folder


def info(name: str, estimands: list[Estimand], samples: int) -> dict[str, object]:
    """What `run.json` says."""
    identity = {
        "task": "t", "task_version": "1", "data": "made up", "data_sha256": "0" * 64,
        "samples_sha256": "0" * 64, "protocol": "p", "generation": {}, "options": {},
        "mitigation": None, "model": {"weights": name}, "seed": 0,
    }  # fmt: skip
    return {
        "status": "complete", "identity": identity, "model": name, "mitigation": "none",
        "samples": samples, "generations": samples, "generations_cut": 0, "groups": "g",
        "statistics": VERSION, "validity": {}, "scorers": {},
        "estimands": [as_record(estimand) for estimand in estimands],
        "metrics": {e.metric: {"low": 0.0, "high": 1.0, "better": "lower"} for e in estimands},
    }  # fmt: skip


def gated(folders: Sequence[Path], estimates: int) -> dict[str, object]:
    """The gate's verdict on two runs, with its seconds and its peak of memory."""
    started = time.perf_counter()
    margins = {"t": {f"m{number}": MARGIN for number in range(estimates)}}
    runs = [FinishedRun.read(folder) for folder in folders]
    comparison = compare(runs[:1], runs[1:], margins, {})
    return {
        "seconds": time.perf_counter() - started,
        "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "verdict": comparison.verdict.name.lower(),
        "parts": len(comparison.parts),
    }


def of_scipy(values: list[NDArray[np.float64]], groups: int, few: int) -> float:
    """Seconds that scipy's bootstrap takes for the means and their groups."""
    from scipy.stats import bootstrap

    samples = values[0].shape[1]
    clusters = np.arange(samples) // CLUSTER
    sizes = np.bincount(clusters).astype(float)
    of_group = np.arange(len(sizes)) % groups

    def ratio(total: NDArray[np.float64], size: NDArray[np.float64], axis: int = -1) -> object:
        return total.sum(axis=axis) / size.sum(axis=axis)

    started = time.perf_counter()
    for before, after in zip(*values, strict=True):
        sums = np.bincount(clusters, after - before)
        for rows in (slice(None), *(of_group == group for group in range(groups))):
            bootstrap(
                (sums[rows], sizes[rows]), ratio, paired=True, n_resamples=few, batch=few,
                method="basic", rng=np.random.default_rng(0),
            )  # fmt: skip
    return (time.perf_counter() - started) * PAIRED_RESAMPLES / few


if __name__ == "__main__":
    main()
