"""Our gate beside NVIDIA's NeMo Evaluator's, on the same planted data: verdicts against the truth.

    python -m venv nemo && nemo/bin/pip install nemo-evaluator==0.3.0 scipy     (Python 3.12)
    python benchmarks/gate_twin.py --nemo nemo/bin/python [--draws 40]

Twelve kinds of paired scores from 0 (worst) to 1, a margin of .1, drawn 40 times each. Both gates
read whole runs from disk in their own formats. For the twin a row of results.jsonl has the reward
and, as `category`, what its interval is clustered by: the cluster, or where there are groups the
group; an answer that could not be had is left out, and one that could not be parsed has no reward.
For us both are missing scores. `wrong` are verdicts that the truth does not allow.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a checkout that is not installed will do

from harness.regression.gate import compare  # noqa: E402
from harness.statistics import VERSION, Mean, Share, as_record  # noqa: E402
from harness.store import ESTIMATE_COLUMNS, FinishedRun, RunStore, samples_table  # noqa: E402
from harness.types import Estimand, Sample  # noqa: E402

Floats = NDArray[np.float64]
Random = np.random.Generator
MARGIN = 0.1
WORDS = {"GO": "pass", "NO-GO": "regression", "INCONCLUSIVE": "inconclusive"}
TWIN = """
import json, sys
from pathlib import Path
from nemo_evaluator.config import load_gate_policy
from nemo_evaluator.engine import gate_runs
root = Path(sys.argv[1])
policy = load_gate_policy(root / "policy.yaml")
verdicts = {str(f): gate_runs(f / "before", f / "after", policy).verdict for f in root.glob("*/*")}
print(json.dumps(verdicts))
"""
POLICY = f"""version: 1
defaults: {{metric: mean_reward, max_drop: {MARGIN}, tier: critical}}
benchmarks: {{planted: {{}}}}
"""


@dataclass(frozen=True)
class Planted:
    """Scores of both sides, NaN being missing, and what they come in."""

    before: Floats
    after: Floats
    clusters: NDArray[np.int64] | None = None
    groups: NDArray[np.int64] | None = None
    parsed: bool = True
    """False: what is missing is an answer that could not be parsed."""


def yes_or_no(random: Random, n: int, drop: float) -> tuple[Floats, Floats]:
    """Nine in ten right, and 5 % that change either way beside the drop."""
    before = (random.random(n) < 0.9).astype(float)
    noise = random.random(n)
    worse = noise < (drop + 0.045) / 0.9
    return before, np.where(before == 1, ~worse, random.random(n) < 0.45).astype(float)


def same(random: Random) -> Planted:
    """No difference."""
    return Planted(*yes_or_no(random, 400, 0.0))


def much_worse(random: Random) -> Planted:
    """A drop of three margins."""
    return Planted(*yes_or_no(random, 300, 0.3))


def at_margin(random: Random) -> Planted:
    """A drop of just the margin, which must not pass."""
    return Planted(*yes_or_no(random, 300, MARGIN))


def within_margin(random: Random) -> Planted:
    """A small drop, and pairs enough to show that it is small."""
    return Planted(*yes_or_no(random, 2000, 0.03))


def ties(random: Random) -> Planted:
    """Nearly all alike."""
    before = np.ones(300)
    return Planted(before, np.where(random.permutation(300) < 3, 0.0, before))


def clusters_that_flip(random: Random) -> Planted:
    """Whole clusters change, as many for the better."""
    clusters = np.arange(300) // 20
    change = random.choice([-0.3, 0.3], 15)[clusters]
    before = random.uniform(0.3, 0.7, 300)
    return Planted(before, np.clip(before + change, 0, 1), clusters)


def clusters_worse(random: Random) -> Planted:
    """Whole clusters get worse."""
    clusters = np.arange(300) // 10
    before = random.uniform(0.5, 1.0, 300)
    drop = random.normal(0.3, 0.1, 30)[clusters]
    return Planted(before, np.clip(before - drop, 0, 1), clusters)


def missing_where_harmful(random: Random) -> Planted:
    """What is worst about the candidate could not be had."""
    before = random.uniform(0.7, 1.0, 300)
    bad = random.random(300) < 0.2
    return Planted(before, np.where(bad, np.nan, before + random.normal(0, 0.05, 300)))


def parse_failures(random: Random) -> Planted:
    """Both say the same, and a fifth of the candidate's cannot be read."""
    before, after = yes_or_no(random, 400, 0.0)
    return Planted(before, np.where(random.random(400) < 0.2, np.nan, after), parsed=False)


