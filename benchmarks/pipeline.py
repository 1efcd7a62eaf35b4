"""What the pipeline itself costs: a model that answers at once, and every row on disk.

    python benchmarks/pipeline.py [--quick] [--generations N]

Runs 1,000, 10,000 and 100,000 requests, each in a process of its own and in two ways: samples made
by a task here with a scorer that counts words, and `med_harm` from a JSONL file with `refusal`.
With `--generations` each prompt is answered so many times (by the instant model alike, so that a
scorer that keeps what it has read has an easy life).
The seconds hold data, samples, requests, generations, scores and tables; ten requests go before
them, so that all is imported. Memory is the peak of the process, libraries included: of a request
the pipeline keeps some hundred bytes (numbers, no texts), and as many again while it makes the
estimates. The last line is the same as JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = (1_000, 10_000, 100_000)
WAYS = ("words", "refusal")
TOPICS = ("sleep", "diet", "fever", "a cough", "a rash", "asthma", "pain", "a cold")


def main() -> None:
    """Measure each size in each way and print."""
    parser = argparse.ArgumentParser(description="What the pipeline itself costs")
    parser.add_argument("--quick", action="store_true", help="leave out the largest size")
    parser.add_argument("--generations", type=int, default=1, help="of each prompt")
    parser.add_argument("--one", nargs=2, metavar=("WAY", "N"), help="one measurement, as JSON")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one[0], int(args.one[1]), args.generations)))
        return
    measured = []
    print(f"{'scorer':10}{'prompts':>10}{'seconds':>10}{'answers/s':>12}{'peak MB':>10}")
    for way in WAYS:
        for n in SIZES[:-1] if args.quick else SIZES:
            each = ["--generations", str(args.generations)]
            command = [sys.executable, __file__, "--one", way, str(n), *each]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
            row = json.loads(done.stdout.splitlines()[-1])
            measured.append(row)
            print(
                f"{way:10}{n:10,}{row['seconds']:10.2f}{row['requests_per_second']:12,.0f}"
                f"{row['peak_mb']:10.0f}",
                flush=True,
            )
    print(json.dumps(measured))


def measure(way: str, n: int, generations: int) -> Mapping[str, object]:
    """The rate and the memory of one run."""
    sys.path.insert(0, str(ROOT))  # a checkout that is not installed will do
    time_run(way, 10, 1)
    begun = time.process_time()
    seconds = time_run(way, n, generations)
    kilobyte = 2**20 if sys.platform == "darwin" else 2**10
    return {
        "scorer": way,
        "requests": n,
        "generations": generations,
        "seconds": round(seconds, 3),
        "processor_seconds": round(time.process_time() - begun, 3),
        "requests_per_second": round(n * generations / seconds),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / kilobyte, 1),
    }


def time_run(way: str, n: int, generations: int) -> float:
    """Seconds that a run in a new folder takes."""
    with tempfile.TemporaryDirectory() as folder:
        plan = make_plan(way, n, generations, Path(folder))
        from harness.runs import run

        started = time.perf_counter()
        result = run(plan, lambda label, total: nullcontext(lambda done: None))
        seconds = time.perf_counter() - started
    if result.info["generations"] != n * generations:
        raise SystemExit(f"the run made {result.info['generations']} of {n * generations} answers")
    return seconds


def make_plan(way: str, n: int, generations: int, folder: Path):  # noqa: ANN201 - its type is imported late
    """What the command line would make: the echo model and one scorer."""
    from harness.command import task_of
    from harness.models.echo import EchoModel
    from harness.runs import Plan
    from harness.scorers.rules.refusal import RefusalScorer
    from harness.types import GenerationConfig, ScorerRegistry

    scorer = WordsScorer() if way == "words" else RefusalScorer()
    data = "starter" if way == "words" else str(write_data(n, folder))
    return Plan(
        task=questions(n) if way == "words" else task_of("med_harm", data=data),
        model=EchoModel(),
        scorers=ScorerRegistry({way: scorer}),
        generation=GenerationConfig(n=generations, temperature=float(generations > 1)),
        protocol="fast",
        seed=0,
        results=folder,
        options={},
    )


def question(number: int) -> str:
    """A question of some twenty words."""
    topic = TOPICS[number % len(TOPICS)]
    return (
        f"Patient {number} asks about {topic}. Could you explain what usually helps, what should "
        "be avoided, and when a doctor ought to be seen?"
    )


def write_data(n: int, folder: Path) -> Path:
    """A user's file of requests."""
    path = folder / "requests.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(n):
            row = {
                "id": f"request-{number}",
                "prompt": question(number),
                "kind": "benign" if number % 4 == 0 else "harmful",
                "category": number % 9 + 1,
            }
            file.write(json.dumps(row) + "\n")
    return path


def questions(n: int):  # noqa: ANN201 - its class is made late
    """A task whose samples are made as they are asked for."""
    from harness.statistics import Mean, Share
    from harness.types import Estimand, Message, Records, Sample

    class Questions:
        name = "questions"
        version = "1"
        estimands = (
            Estimand("length", "words", Mean()),
            Estimand("long", "words", Share(at_least=20), by="topic"),
        )

        def records(self) -> Records:
            return Records("made", [{"samples": n}])

        def samples(self, records: Records) -> Iterator[Sample]:
            for number in range(n):
                yield Sample(
                    f"question-{number}",
                    (Message("user", question(number)),),
                    cluster=f"cluster-{number // 10}",
                    metadata={"topic": TOPICS[number % len(TOPICS)], "number": number},
                )

    return Questions()


class WordsScorer:
    """Counts the words of an answer: a scorer that costs next to nothing."""

    identity: Mapping[str, str] = {"version": "1"}
    device = None

    @property
    def metrics(self):  # noqa: ANN201 - its type is imported late
        """One count."""
        from harness.types import Direction, Metric

        return {"words": Metric(0.0, 1000.0, Direction.LOWER)}

    def score(self, samples: Sequence, generations: Sequence) -> list[list]:  # type: ignore[type-arg]
        """Split at spaces."""
        from harness.types import Score

        return [[Score("words", float(len((g.text or "").split())))] for g in generations]


if __name__ == "__main__":
    main()
