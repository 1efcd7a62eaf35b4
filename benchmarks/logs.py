"""What it costs to take answers from another tool's log.

    python benchmarks/logs.py [--answers 100000] [--rounds 3]
    python benchmarks/logs.py --peer PYTHON [--samples 10000]
    python benchmarks/logs.py --memory [--sizes 50000 100000 200000] [--words 60]

Without either: the same answers as Parquet, as Inspect's archive, as lm-eval's lines and as Every
Eval Ever's, each scored by `python -m harness.score scorer=[refusal]` in a process of its own, in
alternating rounds; once more with the scores that stand in the log. With one, the Python of an
environment that has inspect_ai: an archive with events is read by this project and by inspect_ai's
`samples_df` with the same columns. With the last, logs of several sizes are scored, page and all,
each in a process of its own, and the peak of its memory is set against the number of answers. Times
are of the processor, all threads and children together.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a checkout that is not installed will do

REFUSALS = ("I'm sorry, but I can't help with that.", "I cannot give you that; ask a doctor.")
OURS = """
import sys
from pathlib import Path
from harness.bridges.logs.inspect import InspectLog
path = Path(sys.argv[1])
log = InspectLog().read(path)
print(len(log.stored(path).rows), sum(s["match"].value for s in log.scores.values()))
"""
FORMS = ("inspect", "lm_eval")
PEAK = """
import atexit, sys
from pathlib import Path
def say():
    status = Path("/proc/self/status").read_text()
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")))
atexit.register(say)
from harness.score.__main__ import main
main()
"""
THEIRS = """
import sys
from inspect_ai.analysis import (
    EvalColumn, SampleColumn, SampleMessages, SampleScores, SampleSummary, samples_df,
)
columns = {
    "summary": SampleSummary,
    "whole": [
        EvalColumn("task", path="eval.task"), EvalColumn("model", path="eval.model"),
        *SampleSummary, *SampleScores, *SampleMessages,
        SampleColumn("stop", path="output.choices[0].stop_reason"),
        SampleColumn("completion", path="output.choices[0].message.content"),
        SampleColumn("given", path="output.usage.input_tokens"),
        SampleColumn("written", path="output.usage.output_tokens"),
        SampleColumn("seconds", path="output.time"),
    ],
}[sys.argv[2]]
frame = samples_df(sys.argv[1], columns=columns, quiet=True)
print(len(frame), float((frame["score_match"] == "C").sum()))
"""


def answers(count: int, length: int = 60) -> Iterator[tuple[str, str, bool]]:
    """Questions with their answers of so many words, and whether the tool calls them right."""
    draw = random.Random(0)
    words = [f"{draw.choice('bdfgklmnprst')}{draw.choice('aeiou')}{n}" for n in range(5_000)]
    for number in range(count):
        asked = f"What of {' '.join(draw.choices(words, k=20))} in case {number}?"
        text = " ".join(draw.choices(words, k=length))
        refused = draw.random() < 0.2
        yield asked, f"{draw.choice(REFUSALS)} {text}" if refused else f"Sure. {text}", not refused


def inspect(number: int, asked: str, text: str, right: bool, events: bool) -> dict[str, Any]:
    """A sample as inspect_ai writes it, with the events of a generation where they are wanted."""
    question = {"id": f"q{number}", "content": asked, "source": "input", "role": "user"}
    reply = {"id": f"a{number}", "content": text, "source": "generate", "role": "assistant",
             "model": "mockllm/model"}  # fmt: skip
    output = {
        "model": "mockllm/model", "choices": [{"message": reply, "stop_reason": "stop"}],
        "completion": text, "time": 0.5,
        "usage": {"input_tokens": 30, "output_tokens": 80, "total_tokens": 110},
    }  # fmt: skip
    when = "2026-01-01T00:00:00+00:00"
    event = {
        "uuid": f"e{number}", "span_id": f"s{number}", "timestamp": when, "working_start": 0.1,
        "event": "model", "model": "mockllm/model", "input": [question], "tools": [],
        "tool_choice": "none", "config": {}, "output": output, "completed": when,
        "working_time": 0.5,
    }  # fmt: skip
    return {
        "id": number, "epoch": 1, "input": asked, "target": "yes", "uuid": f"u{number}",
        "messages": [question, reply], "output": output, "metadata": {"topic": f"t{number % 9}"},
        "scores": {"match": {"value": "C" if right else "I", "answer": text[:20],
                             "explanation": text}},
        "store": {}, "events": [event] if events else [], "attachments": {},
        "model_usage": {"mockllm/model": output["usage"]}, "total_time": 0.6, "working_time": 0.5,
    }  # fmt: skip


def write_inspect(path: Path, count: int, events: bool, length: int = 60) -> None:
    """Inspect's archive."""
    about = {
        "eval_id": "e", "run_id": "r", "task_id": "t", "created": "2026-01-01T00:00:00+00:00",
        "task": "cases", "task_version": 0, "task_args": {}, "task_attribs": {}, "config": {},
        "dataset": {"samples": count}, "model": "mockllm/model", "model_args": {},
        "packages": {"inspect_ai": "0.3.285"},
    }  # fmt: skip
    plan = {"name": "plan", "steps": [], "config": {}}
    start = {"version": 2, "eval": about, "plan": plan}
    stats = {"started_at": about["created"], "completed_at": about["created"]}
    fields = ("id", "epoch", "input", "target", "metadata", "scores", "model_usage", "uuid",
            "total_time", "working_time")  # fmt: skip
    summaries = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", json.dumps(start))
        for number, answer in enumerate(answers(count, length)):
            sample = inspect(number, *answer, events)
            archive.writestr(f"samples/{number}_epoch_1.json", json.dumps(sample))
            summaries.append({name: sample[name] for name in fields})
        archive.writestr("summaries.json", json.dumps(summaries))
        ending = {"status": "success", "results": {"scores": []}, "stats": stats}
        archive.writestr("header.json", json.dumps({**start, **ending}))


