"""How fast the engine is beside its peers, on the same model, machine and process.

    python benchmarks/engine.py [--dtype bfloat16] [--only skewed] [--quick]

For each kind of work: our engine; lm-eval's HFLM and transformers' `generate` (a padded forward
for choices) in length-sorted batches, each at its best batch size of 8, 16 and 32, all on the very
same weights; and a bound, the floating-point operations that cannot be avoided at the rate of a
large matrix product. Rounds alternate between the three; medians are printed, with the peak of
memory above what was in use before. Greedy texts and the likeliest choices are compared with
HFLM's. The last line is JSON.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import logging
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
import torch
import transformers
from engine_bound import operations, product_rate
from engine_work import Work, all_work
from rich.console import Console
from rich.table import Table

from harness.models.hf.loaded import LoadedModel
from harness.models.hf.model import HuggingFaceModel
from harness.types import Request

ROUNDS = 3
SIZES = (8, 16, 32)
QUICK = {"choices": (5, 1, 1), "letters": (2, 1, 1), "25": (1, 12, 8), "greedy": (6, 1, 12)}
"""How many requests of each kind, generations and new tokens at most, where time is short."""

Answers = list[Any]
"""For each request (each copy of it) a text, or the number of the likeliest choice."""


@dataclass
class Measured:
    """One way to do one piece of work."""

    seconds: list[float] = field(default_factory=list)
    peak: int = 0
    """Bytes above what was in use before."""
    answers: Answers = field(default_factory=list)
    size: int = 0
    """Rows of a batch, where they are fixed."""

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--only", default="", help="kinds of work whose name holds this")
    parser.add_argument("--quick", action="store_true", help="a little of each, once: rough")
    asked = parser.parse_args()
    works = [work for work in all_work() if asked.only in work.name]
    if not works:
        parser.error(
            f"no work's name holds {asked.only!r}: {', '.join(w.name for w in all_work())}"
        )
    if asked.quick:
        works = [work.part(*QUICK[work.name.replace(",", "").split()[0]]) for work in works]
    ours = HuggingFaceModel(asked.model, dtype=asked.dtype)
    loaded = ours.load(asked.dtype)
    transformers.utils.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    # Peers end rows where the checkpoint says; our engine tells transformers so at each call.
    loaded.model.generation_config = transformers.GenerationConfig(
        eos_token_id=loaded.ends, pad_token_id=loaded.encoder.pad
    )
    rate = product_rate(loaded)
    table = Table("work", "ours s", "HFLM s", "generate s", "bound s", "ratio", "goal", "equal",
                  "peak MB: ours", "HFLM", "generate", box=None)  # fmt: skip
    ratios = {}
    for work in works:
        ways = peers(work, loaded, sizes=SIZES[1:2] if asked.quick else SIZES)
        ways["ours"] = {0: lambda work=work: answer(ours, work)}
        found = measure(ways, loaded, rounds=1 if asked.quick else ROUNDS)
        ratio = min(found["HFLM"].median, found["generate"].median) / found["ours"].median
        ratios[work.name] = round(ratio, 2)
        bound = operations(work, loaded, found["ours"].answers) / rate
        table.add_row(*row(work, found, bound, ratio))
        print(f"{work.name}: {ratio:.2f}", file=sys.stderr)
    print(f"{asked.model} in {asked.dtype} on {loaded.device}, {torch.get_num_threads()} threads: "
          f"matrix products at {rate / 1e9:.0f} GFLOP/s")  # fmt: skip
    print("@: rows of a batch at their best; equal: texts or likeliest choices as HFLM's"
          + ("; quick: little work, so rough ratios" if asked.quick else ""))  # fmt: skip
    Console(width=130).print(table)
    print(json.dumps({"dtype": asked.dtype, "quick": asked.quick, "ratios": ratios}))


def row(work: Work, found: dict[str, Measured], bound: float, ratio: float) -> list[str]:
    """A line of the table."""
    drawn = work.generation.temperature > 0
    pairs = list(zip(found["ours"].answers, found["HFLM"].answers, strict=True))
    equal = "drawn" if drawn else f"{sum(a == b for a, b in pairs)}/{len(pairs)}"
    seconds = [
        f"{way.median:.2f}" + (f" @{way.size}" if way.size else "")
        for way in (found[name] for name in ("ours", "HFLM", "generate"))
    ]
    peaks = [f"{found[name].peak / 2**20:.0f}" for name in ("ours", "HFLM", "generate")]
    return [work.name, *seconds, f"{bound:.2f}", f"{ratio:.2f}", f"{work.target}", equal, *peaks]


Ways = dict[str, dict[int, Callable[[], Answers]]]


def measure(ways: Ways, loaded: LoadedModel, rounds: int) -> dict[str, Measured]:
    """Run every way in turn: in the first round at all batch sizes, then at the best one."""
    found: dict[str, Measured] = {}
    for _ in range(rounds):
        for name, by_size in ways.items():
            loaded.use_cascade(name == "ours" and loaded.widest > 0)
            known = found.get(name)
            tried = [run(work, size) for size, work in by_size.items()
                     if known is None or size == known.size]  # fmt: skip
            best = min(tried, key=lambda way: way.median)
            if known is None:
                found[name] = best
            else:
                known.seconds += best.seconds
                known.peak = max(known.peak, best.peak)
    return found


def run(work: Callable[[], Answers], size: int) -> Measured:
    """Do it once, with a watch on time and memory."""
    gc.collect()
    with suppress(OSError, AttributeError):  # only glibc keeps freed memory and can be asked for it
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    with watched() as peak:
        started = time.perf_counter()
        answers = work()
        seconds = time.perf_counter() - started
    return Measured([seconds], peak[0], answers, size)


@contextmanager
def watched() -> Iterator[list[int]]:
    """The most memory that was in use above what is in use now: the device's or the process's."""
    if torch.accelerator.is_available():
        torch.accelerator.reset_peak_memory_stats()
        before = torch.accelerator.memory_allocated()
        peak = [0]
        yield peak
        peak[0] = torch.accelerator.max_memory_allocated() - before
        return
    process, done = psutil.Process(), threading.Event()
    before = process.memory_info().rss
    peak = [0]

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], process.memory_info().rss - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def answer(model: HuggingFaceModel, work: Work) -> Answers:
    """Our engine."""
    found = {}
    for finished in model.generate(work.requests, work.generation, seed=0):
        for generation in finished:
            weights = generation.choice_logprobs
            of = generation.text if weights is None else weights.index(max(weights))
            found[generation.sample_id, generation.index] = of
    return [found[request.sample_id, i] for request in work.requests for i in request.indices]


def peers(work: Work, loaded: LoadedModel, sizes: Sequence[int]) -> Ways:
    """lm-eval and transformers, at each batch size."""
    return {
        "HFLM": {size: lambda size=size: hflm(work, loaded, size) for size in sizes},
        "generate": {size: lambda size=size: plain(work, loaded, size) for size in sizes},
    }


def hflm(work: Work, loaded: LoadedModel, size: int) -> Answers:
    """lm-eval's transformers backend, which batches by rows and sorts by length."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    model = HFLM(
        pretrained=loaded.model,
        tokenizer=loaded.encoder.tokenizer,
        batch_size=size,
        max_length=loaded.context,
    )
    generation = work.generation
    if work.requests[0].choices:
        asked = [
            Instance("loglikelihood", {}, (request.prompt, choice), number)
            for number, request in enumerate(work.requests)
            for choice in request.choices
        ]
        weights = iter(model.loglikelihood(asked, disable_tqdm=True))
        return [_likeliest([next(weights)[0] for _ in r.choices]) for r in work.requests]
    settings: dict[str, Any] = {"until": [], "max_gen_toks": generation.max_new_tokens}
    if generation.min_new_tokens:
        settings["min_new_tokens"] = generation.min_new_tokens
    if generation.temperature:
        settings |= {"do_sample": True, "temperature": generation.temperature}
        settings |= {"top_p": generation.top_p, "top_k": 0}
    asked = [
        Instance("generate_until", {}, (loaded.encoder.render(request), settings), number)
        for number, request in enumerate(work.requests)
        for _ in request.indices
    ]
    return list(model.generate_until(asked, disable_tqdm=True))


