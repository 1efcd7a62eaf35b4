"""What the leaderboard costs: 1,000 generated runs with 10 million score rows.

    python benchmarks/leaderboard.py [--runs 1000] [--scores 10000] [--folder FOLDER]

Five tasks under two protocols, each with a hundredth of the runs' number of models in two seeds.
Scores are drawn at random, one in a hundred is missing, and each run's tables are made and stored
by the code that makes a real run's. Then `python -m harness.leaderboard` runs in a process of its
own: seconds and peak of memory are of all of it, with its page, tables and figures.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TASKS, PROTOCOLS, SEEDS, CATEGORIES = 5, ("fast", "paper"), 2, 10


def main() -> None:
    """Generate the runs, time the command, print."""
    parser = argparse.ArgumentParser(description="What the leaderboard costs")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--scores", type=int, default=10_000, help="rows of each run")
    parser.add_argument("--folder", type=Path, help="keep the runs here")
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT))  # a checkout that is not installed will do
    with tempfile.TemporaryDirectory() as temporary:
        results = args.folder or Path(temporary)
        models = max(1, args.runs // (TASKS * len(PROTOCOLS) * SEEDS))
        runs = product(range(TASKS), PROTOCOLS, range(models), range(SEEDS))
        count = sum(1 for run in runs if write_run(results, args.scores // 2, *run))
        before = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "harness.leaderboard", f"results={results}"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - before
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        written = results / "leaderboard"
        size = {
            path.name: round(path.stat().st_size / 1e6, 2)
            for path in written.iterdir()
            if path.is_file()
        }
    print(f"{count:,} runs, {count * (args.scores // 2) * 2:,} score rows")
    print(f"{seconds:.1f} s, peak {peak:.0f} MB; MB of files: {size}")
    print(json.dumps({"runs": count, "seconds": round(seconds, 2), "peak_mb": round(peak)}))


def write_run(results: Path, samples: int, task: int, protocol: str, model: int, seed: int) -> Path:
    """One generated run with its tables; gives its folder."""
    from harness.statistics import VERSION, Mean, Share
    from harness.store import Facts, Field, RunStore, Source, estimates_table
    from harness.types import Direction, Estimand, Metric, fingerprint

    identity: dict[str, Any] = {
        "task": f"task-{task}", "task_version": "1", "options": {}, "data": "starter",
        "data_sha256": fingerprint({"data": task}), "samples_sha256": fingerprint({"of": task}),
        "protocol": protocol, "model": {"weights": f"{model}"},
        "generation": {"max_new_tokens": 64, "temperature": 1.0}, "mitigation": None, "seed": seed,
    }  # fmt: skip
    name = f"task-{task}-model-{model}-{fingerprint(identity)}"
    drawn = np.random.default_rng([task, model, seed, protocol == "paper"])
    facts = Facts(
        np.arange(samples, dtype=np.uint64),
        {"category": Field(np.arange(samples, dtype=np.int32) % CATEGORIES, range(CATEGORIES))},
    )
    metric = Metric(0.0, 1.0, Direction.LOWER)
    values = {}
    for other, kind in enumerate(("harm", "toxicity")):
        values[kind] = drawn.beta(1 + model / 20 + other, 5, (samples, 1))
        values[kind][drawn.random((samples, 1)) < 0.01] = np.nan
    estimands = [
        Estimand(f"{kind} {word}", kind, statistic, by=by)
        for by in (None, "category")
        for kind in values
        for word, statistic in (("mean", Mean()), ("share", Share(0.5)))
    ]
    sources = {
        kind: Source("judge", "judge-00000000", "agreement with people: not measured", metric)
        for kind in values
    }
    keys = {"run": name, "task": identity["task"], "model": f"model-{model}"}
    store = RunStore(results / "runs" / name)
    store.folder.mkdir(parents=True)
    store.write_table("estimates", estimates_table(keys, estimands, facts, values, sources))
    store.write_table("scores", _scores(keys, values))
    store.write_info(
        {
            "status": "complete", "identity": identity, "model": f"model-{model}",
            "mitigation": "none", "samples": samples, "generations": samples, "limit": None,
            "generations_cut": 0, "groups": "00000000", "statistics": VERSION,
        }
    )  # fmt: skip
    return store.folder


def _scores(keys: dict[str, str], values: dict[str, Any]) -> Any:
    import pyarrow as pa

    from harness.store import SCORE_COLUMNS, scores_table

    parts = []
    for metric, of_metric in values.items():
        flat = of_metric.ravel()
        n = len(flat)
        columns = {
            "sample_id": [*map(str, range(n))], "index": [0] * n, "scorer": ["judge"] * n,
            "scorer_id": ["judge-00000000"] * n, "metric": [metric] * n,
            "value": pa.array(flat, from_pandas=True),
        }  # fmt: skip
        columns |= dict.fromkeys(SCORE_COLUMNS.keys() - columns.keys(), [None] * n)
        parts.append(pa.table({k: pa.array(columns[k], t) for k, t in SCORE_COLUMNS.items()}))
    return scores_table(keys, pa.concat_tables(parts))


if __name__ == "__main__":
    main()