def write_lines(path: Path, form: str, count: int, length: int = 60) -> None:
    """Lines as lm-eval or Every Eval Ever has them."""
    with path.open("w") as file:
        for number, (asked, text, right) in enumerate(answers(count, length)):
            file.write(json.dumps(LINES[form](number, asked, text, right)) + "\n")


def lm_eval(number: int, asked: str, text: str, right: bool) -> dict[str, Any]:
    """A sample of a task of lm-eval's that generates."""
    return {
        "doc_id": number, "doc": {"question": asked}, "target": "yes", "filter": "none",
        "arguments": {"gen_args_0": {"arg_0": asked, "arg_1": {"until": []}}}, "resps": [[text]],
        "filtered_resps": [text], "metrics": ["exact_match"], "exact_match": float(right),
    }  # fmt: skip


def every_eval_ever(number: int, asked: str, text: str, right: bool) -> dict[str, Any]:
    """A record of the schema 0.3.0."""
    return {
        "schema_version": "0.3.0", "evaluation_id": "e", "model_id": "m", "evaluation_name": "acc",
        "sample_id": str(number), "interaction_type": "single_turn", "answer_attribution": [],
        "input": {"raw": asked, "reference": ["yes"]}, "output": {"raw": [text]}, "messages": None,
        "evaluation": {"score": float(right), "is_correct": right},
    }  # fmt: skip


LINES = {"lm_eval": lm_eval, "every_eval_ever": every_eval_ever}


def write_parquet(path: Path, count: int) -> None:
    """Prompts and answers as columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    asked, texts, _ = zip(*answers(count), strict=True)
    ids = [str(number) for number in range(count)]
    pq.write_table(pa.table({"id": ids, "prompt": asked, "answer": texts}), path)


def cost(*command: str, cwd: Path) -> tuple[float, str]:
    """Seconds of the processor, and what a command printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (cwd / "printed").open("w+") as printed:
        child = subprocess.Popen(command, cwd=cwd, env=environment, stdout=printed)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        text = printed.read()
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}:\n{text}")
    return used.ru_utime + used.ru_stime, text