@torch.inference_mode()
def plain(work: Work, loaded: LoadedModel, size: int) -> Answers:
    """What transformers offers: `generate`, or a forward, on padded batches sorted by length."""
    rows = []
    for request in work.requests:
        prompt = loaded.encoder.encode(request)
        rows += [(request, prompt)] * len(request.indices)
    order = sorted(range(len(rows)), key=lambda number: -len(rows[number][1]))
    answers: Answers = [None] * len(rows)
    for first in range(0, len(order), size):
        batch = order[first : first + size]
        done = _plain_batch([rows[number] for number in batch], work, loaded)
        for number, of_one in zip(batch, done, strict=True):
            answers[number] = of_one
    return answers


def _plain_batch(
    rows: Sequence[tuple[Request, list[int]]], work: Work, loaded: LoadedModel
) -> Answers:
    tokenizer, generation = loaded.encoder.tokenizer, work.generation
    tokenizer.padding_side = "left"
    padded = tokenizer.pad({"input_ids": [tokens for _, tokens in rows]}, return_tensors="pt")
    padded = padded.to(loaded.device)
    if rows[0][0].choices:  # each one token, as HFLM finds out for itself
        logits = loaded.model(**padded, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        weights = logits.log_softmax(-1)
        choices = [loaded.encoder.choices(request, tokens) for request, tokens in rows]
        return [
            _likeliest([float(of_row[choice[0]]) for choice in of_request])
            for of_row, of_request in zip(weights, choices, strict=True)
        ]
    drawing: dict[str, Any] = {"do_sample": False}
    if generation.temperature:
        drawing = {"do_sample": True, "temperature": generation.temperature, "top_k": 0,
                   "top_p": generation.top_p}  # fmt: skip
    written = loaded.model.generate(
        **padded,
        max_new_tokens=generation.max_new_tokens,
        min_new_tokens=generation.min_new_tokens or None,
        **drawing,
    )
    new = written[:, padded["input_ids"].shape[1] :]
    return list(tokenizer.batch_decode(new, skip_special_tokens=True))


def _likeliest(weights: list[float]) -> int:
    return weights.index(max(weights))


if __name__ == "__main__":
    main()
