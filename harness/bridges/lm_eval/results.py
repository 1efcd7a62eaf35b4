"""What lm-eval's own `process_results` makes of an answer to one of its documents."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.types import Generation

Aggregation = tuple[str, str, Any, bool | None]
"""A metric's name and filter at lm-eval, its aggregation, and whether more is better."""


def results_of(task: Any, group: Sequence[Any], generation: Generation) -> Mapping[str, Any] | str:
    """What lm-eval makes of an answer, by metric; or why nothing can be made of it."""
    responses_given = _responses(task, group, generation)
    if isinstance(responses_given, str):
        return responses_given
    if reason := _unknown_target(task, group[0].doc):
        return reason
    fresh = [
        replace(instance, resps=[response], filtered_resps={})
        for instance, response in zip(group, responses_given, strict=False)
    ]
    results: dict[str, Any] = {}
    for ensemble in task._filters:
        try:
            ensemble.apply(fresh)
            responses = [instance.filtered_resps[ensemble.name] for instance in fresh]
            values = task.process_results(group[0].doc, responses)
        except Exception as error:  # noqa: BLE001 - a task's own code, which may stumble over a text
            reason = " ".join(str(error).split())[:200]
            return f"lm-eval's process_results ends in {type(error).__name__}: {reason}"
        results |= {_key(name, ensemble.name): value for name, value in values.items()}
    return results


def metrics_of(task: Any) -> dict[str, Aggregation]:
    """The task's metrics, each once a filter."""
    higher = task.higher_is_better()
    return {
        _key(name, ensemble.name): (name, ensemble.name, function, higher.get(name))
        for ensemble in task._filters
        for name, function in task.aggregation().items()
    }


def name_of(function: Any) -> str:
    """What an aggregation is called."""
    return str(getattr(function, "__name__", type(function).__name__))


def is_mean(function: Any) -> bool:
    """Whether an aggregation is lm-eval's plain mean."""
    return getattr(function, "__name__", "") == "mean" and "lm_eval.api" in function.__module__


def _responses(task: Any, group: Sequence[Any], generation: Generation) -> list[Any] | str:
    """The answer as lm-eval's models give it, or what it lacks."""
    if group[0].request_type == "generate_until":
        return "nothing was written" if generation.text is None else [generation.text]
    weights = generation.choice_logprobs
    if weights is None:
        return "its choices were not weighed"
    if any(math.isnan(weight) for weight in weights):
        return "the log-probability of a choice is no number"
    greedy: Sequence[bool | None] = generation.choice_greedy or [None] * len(group)
    if None in greedy and (task.OUTPUT_TYPE == "loglikelihood" or _reads_greedy(task)):
        return "this backend does not say which choice greedy decoding would write"
    return list(zip(weights, map(bool, greedy), strict=True))


def _unknown_target(task: Any, doc: Mapping[str, Any]) -> str | None:
    """Why a document has no right choice, which lm-eval counts as answered wrongly; else None."""
    if task.OUTPUT_TYPE != "multiple_choice" or task.config.process_results is not None:
        return None
    choices = task.doc_to_choice(doc)
    target = task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)
    targets = target if isinstance(target, list) else [target]
    for item in targets:
        if item not in (choices if isinstance(item, str) else range(len(choices))):
            return f"the right answer {item!r} is none of the document's {len(choices)} choices"
    return None


def _reads_greedy(task: Any) -> bool:
    return "exact_match" in task.aggregation()


def _key(metric: str, ensemble: str) -> str:
    return metric if ensemble == "none" else f"{metric},{ensemble}"
