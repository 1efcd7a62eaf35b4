"""Runs of HELM (Stanford): the folder with `scenario_state.json` and `per_instance_stats.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.bridges.logs.head import Head
from harness.bridges.logs.log import OPEN, UNIT, Answer, Log
from harness.bridges.logs.reading import items_of
from harness.types import Unreadable

STATE = "scenario_state.json"
STATS = "per_instance_stats.json"
MATCHES = ("exact_match", "quasi_exact_match", "prefix_exact_match", "quasi_prefix_exact_match")
"""Statistics that are 0 or 1 for an instance."""

BOOKKEEPING = (
    "num_", "finish_reason_", "batch_size", "inference_", "training_", "prompt_truncated",
    "max_prob", "logprob",
)  # fmt: skip
"""How statistics begin that count tokens, time and the like: none says what an answer is worth."""


class HelmRun:
    """Reads a run's folder, or its scenario state alone, which has no scores."""

    tool = "helm"

    def recognises(self, head: Head) -> bool:
        """By the files of a run, or the keys of its state."""
        return STATE in head.members or {"adapter_spec", "request_states"} <= set(head.keys)

    def read(self, path: Path) -> Log:
        """Each instance, with its completions and statistics.

        Raises:
            Unreadable: a file of it is cut off.
        """
        folder = path if path.is_dir() else path.parent
        state = folder / STATE if path.is_dir() else path
        adapter: dict[str, Any] = next(items_of(state, "adapter_spec"), {})
        spec = _spec(folder)
        log = Log(
            self.tool, "unknown", str(adapter.get("model") or "unknown"),
            str(spec.get("name") or "unknown"),
        )  # fmt: skip
        places = log.spool.shelf()
        for request in items_of(state, "request_states.item"):
            name, first = _add(log, request)
            places[name] = first
        stats = folder / STATS
        if stats.is_file():
            for instance in items_of(stats, "item"):
                _score(log, instance, places)
        else:
            log.notes.append(f"{folder.name} has no {STATS}: HELM's own scores are missing")
        return log


def _spec(folder: Path) -> Mapping[str, Any]:
    path = folder / "run_spec.json"
    if not path.is_file():
        return {}
    try:
        spec: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise Unreadable(f"{str(path)!r} is not JSON ({error})") from error
    return spec


def _name(instance: str, trial: object, perturbation: object) -> str:
    """A question's name: an instance has a state for each trial and each perturbation."""
    name = f"{instance}-{trial}" if trial else instance
    described = perturbation.get("name") if isinstance(perturbation, Mapping) else None
    return f"{name}-{described}" if described else name


def _add(log: Log, state: Mapping[str, Any]) -> tuple[str, int]:
    """Keep a request with its completions; gives where the first of them is kept."""
    instance, result = state["instance"], state.get("result") or {}
    references = [r for r in instance.get("references") or () if "correct" in (r.get("tags") or ())]
    target = references[0]["output"]["text"] if len(references) == 1 else None
    name = _name(
        str(instance.get("id")), state.get("train_trial_index"), instance.get("perturbation")
    )
    if state.get("reference_index") is not None:
        name = f"{name}-option{state['reference_index']}"
    request = state.get("request") or {}
    prompt = request.get("prompt") or str((instance.get("input") or {}).get("text") or "")
    described = {"split": instance.get("split"), "sub_split": instance.get("sub_split")}
    places = []
    failed = None if result.get("success") else f"helm: {result.get('error') or 'no result'}"
    for completion in [None] if failed else result.get("completions") or [None]:
        text = completion and completion.get("text")
        lost = failed or (None if isinstance(text, str) else "helm has no completion")
        end = (completion or {}).get("finish_reason") or {}
        reason = {"stop": "stop", "endoftext": "stop", "length": "length"}.get(
            str(end.get("reason")), "unknown"
        )
        places.append(
            log.add(
                name,
                prompt,
                Answer(
                    None if lost else text, lost, "error" if lost else reason,
                    tokens=len((completion or {}).get("tokens") or ()),
                    seconds=result.get("request_time"),
                ),
                target=target,
                described=described,
            )
        )  # fmt: skip
    return places[0]


def _score(log: Log, instance: Mapping[str, Any], places: Mapping[str, int]) -> None:
    """Keep the statistics of an instance, which are of all its completions together."""
    name = _name(
        str(instance["instance_id"]), instance.get("train_trial_index"),
        instance.get("perturbation"),
    )  # fmt: skip
    index = places.get(name)
    if index is None:
        log.counts["{} instances have statistics and no request in the log"] += 1
        return
    for stat in instance.get("stats") or ():
        metric = str(stat["name"]["name"])
        if metric.startswith(BOOKKEEPING):
            continue
        meaning = UNIT if metric.partition("@")[0] in MATCHES else OPEN
        value = stat.get("mean") if stat.get("count") else None
        log.score((name, index), metric, value, meaning, "helm has no value of it")
