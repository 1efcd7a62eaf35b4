"""What servers of the bundled model honour, and whether they write and weigh as the engine does.

    python benchmarks/servers.py NAME=MODEL@http://127.0.0.1:8000/v1 [NAME=...] [--texts 48]

Each server has been started by hand with the bundled weights. Of each a row: what the requests at
the start found of n, seed, stop and logprobs; whether temperature 1 draws anything; how many greedy
texts of 16 tokens to requests of med_harm are the engine's, to the last character, and how many
characters those that are not have in common on average; and by how much the share of each letter of
counseling_qa, among the four, differs at most from the engine's. What cannot be had says why.
"""

from __future__ import annotations

import argparse
import asyncio
from itertools import takewhile

import numpy as np

from harness.command import task_of
from harness.models.hf.model import HuggingFaceModel
from harness.models.openai.asking import Asker
from harness.models.openai.bodies import Parameters
from harness.models.openai.honouring import honoured
from harness.models.openai.model import ServedModel
from harness.types import Generation, GenerationConfig, HarnessError, Message, Model, Request

TOKENS = 16
DRAWS = (Request("draw", (Message("user", "Write twelve random words."),), (0, 1, 2, 3)),)


def main() -> None:
    """Print a row for each server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="+", metavar="NAME=MODEL@ADDRESS")
    parser.add_argument("--texts", type=int, default=48)
    options = parser.parse_args()
    texts = requests_of("med_harm", options.texts)
    letters = requests_of("counseling_qa", 24)
    engine = HuggingFaceModel("smollm2")
    ours = texts_of(engine, texts)
    shares = shares_of(engine, letters)
    for server in options.servers:
        name, _, target = server.partition("=")
        model, _, address = target.rpartition("@")
        print(name, flush=True)
        heeds = asyncio.run(honours(model, address, texts[0]))
        for parameter, finding in heeds.items():
            print(f"  {parameter}: {finding}", flush=True)
        draws = texts_of(served(model, address), DRAWS, temperature=1.0)
        print(f"  different among four draws at temperature 1: {len(set(draws))}", flush=True)
        theirs = texts_of(served(model, address), texts)
        print(f"  greedy texts: {compared(ours, theirs)}", flush=True)
        try:
            weighing = served(model, address, choices=True, continues=True)
            other = shares_of(weighing, letters)
            print(f"  letters: {np.abs(shares - other).max():.4f} at most, "
                  f"{np.abs(shares - other).mean():.4f} on average", flush=True)  # fmt: skip
        except HarnessError as error:
            print(f"  letters: {error}", flush=True)


async def honours(model: str, address: str, first: Request) -> dict[str, str]:
    """What the server honours, as a run finds it."""
    asker = Asker(address, "", 1, 300.0, "NONE")
    try:
        return await honoured(asker, 1, Parameters(), model, first)
    finally:
        await asker.close()


def served(model: str, address: str, **options: bool) -> ServedModel:
    """The server as a model, asked as it can be."""
    return ServedModel(model, address, concurrency=1, probe=bool(options), **options)


def requests_of(task: str, count: int) -> list[Request]:
    """So many of a task's requests, evenly spread."""
    task_object = task_of(task)
    samples = list(task_object.samples(task_object.records()))
    step = max(1, len(samples) // count)
    return [Request(s.id, s.prompt, choices=s.choices) for s in samples[::step][:count]]


def answers_of(model: Model, requests: list[Request], **settings: float) -> list[Generation]:
    """One answer for each index of each request, in order."""
    generation = GenerationConfig(max_new_tokens=TOKENS, **settings)
    answers = [answer for part in model.generate(requests, generation, 0) for answer in part]
    order = {request.sample_id: place for place, request in enumerate(requests)}
    return sorted(answers, key=lambda answer: (order[answer.sample_id], answer.index))


def texts_of(model: Model, requests: list[Request], **settings: float) -> list[str]:
    """The texts; a failure's is its reason."""
    return [
        answer.text or f"({answer.error})" for answer in answers_of(model, requests, **settings)
    ]


def shares_of(model: Model, requests: list[Request]) -> np.ndarray:
    """The share of each choice among all of a request, shape (requests, choices).

    Raises:
        HarnessError: an answer failed.
    """
    answers = answers_of(model, requests)
    for answer in answers:
        if answer.choice_logprobs is None:
            raise HarnessError(f"{answer.sample_id}: {answer.error}")
    weights = np.exp([answer.choice_logprobs for answer in answers])
    return weights / weights.sum(axis=1, keepdims=True)


def compared(ours: list[str], theirs: list[str]) -> str:
    """How many are the same, and how long the others stay together."""
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a != b]
    same = f"{len(ours) - len(pairs)} of {len(ours)} are the engine's"
    if not pairs:
        return same
    common = np.mean([_together(a, b) / max(1, len(a)) for a, b in pairs])
    return f"{same}; the others share {common:.2f} of their length from the start"


def _together(ours: str, theirs: str) -> int:
    """Characters from the start that both have."""
    return sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False))
    )


if __name__ == "__main__":
    main()
