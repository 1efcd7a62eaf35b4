"""How fast a steered model writes, beside the same model as it is, and what fitting costs.

    python benchmarks/steering.py [--rounds 3] [--prompts 8] [--n 25] [--fit]

25 generations of 20 tokens a prompt of 40 tokens. Ways take turns within a round; a way's ratio is
the median over rounds of its rate by the unmitigated one's of the same round. `--fit` fits anew
what is kept from earlier, and tells seconds of wall and processor, and the peak of memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from harness.mitigations.steering.sparse_features import SparseFeatures
from harness.mitigations.steering.steering import Steering
from harness.mitigations.steering.transport import Transport
from harness.models.hf.model import HuggingFaceModel
from harness.types import GenerationConfig, Mitigation, Request

PROMPT_TOKENS, NEW_TOKENS = 40, 20
BOUND = {"steering": 0.9, "steering by input": 0.9, "steering by token": 0.9, "transport": 0.9}
"""Of the unmitigated rate, at least."""


def ways(model: HuggingFaceModel, autoencoder: str | None = None) -> Mapping[str, Mitigation]:
    """Every way to steer that is timed, by the name that the table has.

    Args:
        model: that is steered; what is fitted is fitted on it.
        autoencoder: of sparse features; None: they are left out.
    """
    sparse: dict[str, Mitigation] = {}
    if autoencoder is not None:
        sparse = {
            f"sparse features, {tier}": SparseFeatures(model, file=autoencoder, tier=tier)
            for tier in ("constant", "token")
        }
    return {
        "steering": Steering(model),
        "steering by input": Steering(model, tier="input"),
        "steering by token": Steering(model, tier="token"),
        "transport": Transport(model),
        **sparse,
    }


class Rate(NamedTuple):
    """Tokens written a second, by the clock and of the processor's time."""

    clock: float
    processor: float
    """Of all threads together; other work on the machine moves it less."""


def rate(model: HuggingFaceModel, requests: list[Request], n: int) -> Rate:
    """How fast a model writes."""
    settings = GenerationConfig(
        n=n, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, temperature=1.0, top_p=0.9
    )
    began, worked = time.monotonic(), time.process_time()
    written = sum(a.tokens for answers in model.generate(requests, settings, 0) for a in answers)
    return Rate(written / (time.monotonic() - began), written / (time.process_time() - worked))


def requests_of(model: HuggingFaceModel, prompts: int, n: int) -> list[Request]:
    """Prompts of just so many tokens, no two with the same beginning."""
    tokenizer = model.load(model.identity["dtype"]).encoder.tokenizer
    texts = []
    for number in range(prompts):
        words = f"Report {number + 1} of the harbour office says that in the morning " * 8
        texts.append(tokenizer.decode(tokenizer(words)["input_ids"][:PROMPT_TOKENS]))
    return [Request(str(i), text, tuple(range(n))) for i, text in enumerate(texts)]


def measured(rates: Mapping[str, list[Rate]]) -> Iterator[tuple[str, float, Rate]]:
    """Of each way its median rate by the clock, and the median ratios to the unmitigated."""
    for name, each in rates.items():
        ratios = [
            [ours[i] / bare[i] for ours, bare in zip(each, rates["none"], strict=True)]
            for i in (0, 1)
        ]
        yield name, statistics.median(x.clock for x in each), Rate(*map(statistics.median, ratios))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--n", type=int, default=25)
    parser.add_argument("--autoencoder", default=None)
    parser.add_argument("--fit", action="store_true")
    asked = parser.parse_args()
    console, model = Console(), HuggingFaceModel(asked.model, dtype=asked.dtype)
    if asked.fit:
        fitting(model, console)
        return
    steered = {"none": model} | {
        name: model.hooked([way]) for name, way in ways(model, asked.autoencoder).items()
    }
    requests = requests_of(model, asked.prompts, asked.n)
    for each in steered.values():
        rate(each, requests[:1], 1)  # loads it
    rates: dict[str, list[Rate]] = {name: [] for name in steered}
    for _ in range(asked.rounds):
        for name, each in steered.items():
            rates[name].append(rate(each, requests, asked.n))
    table = Table("way", "tokens a second", "of the unmitigated", "by processor time", "bound")
    for name, median, (clock, processor) in measured(rates):
        shares = f"{clock:.2f}", f"{processor:.2f}"
        table.add_row(name, f"{median:.0f}", *shares, str(BOUND.get(name, "")))
    console.print(table)


def fitting(model: HuggingFaceModel, console: Console) -> None:
    """Fit anew, in an empty cache, and say what it took."""
    table = Table("fit", "seconds", "of the processor", "peak, GB")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "models").symlink_to(model.source.folder.parent)
        os.environ["HARNESS_CACHE"] = folder
        for name, way in (("steering", Steering(model)), ("transport", Transport(model))):
            wall, work = time.monotonic(), time.process_time()
            _ = way.identity
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            taken = (time.monotonic() - wall, time.process_time() - work)
            table.add_row(name, *(f"{seconds:.0f}" for seconds in taken), f"{peak:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
