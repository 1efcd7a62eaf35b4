"""A model learns the starter sets, forgets by several methods, is asked, and is attacked.

    python benchmarks/forgotten_page.py to=page
    python benchmarks/forgotten_page.py to=page topics=2 methods=npo,task_vector attacks=npo

A target learns all, a reference all but what is to be forgotten, and each method makes the target
forget; task=muse and task=tofu are asked of all of them and of the model as it is, and
`harness.mitigate.forgotten` sets them beside each other. `topics=` asks task=tofu so many questions
an author instead of all ten; `tasks=` names some tasks; `attacks=` a method whose model is
attacked. A model that is broken may write nothing, which stops no run here. Each step is an
ordinary command, printed with the processor time that it took; the same command goes on from where
it stopped.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.command import quoted
from harness.data import read_file

ROOT = Path(__file__).resolve().parent.parent
NEWS = ROOT / "tasks" / "muse" / "data" / "learning.jsonl"
AUTHORS = ROOT / "tasks" / "tofu" / "data" / "authors.jsonl"
COURSE = "{rate: 0.0002, epochs: 2, batch: 8}"
METHODS = {
    "gradient_ascent": ["method=gradient_ascent"],
    "gradient_ascent_gdr": ["method=gradient_ascent", "method.retain=gdr"],
    "gradient_ascent_klr": ["method=gradient_ascent", "method.retain=klr"],
    "npo": ["method=npo"],
    "simnpo": ["method=simnpo"],
    "rmu": ["method=rmu"],
    "whos_harry_potter": ["method=whos_harry_potter"],
    "dont_know": ["method=dont_know"],
    "task_vector": ["method=task_vector"],
}
"""By folder what makes the target forget the authors."""


def main() -> None:
    """Make, ask and attack what is not there yet."""
    arguments = dict(argument.split("=", 1) for argument in sys.argv[1:])
    to = Path(arguments.get("to", "page")).resolve()
    to.mkdir(parents=True, exist_ok=True)
    for step in steps(arguments, to):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        subprocess.run([sys.executable, "-m", *step], cwd=to, check=True,
                       env={**os.environ, "PYTHONPATH": path})  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(
            json.dumps({"step": " ".join(step), "processor_seconds": round(spent, 1)}), flush=True
        )


def steps(arguments: Mapping[str, str], to: Path) -> Iterator[list[str]]:
    """The commands, in their order.

    Args:
        arguments: of the command line.
        to: folder in which they are run.
    """
    model = arguments.get("model", "smollm2")
    learning = ["harness.mitigate", "method=learning", f"model={quoted(model)}"]
    learning += [
        f"data=[{NEWS},{AUTHORS}]",
        *filter(None, arguments.get("learning", "").split(";")),
    ]
    yield [*learning, "out=target"]
    yield [*learning, "method.toward=clean", "out=reference"]
    names = [name for name in arguments.get("methods", ",".join(METHODS)).split(",") if name]
    tasks = {
        "muse": ["task=muse"],
        "tofu": ["task=tofu", *asked_of_authors(int(arguments.get("topics", "10")), to)],
    }
    chosen = [tasks[name] for name in arguments.get("tasks", ",".join(tasks)).split(",")]
    for name in (model, "target", "reference", *names):
        if name in names:
            yield ["harness.mitigate", *METHODS[name], f"method.course={course(arguments)}",
                   "model=target", f"data={AUTHORS}", f"out={name}"]  # fmt: skip
        for task in chosen:
            yield ["harness", *task, f"model={quoted(name)}", "results=results",
                   "max_unmeasured=1"]  # fmt: skip
    yield ["harness.mitigate.forgotten", "target=target", "reference=reference", "results=results",
           "to=forgotten"]  # fmt: skip
    if attacked := arguments.get("attacks"):
        data = [option.removeprefix("task.") for option in tasks["tofu"][1:]]
        yield ["harness.mitigate.recover", "target=target", f"unlearned={attacked}", *data,
               "results=attacks", "cache=attacked", "to=recover",
               'options=["task.parts=[forget]"]']  # fmt: skip


def course(arguments: Mapping[str, str]) -> str:
    """Of each method's training."""
    return arguments.get("course", COURSE)


def asked_of_authors(topics: int, to: Path) -> list[str]:
    """Options of task=tofu: so many of each author's questions, another choice for each author."""
    if topics >= 10:
        return []
    rows: Sequence[Mapping[str, Any]] = read_file(AUTHORS, "authors")
    authors = list(dict.fromkeys(str(row["author"]) for row in rows))
    kinds = list(dict.fromkeys(str(row["topic"]) for row in rows))
    file = to / f"authors-{topics}.jsonl"
    chosen = [
        row
        for row in rows
        if (kinds.index(str(row["topic"])) - authors.index(str(row["author"]))) % len(kinds)
        < topics
    ]
    file.write_text("".join(f"{json.dumps(dict(row))}\n" for row in chosen), encoding="utf-8")
    return [f"task.data={quoted(str(file))}"]


if __name__ == "__main__":
    main()
