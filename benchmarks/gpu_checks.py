"""What must hold on a card before its speed counts: `gpu.py` prints a word for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from harness.models.hf.loaded import LoadedModel
from harness.models.hf.model import HuggingFaceModel
from harness.types import GenerationConfig, Request

GREEDY = GenerationConfig(max_new_tokens=24, min_new_tokens=24)
DRAWN = GenerationConfig(n=4, temperature=1.0, top_p=0.9, max_new_tokens=24, min_new_tokens=24)
ROOM = 2**28
"""Bytes above what is in use that a card is left with, where memory is to run out."""
FEW_TOKENS = 700
"""A budget under which few rows are written together."""

Texts = dict[tuple[str, int], str | None]


def check(folder: Path, device: str, requests: Sequence[Request]) -> dict[str, str]:
    """Each thing that must hold, and whether it does; all in float32.

    Args:
        folder: of a checkpoint.
        device: as torch writes it.
        requests: to be continued.
    """
    drawn = [Request(r.sample_id, r.prompt, tuple(range(DRAWN.n))) for r in requests]
    on_card = _model(folder, device)
    greedy, many = texts(on_card, requests, GREEDY), texts(on_card, drawn, DRAWN)
    held = on_card.load("float32")
    findings = {
        "greedy texts as the CPU's": _equal(greedy, texts(_model(folder, "cpu"), requests, GREEDY)),
        "samples equal in small batches": _equal(
            many, texts(_model(folder, device, FEW_TOKENS), drawn, DRAWN)
        ),
        "memory budget": _budget(held),
    }
    with scarce(held) as how:
        findings[f"texts after memory ran out ({how})"] = _equal(many, texts(on_card, drawn, DRAWN))
    findings["halved to"] = f"{held.scale:.3g}" if held.scale < 1 else "NOT halved"
    held.scale = 1.0
    return findings


def texts(
    model: HuggingFaceModel, requests: Sequence[Request], generation: GenerationConfig
) -> Texts:
    """What it answers, by request and index."""
    return {
        (answer.sample_id, answer.index): answer.text
        for finished in model.generate(requests, generation, seed=0)
        for answer in finished
    }


@contextmanager
def scarce(loaded: LoadedModel) -> Iterator[str]:
    """Let memory run out: on a card truly, elsewhere by an error as torch raises it."""
    if loaded.device.type == "cuda":
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(loaded.device).total_memory
        used = torch.cuda.memory_allocated(loaded.device)
        torch.cuda.set_per_process_memory_fraction((used + ROOM) / total, loaded.device)
        budget, loaded.token_budget = loaded.token_budget, max(loaded.token_budget, 2**24)
        try:
            yield f"a limit of {ROOM >> 20} MiB"
        finally:
            loaded.token_budget = budget
            torch.cuda.set_per_process_memory_fraction(1.0, loaded.device)
        return
    forward, most = loaded.forward, 6

    def limited(*args: Sequence[int]) -> torch.Tensor:
        if len(args[3]) > most:
            raise torch.OutOfMemoryError(f"more than {most} rows")
        return forward(*args)  # type: ignore[arg-type]

    scale, loaded.scale = loaded.scale, 1 / 16  # so that halving it soon leaves few rows
    loaded.forward = limited  # type: ignore[method-assign, assignment]
    try:
        yield "an error raised here"
    finally:
        del loaded.forward
        loaded.scale = min(scale, loaded.scale)


def _model(folder: Path, device: str, budget: int | None = None) -> HuggingFaceModel:
    return HuggingFaceModel(str(folder), dtype="float32", device=device, token_budget=budget)


def _equal(here: Texts, there: Texts) -> str:
    same = sum(here[key] is not None and here[key] == there.get(key) for key in here)
    return f"{same}/{len(here)}"


def _budget(loaded: LoadedModel) -> str:
    """The tokens that are held at most, and how much of the memory was used at the peak."""
    if loaded.device.type != "cuda":
        return f"{loaded.token_budget} tokens"
    peak = torch.cuda.max_memory_allocated(loaded.device)
    total = torch.cuda.get_device_properties(loaded.device).total_memory
    return f"{loaded.token_budget} tokens, peak {peak / total:.0%} of memory"
