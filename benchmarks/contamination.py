"""How fast a corpus is looked through for runs of ten words, and how much memory that takes.

    python benchmarks/contamination.py [--lines 1000000]

Lines of 8 to 40 words, drawn from 20,000, are written to a file, a thousandth of them with an item
in it; 1,000 items of 20 words are looked for by both rules, and by each alone.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a checkout that is not installed will do

from harness.evidence.contamination.corpus import texts_of  # noqa: E402
from harness.evidence.contamination.ngrams import RULES, Finder  # noqa: E402


def write(path: Path, count: int) -> list[str]:
    """Write the corpus; gives the items."""
    draw = random.Random(0)
    words = [f"{draw.choice('bdfgklmnprst')}{number}" for number in range(20_000)]
    items = [" ".join(draw.choices(words, k=20)) for _ in range(1_000)]
    with path.open("w") as file:
        for number in range(count):
            line = draw.choices(words, k=draw.randint(8, 40))
            file.write(
                " ".join([*line, items[number // 1000 % 1000]] if number % 1000 == 0 else line)
            )
            file.write("\n")
    return items


def peak() -> float:
    """The most memory that this process has taken, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print lines a second and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    count = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.txt"
        items = write(path, count)
        for rules in ([rule] for rule in RULES):
            run(path, items, rules, count // 10)
            run(path, items, rules, count)
        run(path, items, list(RULES), count)


def run(path: Path, items: list[str], rules: list[str], count: int) -> None:
    """Look through so many lines by these rules, and print what that took."""
    finders = [Finder(items, rule) for rule in rules]
    started, texts = time.perf_counter(), islice(texts_of(path), count)
    while part := list(islice(texts, 1024)):
        for finder in finders:
            finder.look(part)
    seconds = time.perf_counter() - started
    times = [sum(finder.overlap.times.values()) for finder in finders]
    print(f"{' and '.join(rules)}: {count:,} lines, {count / seconds:,.0f} a second, "
          f"peak {peak():.0f} MiB, places {times}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