def few_pairs(random: Random) -> Planted:
    """Twelve pairs, which can show nothing about one in ten."""
    alike = random.uniform(0.5, 1.0, 12)
    return Planted(alike, alike)


def tail(random: Random) -> Planted:
    """A few answers go from best to worst; the mean hardly moves."""
    before = np.ones(300)
    return Planted(before, np.where(random.permutation(300) < 9, 0.0, before - 1e-3))


def group_gone(random: Random) -> Planted:
    """All answers to one of nine groups go to the worst."""
    groups = np.arange(216) // 24
    before = np.where(random.random(216) < 0.1, random.choice([0, 0.25, 0.5, 0.75], 216), 1.0)
    return Planted(before, np.where(groups == random.integers(9), 0.0, before), groups=groups)


UNSURE = {"regression", "inconclusive"}
"""Where a pass alone is wrong."""
KINDS: Mapping[str, tuple[Callable[[Random], Planted], str, set[str]]] = {
    "no difference, 400 yes or no": (same, "as good", {"pass", "inconclusive"}),
    "worse by three margins": (much_worse, "worse", {"regression"}),
    "worse by the margin": (at_margin, "at the margin", UNSURE),
    "worse by .03, 2,000 pairs": (within_margin, "within", {"pass", "inconclusive"}),
    "ties: 3 of 300 change": (ties, "within", {"pass", "inconclusive"}),
    "15 clusters flip either way": (clusters_that_flip, "as good", {"pass", "inconclusive"}),
    "30 clusters, worse by .3": (clusters_worse, "worse", {"regression"}),
    "a fifth missing, all harmful": (
        missing_where_harmful,
        "worse",
        {"regression", "inconclusive"},
    ),
    "a fifth not parsed, no difference": (parse_failures, "as good", {"pass", "inconclusive"}),
    "12 pairs, all alike": (few_pairs, "unknown", {"inconclusive"}),
    "tail: 9 of 300 from best to worst": (tail, "worse", {"regression"}),
    "one of nine groups gone bad": (group_gone, "worse", {"regression"}),
}
"""Of each kind what is planted, the truth, and the verdicts that it allows."""


def main() -> None:
    """Plant, ask both gates, and print."""
    parser = argparse.ArgumentParser(description="Our gate beside NeMo Evaluator's")
    parser.add_argument("--nemo", type=Path, help="the Python that has nemo-evaluator")
    parser.add_argument("--draws", type=int, default=40)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        ours = {name: planted(Path(scratch), name, args.draws) for name in KINDS}
        theirs = twin(args.nemo, Path(scratch)) if args.nemo else {}
    print("| planted | truth | our verdicts | wrong | NeMo Evaluator's | wrong |")
    print("|---|---|---|--:|---|--:|")
    for name, (_, truth, right) in KINDS.items():
        cells = [cell for side in (ours, theirs) for cell in cells_of(side.get(name), right)]
        print(f"| {name} | {truth} | {' | '.join(cells)} |")


def cells_of(verdicts: Counter[str] | None, right: set[str]) -> list[str]:
    """Verdicts with their counts, and how many are wrong."""
    if verdicts is None:
        return ["not run", ""]
    words = ", ".join(f"{count} {word}" for word, count in verdicts.most_common())
    return [words, str(sum(count for word, count in verdicts.items() if word not in right))]


