"""How fast the engine is beside its peers, on the same model and machine.

    python benchmarks/engine.py [--dtype float32 bfloat16] [--vllm PYTHON] [--only skewed] [--quick]
    python benchmarks/engine.py --quantize int8 --leave-out HFLM continuous

For each kind of work: our engine; lm-eval's HFLM and transformers' `generate` (a padded forward
for choices) in length-sorted batches, each at its best batch size of 8, 16 and 32, and
transformers' continuous batching, all on the same checkpoint with its weights as transformers
loads them; with `--vllm`, vLLM in a process of its own with the Python of its own environment,
prefix caching on, `n` generations a request, choices by the first token's log-probabilities; with
`--quantize`, all of them on weights that bitsandbytes rounded; and a
bound, the floating-point operations that cannot be avoided at the rate of a large matrix product.
Rounds alternate between the ways; prefix caches are emptied between them. What is printed is the
quickest round, since what else a machine does only adds to it, and the peak of memory above what
was in use before. Greedy texts and the likeliest choices are compared with HFLM's. The last line is
JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable
from copy import copy
from typing import Any

import torch
import transformers
from engine_bound import operations, product_rate
from engine_peers import Ways, peers
from engine_vllm import Vllm
from engine_watch import CLOCKS, Answers, Measured, run
from engine_work import Work, all_work
from rich.console import Console
from rich.table import Table

from harness.models.checkpoints.quantised import SCHEMES
from harness.models.hf.loaded import LoadedModel
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.quantised import rounding

ROUNDS = 3
SIZES = (8, 16, 32)
QUICK = {"choices": (5, 1, 1), "letters": (2, 1, 1), "25": (1, 12, 8), "greedy": (6, 1, 12)}
"""How many requests of each kind, generations and new tokens at most, where time is short."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--dtype", nargs="+", default=["float32"],
                        choices=["float32", "bfloat16", "float16"])  # fmt: skip
    parser.add_argument("--quantize", choices=SCHEMES, help="round the weights by bitsandbytes")
    parser.add_argument("--vllm", metavar="PYTHON", help="of an environment that has vLLM")
    parser.add_argument("--leave-out", nargs="+", default=[], metavar="WAY",
                        choices=["HFLM", "generate", "continuous"])  # fmt: skip
    parser.add_argument("--only", default="", help="kinds of work whose name holds this")
    parser.add_argument("--clock", default="wall", choices=CLOCKS,
                        help="cpu (OMP_NUM_THREADS=1) on a busy machine")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="a little of each, once: rough")
    asked = parser.parse_args()
    works = [work for work in all_work() if asked.only in work.name]
    if not works:
        parser.error(
            f"no work's name holds {asked.only!r}: {', '.join(w.name for w in all_work())}"
        )
    if asked.quick:
        works = [work.part(*QUICK[work.name.replace(",", "").split()[0]]) for work in works]
        asked.rounds = 1
    transformers.utils.logging.set_verbosity_error()
    print(json.dumps([of_dtype(asked, dtype, works) for dtype in asked.dtype]))


def of_dtype(asked: argparse.Namespace, dtype: str, works: list[Work]) -> dict[str, Any]:
    """Measure all work in one dtype; prints a table and gives what it holds."""
    ours = HuggingFaceModel(asked.model, dtype=dtype, quantize=asked.quantize)
    loaded = ours.load(dtype)
    logging.disable(logging.WARNING)
    vllm = None
    if asked.vllm:
        threads = torch.get_num_threads()
        vllm = Vllm(asked.vllm, ours.source.weights_folder(), dtype, threads, asked.clock)
    rate = product_rate(loaded)
    peer = as_transformers_loads_it(ours, loaded)
    lines = []
    for work in works:
        ways = {"ours": {0: lambda work=work: answer(ours, work)}}
        ways |= peers(work, peer, sizes=SIZES[1:2] if asked.quick else SIZES)
        ways = {name: way for name, way in ways.items() if name not in asked.leave_out}
        apart = {"vLLM": lambda work=work: vllm.measure(work, loaded)} if vllm else {}
        measured = measure(ways, apart, asked.rounds, asked.clock)
        bound = operations(work, loaded, measured["ours"].answers) / rate
        lines.append(line(work, measured, bound))
        print(f"{work.name}: {lines[-1]['ratios']}", file=sys.stderr)
    if vllm:
        vllm.end()
    title = [f"{asked.model} in {dtype} on {loaded.device}, {torch.get_num_threads()} threads"]
    title += [f"weights in {asked.quantize}"] if asked.quantize else []
    title += ["CPU seconds"] * (asked.clock == "cpu")
    title += [f"matrix products at {rate / 1e9:.0f} GFLOP/s"]
    title += [f"vLLM {vllm.version}"] if vllm else []
    title += ["quick: little work, so rough ratios"] * asked.quick
    print("; ".join(title))
    show(lines)
    return {"dtype": dtype, "clock": asked.clock, "quick": asked.quick, "works": lines}


