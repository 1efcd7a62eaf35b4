"""How long `harness.run` takes to the first token of a model that is in memory already.

    python benchmarks/memory_start.py [--rounds N] [--model FOLDER] [--profile FILE]

CPU seconds, all threads of the process, from the call to when the first token is chosen: of the
first call in a process (what it imports is part of it), of the next ones (medians), and of ones
whose weights have changed since, as in training, so that the attention is tried anew. Each round is
a process of its own, and each call a run of its own. `--profile` keeps cProfile's record of a warm
call.
"""

from __future__ import annotations

import argparse
import cProfile
import importlib
import json
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


class FirstTokenError(Exception):
    """Ends a call where it has what is measured."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU seconds to the first token")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", help="a folder; the bundled model otherwise")
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one_process(args.model, args.profile)))
        return
    options = [option for name in ("model", "profile") if (value := getattr(args, name))
               for option in (f"--{name}", str(value))]  # fmt: skip
    command = [sys.executable, __file__, "--one", *options]
    rounds = [
        json.loads(subprocess.run(command, check=True, capture_output=True).stdout.splitlines()[-1])
        for _ in range(args.rounds)
    ]
    for kind in KINDS:
        spent = [seconds for taken in rounds for seconds in taken[kind]]
        low, high = min(spent), max(spent)
        print(f"{kind:14} {statistics.median(spent):.2f}  ({low:.2f} to {high:.2f}) CPU seconds")


def one_process(folder: str | None, profile: Path | None) -> dict[str, list[float]]:
    """CPU seconds of the calls in this process, by kind."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from harness.models.bundled import bundled_folder

    torch.set_num_threads(1)
    where = folder or bundled_folder("smollm2")
    model = AutoModelForCausalLM.from_pretrained(where)
    tokenizer = AutoTokenizer.from_pretrained(where)
    spent: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as results:
        spent["first call"].append(to_first_token(model, tokenizer, Path(results, "first")))
        for number in range(CALLS):
            place = Path(results, str(number))
            if profile and number == CALLS - 1:
                with cProfile.Profile() as watched:
                    to_first_token(model, tokenizer, place)
                watched.dump_stats(profile)
                continue
            spent["next calls"].append(to_first_token(model, tokenizer, place))
        for number in range(CALLS):
            with torch.no_grad():
                next(model.parameters()).add_(1e-6)
            place = Path(results, f"changed-{number}")
            spent["other weights"].append(to_first_token(model, tokenizer, place))
    return spent


def to_first_token(model: Any, tokenizer: Any, results: Path) -> float:
    """CPU seconds from the call to the first token."""
    import harness

    started = time.process_time()
    writing: Any = importlib.import_module("harness.models.hf.writing")

    taken: list[float] = []
    choose = writing.choose

    def choosing(*args: Any, **options: Any) -> Any:
        choose(*args, **options)
        taken.append(time.process_time() - started)
        raise FirstTokenError

    writing.choose = choosing
    try:
        harness.run("med_harm", model, tokenizer=tokenizer, limit=8, results=str(results))
    except FirstTokenError:
        return taken[0]
    finally:
        writing.choose = choose
    raise RuntimeError("no token was chosen")


if __name__ == "__main__":
    main()
