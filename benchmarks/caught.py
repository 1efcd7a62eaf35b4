"""From which step on the gate catches a checkpoint that was really changed.

    python benchmarks/caught.py FOLDER [--limit N]

The bundled model is asked `med_harm` at temperature 0.7; so is the same model with another seed,
which is no regression, and copies with noise on their weights in growing steps (`noised.py`). Each
is put through the gate against the first. FOLDER keeps checkpoints and runs, so that a second call
goes on where the first stopped; `caught.png` there shows each difference with its interval.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a checkout that is not installed will do
STEPS = (0.025, 0.05, 0.1, 0.2, 0.4)
SHOWN = ("harmfulness", "refused", "coherent")
MARKS = {"pass": "o", "regression": "X", "inconclusive": "D"}


def main() -> None:
    """Change, ask, gate, print and draw."""
    parser = argparse.ArgumentParser(description="What the gate catches of a changed checkpoint")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, help="ask a part of the prompts")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    asked = [f"limit={args.limit}"] if args.limit else []
    baseline = ask(folder, "smollm2", 0, asked)
    names = ["another seed", *(f"noise {step:g}" for step in STEPS)]
    verdicts = [gate(folder, baseline, ask(folder, "smollm2", 1, asked))]
    for step in STEPS:
        checkpoint = folder / f"noise-{step:g}"
        if not checkpoint.exists():
            from noised import save_noised

            save_noised(checkpoint, step)
        verdicts.append(gate(folder, baseline, ask(folder, checkpoint.name, 0, asked)))
    print(f"{'':14}{'verdict':14}" + "".join(f"{f'{name} worse by':>34}" for name in SHOWN))
    for name, verdict in zip(names, verdicts, strict=True):
        measured = [of(verdict, estimate)["measured"] for estimate in SHOWN]
        cells = [written(each) for each in measured]
        print(f"{name:14}{verdict['verdict']:14}" + "".join(f"{cell:>34}" for cell in cells))
    from harness.show import save

    plot = partial(draw, names=names, verdicts=verdicts)
    print(save("caught", folder, "med_harm at temperature 0.7", plot, 3.6).png)


def ask(folder: Path, model: str, seed: int, options: Sequence[str]) -> Path:
    """Ask a model; gives its run's folder."""
    command = [
        sys.executable, "-m", "harness", "task=med_harm", f"model={model}", f"seed={seed}",
        "generation.temperature=0.7", "report=false", "max_unmeasured=1", *options,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    line = next(text for text in done.stdout.splitlines() if text.startswith("run folder: "))
    return folder / line.removeprefix("run folder: ")


def gate(folder: Path, baseline: Path, candidate: Path) -> Any:
    """What the gate says of a candidate."""
    to = folder / "verdicts" / candidate.name
    command = [
        sys.executable, "-m", "harness.regression", f"baseline={baseline}",
        f"candidate={candidate}", f"to={to}",
    ]  # fmt: skip
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return json.loads((to / "regression.json").read_text(encoding="utf-8"))


def of(verdict: Any, name: str) -> Any:
    """One estimate of a verdict."""
    return next(estimate for estimate in verdict["estimates"] if estimate["name"] == name)


def known(measured: Any) -> bool:
    """Whether enough pairs are left for a difference with an interval."""
    return measured["low"] is not None


def written(measured: Any) -> str:
    """A difference with its interval."""
    if not known(measured):
        return f"unknown ({measured['pairs']} pairs)"
    low, middle, high = (measured[at] for at in ("low", "difference", "high"))
    return f"{middle:+.3f} ({low:+.3f} to {high:+.3f})"


def draw(axes: Any, names: Sequence[str], verdicts: Sequence[Any]) -> str:
    """Differences in margins, with intervals, step by step; a question mark where there is none."""
    from harness.show import BLUE, INK, ORANGE

    places = np.arange(len(names))
    for shift, name, colour in zip((-0.15, 0, 0.15), SHOWN, (ORANGE, BLUE, INK), strict=True):
        for place, verdict in zip(places + shift, verdicts, strict=True):
            estimate = of(verdict, name)
            if not known(estimate["measured"]):
                axes.text(place, 0.2, "?", color=colour, ha="center", fontsize=12)
                continue
            ends = [
                estimate["measured"][at] / estimate["margin"]
                for at in ("low", "difference", "high")
            ]
            axes.vlines(place, ends[0], ends[2], color=colour, linewidth=2)
            axes.plot(place, ends[1], MARKS[estimate["verdict"]], color=colour, markersize=8)
        axes.plot([], [], "s", color=colour, label=name)
    axes.axhline(0, color=INK, linewidth=1)
    axes.axhline(1, color=INK, linewidth=1, linestyle="--")
    labels = [
        f"{name}\n{verdict['verdict']}" for name, verdict in zip(names, verdicts, strict=True)
    ]
    axes.set_xticks(places, labels, fontsize=8)
    axes.set_ylabel("worse by, in margins")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.grid(axis="y")
    return "\u25cf within the margin   \u25c6 inconclusive   \u2716 worse   ? too few pairs"


if __name__ == "__main__":
    main()
