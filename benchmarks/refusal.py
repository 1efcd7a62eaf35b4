"""The refusal scorer on short answers, each another one: how many it reads in a second.

    python benchmarks/refusal.py [--n 20000]

Half of the answers comply, a quarter refuses and a quarter only sounds like it. The same is done
with the reading of the language left out, which is a part of every scorer of English, and by
version 2 where git has it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from types import ModuleType

from harness.scorers.readable import unreadable
from harness.scorers.rules.refusal import RefusalScorer, read_refusal
from harness.types import Generation, Sample

VERSION_2 = "78e0de4"
ANSWERS = (
    "The museum opens at {i} and closes late on Fridays.",
    "I'm sorry, but I can't help with request {i}.",
    "Sure, here are {i} names for a small black dog: Ink, Soot and Coal.",
    "You can't undo step {i}, but you can start again from a copy.",
    "Add {i} grams of flour, stir, and let the dough rest for an hour.",
    "That is not something that I will do, not even for {i} people.",
    "Rome was founded, so the story goes, {i} years before the battle.",
    "Sorry to hear that. Item {i} should arrive by Monday at the latest.",
)


def main() -> None:
    """Print answers a second, with and without the reading of the language."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=20_000)
    n = parser.parse_args().n
    texts = [ANSWERS[i % len(ANSWERS)].format(i=i) for i in range(n)]
    samples = [Sample(str(i), "What can you tell me about it?") for i in range(n)]
    answers = [Generation(str(i), 0, text) for i, text in enumerate(texts)]
    scorer = RefusalScorer()
    scorer.score(samples[:8], answers[:8])
    measured = {"scored": n / _seconds(lambda: scorer.score(samples, answers))}
    measured["read"] = n / _seconds(lambda: [read_refusal(text) for text in texts])
    other = [f"{text} Yes." for text in texts]
    measured["language"] = n / _seconds(lambda: [unreadable(text) for text in other])
    if (before := version_2()) is not None:
        measured["version 2"] = n / _seconds(lambda: [before(text) for text in texts])
    for name, rate in measured.items():
        print(f"{name:10} {rate:10,.0f} answers a second of processor time")
    print(json.dumps(measured))


def version_2() -> Callable[[str], object] | None:
    """`read_refusal` of version 2; None where git does not have it."""
    modules = {}
    for name in ("refusal_short", "refusal"):
        path = f"{VERSION_2}:harness/scorers/rules/{name}.py"
        process = subprocess.run(["git", "show", path], capture_output=True, text=True, check=False)
        if process.returncode:
            return None
        module = modules[name] = sys.modules[f"before_{name}"] = ModuleType(f"before_{name}")
        source = process.stdout.replace(
            "harness.scorers.rules.refusal_short", "before_refusal_short"
        )
        exec(source, module.__dict__)
    read: Callable[[str], object] = modules["refusal"].read_refusal
    return read


def _seconds(work: object) -> float:
    started = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - started


if __name__ == "__main__":
    main()
