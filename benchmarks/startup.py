"""How long it takes until the command line answers: what needs no model, and a first token.

    python benchmarks/startup.py [--against CHECKOUT] [--rounds N] [--only WORD ...]

Whole processes, in seconds: the median and the range of the clock, and the median of the
processor's time, which a busy machine moves less. With `--against` an older checkout is asked in
turn with this one, and the last column is the ratio of processor's time, this one's over the
older's. Each checkout has a cache of bytecode of its own, filled by a first round that does not
count; the first token is that of a new run each time, its model loaded and its page written.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FINISHED = ["backend=echo", "scorer=[refusal]"]
FIRST_TOKEN = ["task=med_harm", "limit=1", "generation.max_new_tokens=1"]
CALLS = {
    "--help": ["--help"],
    "a wrong option": ["task=nope"],
    "a wrong value": ["generation.max_new_tokens=abc"],
    "a finished run": FINISHED,
    "a first token": FIRST_TOKEN,
}


class Spent(NamedTuple):
    """Seconds that one process took."""

    clock: float
    processor: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long until the command line answers")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="an older one, in turn")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--only", nargs="+", default=[""], help="calls whose name holds one of these"
    )
    args = parser.parse_args()
    checkouts = [ROOT, *([args.against.resolve()] if args.against else [])]
    with tempfile.TemporaryDirectory() as folder:
        for number, checkout in enumerate(checkouts):
            call(checkout, FINISHED, Path(folder, str(number)))
        for name in (name for name in CALLS if any(word in name for word in args.only)):
            rounds = [
                [call(at, CALLS[name], Path(folder, str(n))) for n, at in enumerate(checkouts)]
                for _ in range(args.rounds + 1)
            ][1:]
            columns = list(zip(*rounds, strict=True))
            cells = [described(spent) for spent in columns]
            if args.against:
                here, there = (statistics.median(s.processor for s in spent) for spent in columns)
                cells.append(f"ratio {here / there:.2f}")
            print(f"{name:16} {' | '.join(cells)}", flush=True)


def described(spent: tuple[Spent, ...]) -> str:
    """Median and range of the clock, and the processor's median."""
    clock = sorted(each.clock for each in spent)
    processor = statistics.median(each.processor for each in spent)
    return (
        f"{statistics.median(clock):.2f}  ({clock[0]:.2f} to {clock[-1]:.2f}), "
        f"processor {processor:.2f}"
    )


def call(checkout: Path, arguments: list[str], folder: Path) -> Spent:
    """What one process takes; the first token's run is begun anew."""
    folder.mkdir(exist_ok=True)
    new = [f"results=new-{time.monotonic_ns()}"] if arguments is FIRST_TOKEN else []
    env = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    started = time.monotonic()
    command = [sys.executable, "-m", "harness", *arguments, *new]
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, _, usage = os.wait4(process.pid, 0)
    return Spent(time.monotonic() - started, usage.ru_utime + usage.ru_stime)


if __name__ == "__main__":
    main()
