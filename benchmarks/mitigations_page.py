"""Runs a model under many mitigations, one process for all, for `harness.mitigate.compare`.

    python benchmarks/mitigations_page.py toxic=toxic.jsonl texts=others.jsonl,more.jsonl to=page
    python -m harness.mitigate.compare results=page/results base=smollm2

Toxic prompts and texts are files of RealToxicityPrompts. What a mitigation needs is made first, of
the texts, from which the first 300 prompts are left out, so that none is learned from that any run
is measured on. The same command goes on from where it stopped, and what is finished is not run
again; `limits=60,300` takes all mitigations to 60 prompts before any goes on to 300. `only=` names
some mitigations, `tasks=` some tasks, `n=` the continuations of a prompt, `dtype=` the precision.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.command import configured, with_stacks
from harness.runs import run
from harness.runs.cli import Composed, Parts, plan_of
from harness.show import progress
from harness.types import HarnessError

ROOT = Path(__file__).resolve().parent.parent
MEASURED = 300
"""Prompts that nothing is learned from: as many as are measured on at the most."""
FITTED = {
    "clean": ["method=domain_adaptation"],
    "toxic": ["method=domain_adaptation", "method.toward=toxic"],
    "values": ["method=value_model"],
    "surgery": ["method=model_surgery", "method.strength=1.0"],
    "eigenshift": ["method=eigenshift"],
    "task_vector": ["method=task_vector"],
    "repair": ["method=selective_repair"],
    "preference": ["method=preference"],
    "safety": ["method=safety_tuning", "method.course={rate: 0.0003, epochs: 3, batch: 16}"],
    "autoencoder": ["method=sparse_autoencoder"],
}
"""By folder what is made, of the texts and by default options where no other stands here."""
STARTERS = ("preference", "safety")
"""Made of the texts that ship with the method: pairs, and requests with safe answers."""
MITIGATIONS = {
    "none": ["mitigation=none"],
    "word_filter": ["mitigation=word_filter"],
    "vocabulary_shift": ["mitigation=vocabulary_shift"],
    "experts": [
        "mitigation=experts",
        "mitigation.expert={clean}",
        "mitigation.anti_expert={toxic}",
    ],
    "gedi": ["mitigation=gedi", "mitigation.wanted={clean}", "mitigation.unwanted={toxic}"],
    "steering": ["mitigation=steering"],
    "rectification": ["mitigation=rectification", "mitigation.values={values}"],
    "uddia": ["mitigation=uddia", "mitigation.values={values}"],
    "contrastive": ["mitigation=contrastive"],
    "self_debias": ["mitigation=self_debias"],
    "model_surgery": ["model={surgery}"],
    "eigenshift": ["model={eigenshift}"],
    "task_vector": ["model={task_vector}"],
    "domain_adaptation": ["model={clean}"],
    "selective_repair": ["model={repair}"],
    "preference": ["model={preference}"],
    "safety_tuning": ["model={safety}"],
    "transport": ["mitigation=transport"],
    "sparse_features": ["mitigation=sparse_features", "mitigation.file={autoencoder}"],
    "guard": ["mitigation=guard", "mitigation.draws=2"],
    "in_context": ["mitigation=in_context"],
    "self_reminder": ["mitigation=self_reminder"],
    "system_prompt": ["mitigation=system_prompt"],
    "suffix": ["mitigation=suffix"],
    "agents": ["mitigation=agents", "mitigation.helper_tokens=32"],
    "moral_direction": ["mitigation=moral_direction"],
}
CHAT = ("system_prompt", "self_reminder", "in_context", "suffix")
TASKS: dict[str, tuple[list[str], Sequence[str]]] = {
    "real_toxicity_prompts": (["task.unprompted=0"], [*MITIGATIONS]),
    "neutral_text": ([], [*MITIGATIONS]),
    "med_harm": (["limit=36", "generation.max_new_tokens=32"], [*MITIGATIONS]),
    "counseling_qa": (["limit=40"], [*MITIGATIONS]),
    "discrimination": (["limit=180"], CHAT),
    "counseling_support": (["limit=16", "generation.max_new_tokens=32"], CHAT[:3]),
}
"""Of each task its options, and the mitigations that are asked in it, beside none."""


def main() -> None:
    """Make and run what is not there yet."""
    arguments = dict(argument.split("=", 1) for argument in sys.argv[1:])
    to, parts = Path(arguments.get("to", "page")), Parts()
    (to / "made").mkdir(parents=True, exist_ok=True)
    measured = _measured(arguments["toxic"], to / "measured")
    for task, name, options in asked(arguments):
        started, worked = time.monotonic(), time.process_time()
        try:
            chosen = [_with_fits(option, arguments, measured, to / "made") for option in options]
            overrides = [*with_stacks(chosen), f"results={to / 'results'}", "report=false",
                         f"backend.dtype={arguments.get('dtype', 'float32')}"]  # fmt: skip
            cfg = configured(task, *overrides)
            choices = {"mitigation": options[0].partition("=")[2]}
            finished = run(plan_of(Composed(cfg, overrides, choices), parts), progress)
        except HarnessError as error:
            print(f"{task} under {name}: {error}", flush=True)
            continue
        spent = time.monotonic() - started, time.process_time() - worked
        taken = "{:.0f} s, {:.0f} of the processor".format(*spent)
        print(f"{task} under {name}: {finished.folder.name}, {taken}", flush=True)


def asked(arguments: dict[str, str]) -> Iterator[tuple[str, str, list[str]]]:
    """Task, mitigation and options of each run: all mitigations before the next limit or task."""
    only = arguments.get("only", ",".join(MITIGATIONS)).split(",")
    for task in arguments.get("tasks", ",".join(TASKS)).split(","):
        options, names = TASKS[task]
        limits: list[list[str]] = [[]]
        if task == "real_toxicity_prompts":
            options = [
                *options,
                f"task.data={arguments['toxic']}",
                f"generation.n={arguments.get('n', 25)}",
            ]
            options.append(f"scorer=[{arguments.get('scorers', 'toxicity_offline')}]")
            limits = [
                [f"limit={limit}"] for limit in arguments.get("limits", str(MEASURED)).split(",")
            ]
        for limit in limits:
            for name in only:
                if name in names:
                    chosen = [*MITIGATIONS[name], *options, *limit]
                    if name != "none" and "perplexity" in arguments.get("scorers", ""):
                        chosen.append("scorers.perplexity.reader=smollm2")
                    yield task, name, chosen


def _measured(toxic: str, results: Path) -> Path:
    """A run of the prompts that are measured on, which `exclude=` takes; echo answers it."""
    options = [f"task.data={toxic}", "task.unprompted=0", "backend=echo", "generation.n=1",
               f"limit={MEASURED}", f"results={results}", "report=false"]  # fmt: skip
    cfg = configured("real_toxicity_prompts", *options)
    return run(plan_of(Composed(cfg, options, {"mitigation": "none"}), {}), progress).folder


def _with_fits(option: str, arguments: dict[str, str], measured: Path, folder: Path) -> str:
    """An option with the folder of what it names, which is made where it is not there."""
    for name, options in FITTED.items():
        if f"{{{name}}}" not in option:
            continue
        out = folder / name
        if not out.exists():
            files = ",".join(str(Path(file).resolve()) for file in arguments["texts"].split(","))
            texts = [] if name in STARTERS else [f"data=[{files}]"]
            print(f"making {name}", flush=True)
            done = subprocess.run(
                [sys.executable, "-m", "harness.mitigate", *options, *texts, f"out={out}",
                 f"exclude=[{measured}]", f"limit={arguments.get('learned', 400)}"],
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
                check=False,
            )  # fmt: skip
            if done.returncode:
                raise HarnessError(f"{name} was not made")
        option = option.replace(f"{{{name}}}", str(out))
    return option


if __name__ == "__main__":
    main()
