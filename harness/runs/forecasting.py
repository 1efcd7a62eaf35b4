"""What a run will take: requests, tokens, memory, time and money, before any weight is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from harness.runs.asked import Asked
from harness.runs.index import StoredGenerations
from harness.runs.plan import Plan
from harness.runs.requests import requests_of
from harness.runs.shown import Shown, shown_of
from harness.store import RunStore, read_infos
from harness.types import Request, machine, trait

FEW = 8
"""Generations of a session at least that say how long the next will take."""
Bounds = tuple[float, float]
Placement = tuple[Mapping[str, int], int, int]
"""Bytes of weights by place, bytes that are carried at each forward, and forwards at most."""


@dataclass(frozen=True)
class Forecast:
    """What is left to do of a run; bounds are the least and the most."""

    title: str
    """Of which task, protocol and model."""
    samples: int
    generations: int
    stored: int
    """Generations that are there already; the rest of the forecast is without them."""
    requests: int
    prompt_tokens: Bounds
    counted: bool
    """Whether prompt tokens are the model's own; else they are bounded by the texts' bytes."""
    generated_tokens: Bounds
    longest: Bounds
    """Tokens of the longest request with its answer."""
    weights: int | None
    """Bytes."""
    token_bytes: int | None
    """Of the keys and values of one token."""
    placement: Placement | None
    """Where weights will lie that one device does not hold."""
    seconds: tuple[float, float, float] | None
    """Median, least and most of the sessions that it goes by."""
    sessions: int
    gone_by: int
    """Generations that those made; few ones weigh the start too much."""
    alike: bool
    """Whether those were of this task and these settings; else of the model alone."""
    cost: Bounds | None
    shown: Sequence[Shown] = ()
    """Which difference each gated estimate could show."""


def forecast(plan: Plan, like: Path | None = None) -> Forecast:
    """Look at the plan's samples and at the runs that there are; asks the model nothing.

    Args:
        plan: of the run.
        like: folder of an earlier run, by whose spread it is told what the run could show.

    Raises:
        HarnessError: the plan cannot be carried out.
    """
    asked = Asked.of(plan)
    samples = asked.samples.choose(plan.limit)
    stored = StoredGenerations(RunStore(asked.folder), samples, plan.generation.n)
    todo = stored.todo(plan.retry_failed)
    count = trait(plan.model, "count_tokens")
    each = trait(plan.model, "asks_each")
    requests, least, most, longest, written = 0, 0, 0, (0, 0), 0
    before: dict[str, int] = {}
    for first, window in samples.windows():
        to_ask = [
            request
            for sample, lacks in zip(window, todo[first : first + len(window)], strict=True)
            if lacks.any()
            for request in requests_of(sample, tuple(lacks.nonzero()[0].tolist()), plan.mitigation)
        ]
        for sample in window:
            before[sample.id] = before.get(sample.after, 0) + 1 if sample.after else 0
        for request, (low, high) in zip(to_ask, _tokens(count, to_ask), strict=True):
            high += before.get(request.sample_id, 0) * plan.generation.max_new_tokens
            times = len(request.indices) if each else 1
            requests, least, most = requests + times, least + low * times, most + high * times
            answer = 0 if request.choices else plan.generation.max_new_tokens
            longest = max(longest[0], low + answer), max(longest[1], high + answer)
            written += 0 if request.choices else len(request.indices)
    generated = written * plan.generation.min_new_tokens, written * plan.generation.max_new_tokens
    memory = trait(plan.model, "memory")
    weights, token_bytes = memory() if memory else (None, None)
    place = trait(plan.model, "placement")
    longest_answer = plan.generation.max_new_tokens if written else 0
    placement: Placement | None = place(most, generated[1], longest_answer) if place else None
    at = set(placement[0]) if placement else set()
    seconds, sessions, gone_by, alike = _seconds(
        plan, asked.identity, int(todo.sum()), generated, at
    )
    return Forecast(
        f"{plan.task.name}, protocol {plan.protocol}, model {plan.model.name}",
        len(samples), todo.size, int(todo.size - todo.sum()), requests, (least, most),
        count is not None, generated, longest, weights, token_bytes,
        placement, seconds, sessions, gone_by, alike,
        _cost(trait(plan.model, "prices"), (least, most), generated),
        list(shown_of(plan, samples, like)),
    )  # fmt: skip


def _tokens(count: Any, requests: Sequence[Request]) -> Iterator[tuple[int, int]]:
    """The tokens of each prompt and of what is weighed after it."""
    if count is not None:
        yield from ((number, number) for number in count(requests))
        return
    for request in requests:
        turns = [request.prompt] if isinstance(request.prompt, str) else [
            message.content for message in request.prompt
        ]  # fmt: skip
        size = sum(len(text.encode("utf-8", "replace")) for text in (*turns, *request.choices))
        yield len(turns), max(size, 1) + 8 * len(turns)  # roles and marks of a chat


def _cost(prices: Mapping[str, float] | None, prompt: Bounds, generated: Bounds) -> Bounds | None:
    if not prices:
        return None
    low, high = (
        (prompt[end] * prices["input"] + generated[end] * prices["output"]) / 1e6 for end in (0, 1)
    )
    return low, high


def _seconds(
    plan: Plan, identity: Mapping[str, Any], generations: int, generated: Bounds, at: set[str]
) -> tuple[tuple[float, float, float] | None, int, int, bool]:
    """Median, least and most seconds by earlier sessions; their number, generations, if alike.

    Where several places will hold the weights (`at`) it goes by sessions with the same, and else by
    those with one.
    """
    alike, same_model = [], []
    counts = {"alike": 0, "same": 0}
    for info in read_infos(plan.results):
        before = info.identity
        if before.get("model") != identity["model"]:
            continue
        for session in info.sessions:
            done = session.get("generate") or {}
            if session.get("machine") != machine() or done.get("generations", 0) < FEW:
                continue
            devices = set((session.get("device") or "").split(", "))
            if (devices if len(devices) > 1 else set()) != at:
                continue
            seconds = done["seconds"] + sum((session.get("score") or {}).values())
            if all(before.get(key) == identity[key] for key in ("task", "options", "generation")):
                alike.append(seconds / done["generations"])
                counts["alike"] += done["generations"]
            if done.get("tokens"):
                same_model.append(seconds / done["tokens"])
                counts["same"] += done["generations"]
    if alike:
        spent = (median(alike) * generations, min(alike) * generations, max(alike) * generations)
        return spent, len(alike), counts["alike"], True
    if same_model and generated[1]:
        most = max(same_model) * generated[1]
        return (
            (median(same_model) * generated[1], 0.0, most),
            len(same_model),
            counts["same"],
            False,
        )
    return None, 0, 0, False