def scored(folder: Path, count: int, rounds: int) -> dict[str, Any]:
    """The cost of scores on disk by what the answers stand in."""
    files = {"parquet": folder / "answers.parquet", "inspect": folder / "log.eval"}
    write_parquet(files["parquet"], count)
    write_inspect(files["inspect"], count, events=True)
    for form in LINES:
        files[form] = folder / f"{form}.jsonl"
        write_lines(files[form], form, count)
    ways = {**dict.fromkeys(files, "imported=false"), "inspect with its scores": ""}
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, option in ways.items():
            where = folder / f"{name} {number}"
            where.mkdir()
            options = [option] if option else []
            seconds, _ = cost(
                sys.executable, "-m", "harness.score", f"answers={files[name.split()[0]]}",
                "scorer=[refusal]", "report=false", f"results={where}", *options, cwd=where,
            )  # fmt: skip
            spent[name].append(seconds)
            print(f"{name}: {seconds:.1f} s", flush=True)
    middle = {name: median(times) for name, times in spent.items()}
    rates = {name: round(middle["parquet"] / seconds, 2) for name, seconds in middle.items()}
    return {"answers": count, "rate_of_parquet": rates, "seconds": middle}


def beside(folder: Path, peer: str, samples: int, rounds: int) -> dict[str, Any]:
    """This project's reader beside inspect_ai's, in turns."""
    path = folder / "log.eval"
    write_inspect(path, samples, events=True)
    commands = {
        "ours": (sys.executable, "-c", OURS, str(path)),
        "samples_df": (peer, "-c", THEIRS, str(path), "whole"),
        "samples_df of summaries": (peer, "-c", THEIRS, str(path), "summary"),
        "import of ours": (sys.executable, "-c", OURS.partition("path =")[0]),
        "import of theirs": (peer, "-c", THEIRS.partition("columns =")[0]),
    }
    spent: dict[str, list[float]] = {name: [] for name in commands}
    printed = {}
    for _ in range(rounds):
        for name, command in commands.items():
            seconds, printed[name] = cost(*command, cwd=folder)
            spent[name].append(seconds)
    if len({printed[name] for name in islice(commands, 3)}) != 1:
        raise SystemExit(f"they do not read the same: {printed}")
    middle = {name: median(times) for name, times in spent.items()}
    for name, seconds in middle.items():
        print(f"{name}: {seconds:.2f} s")
    ours = middle["ours"] - middle["import of ours"]
    theirs = middle["samples_df"] - middle["import of theirs"]
    ratios = {"with start": middle["samples_df"] / middle["ours"], "reading alone": theirs / ours}
    return {"samples": samples, "times_as_fast": ratios, "seconds": middle}


def memory(folder: Path, sizes: Sequence[int], length: int) -> dict[str, Any]:
    """The peak of memory by the number of answers, and what an answer takes beyond the fewest."""
    figures: dict[str, Any] = {}
    for form in FORMS:
        peaks = {}
        for count in sizes:
            path = folder / f"{form}-{count}"
            if form == "inspect":
                write_inspect(path, count, events=True, length=length)
            else:
                write_lines(path, form, count, length)
            size, where = path.stat().st_size, folder / f"{form} {count}"
            where.mkdir()
            options = f"answers={path}", f"results={where}"
            _, printed = cost(sys.executable, "-c", PEAK, *options, cwd=folder)
            peaks[count] = int(printed.split()[-1]) * 1024
            path.unlink()
            shutil.rmtree(where)
            mib = peaks[count] >> 20
            print(f"{form}: {count:,} answers, {size >> 20} MiB, peak {mib} MiB", flush=True)
        figures[form] = {
            "bytes_per_answer": [
                round((peaks[b] - peaks[a]) / (b - a)) for a, b in pairwise(peaks)
            ],
            "peak_mib": [peak >> 20 for peak in peaks.values()],
        }
    return figures


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="the memory of the command")
    parser.add_argument("--sizes", type=int, nargs="+", default=[50_000, 100_000, 200_000])
    parser.add_argument("--words", type=int, default=60, help="of an answer, with --memory")
    parser.add_argument("--peer", help="Python of an environment with inspect_ai")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.peer:
            figures = beside(Path(folder), args.peer, args.samples, args.rounds)
        elif args.memory:
            figures = memory(Path(folder), args.sizes, args.words)
        else:
            figures = scored(Path(folder), args.answers, args.rounds)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
