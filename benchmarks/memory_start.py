"""How long `harness.run` takes to the first token of a model that is in memory already.

    python benchmarks/memory_start.py [--rounds N] [--limit N] [--threads N] [--model FOLDER]
        [--profile FILE]

CPU seconds, all threads of the process, and seconds of the clock, from the call to when the prompts
go into the model and to when the first token is chosen: of the first call in a process (what it
imports is part of it), of the next ones (medians), and of ones whose weights have changed since, as
in training, so that the attention is tried anew. The forward of the first prompts, of which
`--limit` says how many there are, is the model's own work. Each round is a process of its own, and
each call a run of its own. `--profile` keeps cProfile's record of a warm call.
"""

from __future__ import annotations

import argparse
import cProfile
import importlib
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CALLS = 5
"""Warm calls in a process."""
KINDS = ("first call", "next calls", "other weights")
Spent = dict[str, tuple[float, float]]
"""By moment CPU seconds and seconds of the clock since the call."""
MOMENTS = ("before the prompts", "first token")


class FirstTokenError(Exception):
    """Ends a call where it has what is measured."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU seconds to the first token")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=8, help="prompts")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", help="a folder; the bundled model otherwise")
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one_process(args)))
        return
    names = [name for name in ("limit", "threads", "model", "profile") if getattr(args, name)]
    options = [word for name in names for word in (f"--{name}", str(getattr(args, name)))]
    command = [sys.executable, __file__, "--one", *options]
    rounds = [
        json.loads(subprocess.run(command, check=True, capture_output=True).stdout.splitlines()[-1])
        for _ in range(args.rounds)
    ]
    print(f"{'':14} {'':18} {'CPU seconds':22}  seconds")
    for kind, moment in itertools.product(KINDS, MOMENTS):
        spent = [taken[moment] for of_round in rounds for taken in of_round[kind]]
        columns = [
            f"{statistics.median(of_one):.2f}  ({min(of_one):.2f} to {max(of_one):.2f})"
            for of_one in zip(*spent, strict=True)
        ]
        print(f"{kind:14} {moment:18} {columns[0]:22}  {columns[1]}")


def one_process(args: argparse.Namespace) -> dict[str, list[Spent]]:
    """What the calls of this process took, by kind."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from harness.models.bundled import bundled_folder

    torch.set_num_threads(args.threads)
    where = args.model or bundled_folder("smollm2")
    model = AutoModelForCausalLM.from_pretrained(where)
    tokenizer = AutoTokenizer.from_pretrained(where)
    spent: dict[str, list[Spent]] = {kind: [] for kind in KINDS}

    def call(place: Path) -> Spent:
        return to_first_token(model, tokenizer, place, args.limit)

    with tempfile.TemporaryDirectory() as results:
        spent["first call"].append(call(Path(results, "first")))
        for number in range(CALLS):
            place = Path(results, str(number))
            if args.profile and number == CALLS - 1:
                with cProfile.Profile() as watched:
                    call(place)
                watched.dump_stats(args.profile)
                continue
            spent["next calls"].append(call(place))
        for number in range(CALLS):
            with torch.no_grad():
                next(model.parameters()).add_(1e-6 * random.random())
            spent["other weights"].append(call(Path(results, f"changed-{number}")))
    return spent


def to_first_token(model: Any, tokenizer: Any, results: Path, limit: int) -> Spent:
    """What it takes from the call to the prompts' forward and to the first token."""
    import harness

    started = time.process_time(), time.perf_counter()
    taken: Spent = {}

    def now() -> tuple[float, float]:
        return time.process_time() - started[0], time.perf_counter() - started[1]

    engine: Any = importlib.import_module("harness.models.hf.engine")
    writing: Any = importlib.import_module("harness.models.hf.writing")
    write, choose = engine.write, writing.choose

    def beginning(*args: Any, **options: Any) -> Any:
        taken.setdefault(MOMENTS[0], now())
        return write(*args, **options)

    def choosing(*args: Any, **options: Any) -> Any:
        choose(*args, **options)
        taken[MOMENTS[1]] = now()
        raise FirstTokenError

    engine.write, writing.choose = beginning, choosing
    try:
        harness.run("med_harm", model, tokenizer=tokenizer, limit=limit, results=str(results))
    except FirstTokenError:
        return taken
    finally:
        engine.write, writing.choose = write, choose
    raise RuntimeError("no token was chosen")


if __name__ == "__main__":
    main()
