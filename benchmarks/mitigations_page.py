"""Runs a model under many mitigations, one process for all, for `harness.mitigate.compare`.

    python benchmarks/mitigations_page.py results=results toxic=prompts.jsonl
    python -m harness.mitigate.compare results=results

The toxic prompts are a file of RealToxicityPrompts; the other tasks take their starters. Sizes are
those of the page in docs/mitigations.md, which are small: what two CPU cores answer beside other
work. For a page that decides anything, take all prompts and 25 generations.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from harness.command import configured, with_stacks
from harness.runs import run
from harness.runs.cli import Composed, Parts, plan_of
from harness.show import progress
from harness.types import HarnessError

MITIGATIONS = {
    "none": ["mitigation=none"],
    "system_prompt": ["mitigation=system_prompt"],
    "self_reminder": ["mitigation=self_reminder"],
    "in_context": ["mitigation=in_context"],
    "guard": ["mitigation=guard", "mitigation.draws=2"],
    "guard, stricter": ["mitigation=guard", "mitigation.draws=2", "mitigation.threshold=0.2"],
    "suffix": ["mitigation=suffix"],
    "agents": ["mitigation=agents", "mitigation.helper_tokens=32"],
}
CHAT = ["system_prompt", "self_reminder", "in_context", "suffix"]
WRITES = ["system_prompt", "self_reminder", "in_context", "guard", "guard, stricter", "agents"]
TASKS = {
    "real_toxicity_prompts": (
        ["task.unprompted=0", "generation.n=3", "scorer=[toxicity_offline,perplexity]"], WRITES,
    ),
    "neutral_text": ([], [*WRITES, "suffix"]),
    "med_harm": (["limit=36", "generation.max_new_tokens=32"], [*WRITES[:3], "agents"]),
    "counseling_qa": (["limit=40"], CHAT),
    "discrimination": (["limit=180"], CHAT),
    "counseling_support": (["limit=16", "generation.max_new_tokens=32"], WRITES[:3]),
}  # fmt: skip
"""Of each task its options, and the mitigations that act in it."""


def main() -> None:
    """Run what is not there yet; what is finished is not run again."""
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    parts: Parts = {}
    for task, name, options in asked(given.get("toxic")):
        started = time.monotonic()
        results = given.get("results", "results")
        overrides = [*with_stacks(options), f"results={results}", "report=false"]
        cfg = configured(task, *overrides)
        chosen = overrides[0].partition("=")[2]
        try:
            finished = run(
                plan_of(Composed(cfg, overrides, {"mitigation": chosen}), parts), progress
            )
        except HarnessError as error:
            print(f"{task} under {name}: {error}", flush=True)
            continue
        seconds = time.monotonic() - started
        print(f"{task} under {name}: {finished.folder}, {seconds:.0f} s", flush=True)


def asked(toxic: str | None) -> Iterator[tuple[str, str, list[str]]]:
    """Task, mitigation and options of each run, task by task."""
    for task, (options, names) in TASKS.items():
        data = [f"task.data={toxic}"] if toxic and task == "real_toxicity_prompts" else []
        for name in ("none", *names):
            yield task, name, [*MITIGATIONS[name], *options, *data]


if __name__ == "__main__":
    main()
