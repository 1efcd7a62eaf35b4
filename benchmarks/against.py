"""What this checkout costs beside another one: the same work in turn, and the ratio of the seconds.

    git worktree add ../before COMMIT
    python benchmarks/against.py ../before [--rounds 5] [--limit 72]

The work: `med_harm` on the bundled model with the scorers that it has by default, as whole
processes, and 100,000 requests to a model that answers at once (`benchmarks/pipeline.py`) with a
scorer of words and with `refusal`. Each round runs both checkouts, the first of them by turns; a
ratio is this checkout's seconds over the other's, the median over the rounds, with its range.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUESTS = 100_000


def main() -> None:
    """Measure each piece of work and print its ratio."""
    parser = argparse.ArgumentParser(description="What this checkout costs beside another one")
    parser.add_argument("other", type=Path, help="the folder of the other checkout")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=72, help="samples of med_harm")
    args = parser.parse_args()
    sides = (ROOT, args.other.resolve())
    for name, work in (
        (f"med_harm, {args.limit} samples", lambda side: med_harm(side, args.limit)),
        (f"{REQUESTS:,} instant requests, words", lambda side: pipeline(side, "words")),
        (f"{REQUESTS:,} instant requests, refusal", lambda side: pipeline(side, "refusal")),
    ):
        ratios = []
        for number in range(args.rounds):
            order = sides if number % 2 else sides[::-1]
            seconds = {side: work(side) for side in order}
            ratios.append(seconds[sides[0]] / seconds[sides[1]])
        middle = statistics.median(ratios)
        print(f"{name:36} {middle:.3f}  ({min(ratios):.3f} to {max(ratios):.3f})", flush=True)


def med_harm(side: Path, limit: int) -> float:
    """Seconds of the whole command in a new folder."""
    command = [sys.executable, "-m", "harness", "task=med_harm", f"limit={limit}"]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run(
            command, cwd=folder, env=environment(side), check=True, stdout=subprocess.DEVNULL
        )
        return time.perf_counter() - started


def pipeline(side: Path, way: str) -> float:
    """Seconds of the instant requests, as the checkout's own benchmark measures them."""
    command = [sys.executable, side / "benchmarks/pipeline.py", "--one", way, str(REQUESTS)]
    done = subprocess.run(
        command, env=environment(side), check=True, stdout=subprocess.PIPE, text=True
    )
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def environment(side: Path) -> dict[str, str]:
    """The environment in which a checkout's own packages are imported."""
    return os.environ | {"PYTHONPATH": str(side)}


if __name__ == "__main__":
    main()