def planted(root: Path, name: str, draws: int) -> Counter[str]:
    """Write one kind's sets for both gates, and ask ours."""
    random, verdicts = np.random.default_rng(len(name)), Counter[str]()
    for number in range(draws):
        data = KINDS[name][0](random)
        folder = root / str(list(KINDS).index(name)) / f"{number:03d}"
        runs = []
        for side, values in (("before", data.before), ("after", data.after)):
            write_theirs(folder / side, data, values)
            runs.append(FinishedRun.read(write_ours(folder / f"{side}-ours", data, values)))
        margins = {"t": {"score": MARGIN}}
        verdicts[compare(runs[:1], runs[1:], margins, {}).verdict.name.lower()] += 1
    return verdicts


def twin(python: Path, root: Path) -> dict[str, Counter[str]]:
    """The twin's verdicts on what was written."""
    (root / "policy.yaml").write_text(POLICY, encoding="utf-8")
    done = subprocess.run([python, "-c", TWIN, root], check=True, stdout=subprocess.PIPE, text=True)
    verdicts: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    for folder, verdict in json.loads(done.stdout.splitlines()[-1]).items():
        verdicts[list(KINDS)[int(Path(folder).parent.name)]][WORDS[verdict]] += 1
    return verdicts


def write_theirs(folder: Path, data: Planted, values: Floats) -> None:
    """One side as NeMo Evaluator keeps it."""
    folder.mkdir(parents=True)
    score = {"value": float(np.nanmean(values))}
    benchmark = {"name": "planted", "scores": {"mean_reward": score}}
    bundle = {"run_id": folder.name, "benchmark": benchmark}
    (folder / "eval-planted.json").write_text(json.dumps(bundle), encoding="utf-8")
    labels = data.groups if data.groups is not None else data.clusters
    lines = []
    for number, value in enumerate(values):
        row: dict[str, object] = {"problem_idx": number, "repeat": 0}
        if labels is not None:
            row["metadata"] = {"category": str(labels[number])}
        if not np.isnan(value):
            row["reward"] = float(value)
        elif data.parsed:
            continue
        lines.append(json.dumps(row))
    (folder / "results.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_ours(folder: Path, data: Planted, values: Floats) -> Path:
    """One side as we keep it."""
    is_rate = bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())
    statistic = Share(1.0) if is_rate and data.before.std() else Mean()
    grouped = data.groups is not None
    strata = ("group",) if grouped else ()
    estimands = [
        Estimand("score", "score", statistic, by=by, cluster="cluster", strata=strata)
        for by in (None, "group")[: 1 + grouped]
    ]
    count = range(len(values))
    group = data.groups if data.groups is not None else np.zeros(len(values), np.int64)
    samples = [
        Sample(
            f"{n:05d}", "", cluster=str(n if data.clusters is None else data.clusters[n]),
            metadata={"group": str(group[n])},
        )
        for n in count
    ]  # fmt: skip
    store = RunStore(folder)
    store.folder.mkdir(parents=True)
    store.write_table("samples", samples_table(samples))
    scores = {
        "sample_id": [sample.id for sample in samples],
        "index": pa.array([0] * len(values), pa.int32()),
        "metric": ["score"] * len(values),
        "value": pa.array(values, from_pandas=True),
    }
    store.write_table("scores", pa.table(scores))
    row = dict.fromkeys(ESTIMATE_COLUMNS) | {"metric": "score", "scorer_id": "s", "validity": "v"}
    store.write_table("estimates", pa.Table.from_pylist([row]))
    identity = {
        "task": "t", "task_version": "1", "data": "planted", "data_sha256": "0" * 64,
        "samples_sha256": "0" * 64, "protocol": "p", "generation": {}, "options": {},
        "mitigation": None, "model": {"weights": folder.name}, "seed": 0,
    }  # fmt: skip
    store.write_info({
        "status": "complete", "identity": identity, "model": "m", "mitigation": "none",
        "samples": len(values), "generations": len(values), "generations_cut": 0, "groups": "g",
        "statistics": VERSION, "validity": {}, "scorers": {},
        "estimands": [as_record(estimand) for estimand in estimands],
        "metrics": {"score": {"low": 0.0, "high": 1.0, "better": "higher"}},
    })  # fmt: skip
    return folder


if __name__ == "__main__":
    main()