def as_transformers_loads_it(ours: HuggingFaceModel, loaded: LoadedModel) -> LoadedModel:
    """The same checkpoint with nothing of ours in it."""
    peer = copy(loaded)
    quantize, dtype = ours.precision.quantize, loaded.model.dtype
    peer.model = transformers.AutoModelForCausalLM.from_pretrained(
        ours.source.weights_folder(),
        dtype=dtype,
        device_map={"": loaded.device},
        quantization_config=rounding(quantize, dtype) if quantize else None,
    ).eval()
    # Peers end rows where the checkpoint says; our engine tells transformers so at each call.
    peer.model.generation_config = transformers.GenerationConfig(
        eos_token_id=loaded.ends, pad_token_id=loaded.encoder.pad
    )
    return peer


def line(work: Work, measured: dict[str, Measured], bound: float) -> dict[str, Any]:
    """What is known of a piece of work: for each way seconds, peak, and its seconds over ours."""
    ours = measured["ours"]
    reference = measured["HFLM"].answers if "HFLM" in measured else []
    equal = {
        name: f"{sum(a == b for a, b in zip(way.answers, reference, strict=True))}/{len(reference)}"
        for name, way in measured.items()
        if reference and not work.generation.temperature
    }
    return {
        "work": work.name,
        "bound": round(bound, 3),
        "seconds": {name: round(way.least, 3) for name, way in measured.items()},
        "medians": {name: round(way.median, 3) for name, way in measured.items()},
        "sizes": {name: way.size for name, way in measured.items() if way.size},
        "peak_mb": {name: way.peak >> 20 for name, way in measured.items()},
        "ratios": {
            n: round(way.least / ours.least, 2) for n, way in measured.items() if n != "ours"
        },
        "equal": equal,
        "goal": work.target,
    }


def show(lines: list[dict[str, Any]]) -> None:
    """Print a table of ratios and one of seconds, peaks and equal answers."""
    names = list(dict.fromkeys(name for line in lines for name in line["seconds"]))
    others = [name for name in names if name != "ours"]
    table = Table("work", "ours s", "bound s", *(f"{n} / ours" for n in others), box=None)
    for line in lines:
        ratios = [str(line["ratios"].get(name, "")) for name in others]
        table.add_row(line["work"], f"{line['seconds']['ours']}", f"{line['bound']}", *ratios)
    Console(width=130).print("seconds over ours: above 1, ours is quicker", table)
    table = Table("work", *names, box=None)
    for line in lines:
        cells = []
        for name in names:
            if name not in line["seconds"]:
                cells.append("")
                continue
            cell = f"{line['seconds'][name]} s, {line['peak_mb'][name]} MB"
            if name in line["sizes"]:
                cell += f" @{line['sizes'][name]}"
            cells.append(cell + (f", {line['equal'][name]}" if name in line["equal"] else ""))
        table.add_row(line["work"], *cells)
    Console(width=160).print(
        "least seconds, peak memory, @ rows of a batch at their best, answers as HFLM's", table
    )


def measure(
    ways: Ways, apart: dict[str, Callable[[], Measured]], rounds: int, clock: str
) -> dict[str, Measured]:
    """Run every way in turn: in the first round at all batch sizes, then at the best one.

    Args:
        ways: in this process.
        apart: in another one, which measures itself.
        rounds: of all of them.
        clock: by which time is measured.
    """
    measured: dict[str, Measured] = {}
    for _ in range(rounds):
        done: dict[str, Measured] = {}
        for name, by_size in ways.items():
            known = measured.get(name)
            tried = [run(work, size, clock) for size, work in by_size.items()
                     if known is None or size == known.size]  # fmt: skip
            done[name] = min(tried, key=lambda way: way.least)
        done |= {name: work() for name, work in apart.items()}
        for name, way in done.items():
            known = measured.setdefault(name, way)
            if known is not way:
                known.seconds += way.seconds
                known.peak = max(known.peak, way.peak)
    return measured


def answer(model: HuggingFaceModel, work: Work) -> Answers:
    """Our engine."""
    answers = {}
    for finished in model.generate(work.requests, work.generation, seed=0):
        for generation in finished:
            weights = generation.choice_logprobs
            answer = generation.text if weights is None else weights.index(max(weights))
            answers[generation.sample_id, generation.index] = answer
    return [answers[request.sample_id, i] for request in work.requests for i in request.indices]


if __name__ == "__main__":
    main()
