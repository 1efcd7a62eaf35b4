"""What the engine does on a card: whether it is right there, and how fast.

    python benchmarks/gpu.py [--device cuda] [--sizes 0.1 1 8] [--shapes llama ...] [--compiled]
    python benchmarks/gpu.py --device cpu --sizes tiny         # the same path, anywhere

Needs torch, transformers and this project; checkpoints of random weights are made. For the first
size of each shape it checks, in float32, that greedy texts are the CPU's, that samples do not
depend on the size of batches, that the memory budget holds, and that a run goes on after memory
has run out. Then it measures tokens a second (prompts' and answers', each once a way) in `--dtype`:
the engine, transformers' `generate`, and lm-eval's HFLM and vLLM where they are installed. Shares
are of what the card itself does here: bytes a second of a large copy (of which a step of writing
needs the weights and the keys and values that it reads) and operations a second of a large matrix
product (of which a prompt needs two for each parameter and token).

`--compiled` lets torch compile what stands between attention and attention, which our engine does
not do by itself: it has not been tried on a card. The last line is JSON with the card's name.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from gpu_checks import check
from gpu_models import SHAPES, SIZES, active, make
from gpu_peers import Work, hflm, plain

from harness.models.hf.loaded import LoadedModel
from harness.models.hf.memory import best_device
from harness.models.hf.model import HuggingFaceModel
from harness.types import GenerationConfig, Request

ROUNDS = 3


def main() -> None:
    """Check, measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default=best_device())
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["0.1", "1", "8"])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--dtype", choices=["bfloat16", "float16", "float32"])
    parser.add_argument("--folder", type=Path, help="where checkpoints are kept")
    parser.add_argument("--compiled", action="store_true", help="let torch compile layers")
    asked = parser.parse_args()
    dtype = asked.dtype or ("float32" if asked.device == "cpu" else "bfloat16")
    logging.disable(logging.WARNING)
    transformers.utils.logging.set_verbosity_error()
    card = name_of(asked.device)
    print(f"{card}, {dtype}, torch {torch.__version__}, transformers {transformers.__version__}")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        for shape in asked.shapes:
            first = make(shape, asked.sizes[0], "float32", "cpu", folder)
            checks = check(first, asked.device, prompts(8, 40, 30))
            print(f"{shape} {asked.sizes[0]}: " + "; ".join(f"{k} {v}" for k, v in checks.items()))
            rows.append({"shape": shape, "size": asked.sizes[0], "checks": checks})
            for size in asked.sizes:
                path = make(shape, size, dtype, asked.device, folder)
                row = measure(path, asked.device, dtype, size == "tiny", asked.compiled)
                rows.append({"shape": shape, "size": size, **row})
                print_row(rows[-1])
    when = datetime.now(UTC).date().isoformat()
    print(json.dumps({"card": card, "dtype": dtype, "date": when, "rows": rows}))


def prompts(count: int, common: int, length: int) -> list[Request]:
    """Prompts of so many tokens, the first ones the same in all."""
    begun = " ".join(f"w{2 + n}" for n in range(common))
    endings = [
        " ".join(f"w{2 + (7 * i + 3 * n) % 500}" for n in range(length)) for i in range(count)
    ]
    return [Request(str(i), f"{begun} {text}".strip()) for i, text in enumerate(endings)]


def works(little: bool) -> dict[str, Work]:
    """What is asked: choices, 25 continuations, and greedy answers of equal length."""
    part = 8 if little else 1
    drawn = GenerationConfig(n=25, temperature=1.0, top_p=0.9, max_new_tokens=20, min_new_tokens=20)
    many = [
        [replace(request, indices=tuple(range(25 if part == 1 else 4))) for request in asked]
        for asked in (prompts(8, 0, 40), prompts(8, 120, 40))
    ]
    greedy = GenerationConfig(max_new_tokens=64 // part, min_new_tokens=64 // part)
    choices = [replace(r, choices=(" w3", " w9")) for r in prompts(135 // part, 100, 25)]
    return {
        "choices": (choices, GenerationConfig()),
        "25 x 20, 40 tokens": (many[0], drawn),
        "25 x 20, 160 tokens": (many[1], drawn),
        "greedy": (prompts(64 // part, 0, 60), greedy),
    }


def measure(path: Path, device: str, dtype: str, little: bool, compiled: bool) -> dict[str, Any]:
    """Tokens a second of each way at each work, and the shares of what the card can do."""
    model = HuggingFaceModel(str(path), dtype=dtype, device=device)
    loaded = model.load(dtype)
    if compiled:
        for name, module in loaded.model.named_modules():
            if name.endswith(".mlp"):
                module.compile(dynamic=True)
    shares = shares_of(loaded, model, little)
    ways: dict[str, Callable[[Work], object]] = {
        "ours": lambda work: list(model.generate(*work, seed=0)),
        "generate": partial(plain, loaded),
    }
    if importlib.util.find_spec("lm_eval"):
        ways["HFLM"] = partial(hflm, loaded)
    speeds = {
        name: {way: speed(work, do, loaded) for way, do in ways.items()}
        for name, work in works(little).items()
    }
    reached = {"tokens_per_second": speeds, **shares, "attention": loaded.remarks["attention"]}
    if device.startswith("cuda") and importlib.util.find_spec("vllm"):
        budget = loaded.encoder
        del model, loaded, ways
        gc.collect()
        torch.cuda.empty_cache()
        for name, rate in by_vllm(path, dtype, little, budget).items():
            speeds[name]["vLLM"] = rate
    return reached


def speed(work: Work, do: Callable[[Work], object], loaded: LoadedModel) -> float:
    """Tokens a second, of prompts once each and of all that is written: the median of rounds."""
    loaded.use_cascade(False)
    loaded.model.generation_config = transformers.GenerationConfig(eos_token_id=0, pad_token_id=0)
    do(work)
    seconds = []
    for _ in range(ROUNDS):
        seconds.append(timed(loaded.device, lambda: do(work)))
    return round(tokens_of(work, loaded.encoder) / statistics.median(seconds), 1)


def tokens_of(work: Work, encoder: Any) -> int:
    """Tokens of all prompts and of all answers."""
    requests, generation = work
    asked = sum(len(encoder.encode(request)) for request in requests)
    if requests[0].choices:
        return asked + sum(len(request.choices) for request in requests)
    return asked + generation.max_new_tokens * sum(len(request.indices) for request in requests)


def timed(device: torch.device, do: Callable[[], object]) -> float:
    """Seconds until the device has done it."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    wait()
    started = time.perf_counter()
    do()
    wait()
    return time.perf_counter() - started


def shares_of(loaded: LoadedModel, model: HuggingFaceModel, little: bool) -> dict[str, float]:
    """Of the card's bandwidth while writing, and of its matrix rate while reading prompts."""
    rows, steps, width = (8, 8, 40) if little else (64, 64, 160)
    asked = prompts(rows, 0, width)

    def write(count: int) -> float:
        config = GenerationConfig(max_new_tokens=count, min_new_tokens=count)
        return timed(loaded.device, lambda: list(model.generate(asked, config, seed=0)))

    write(2)
    read = min(write(1) for _ in range(ROUNDS))
    step = (min(write(steps) for _ in range(ROUNDS)) - read) / (steps - 1)
    size = torch.empty(0, dtype=loaded.model.dtype).element_size()
    moved = active(loaded.model) * size + rows * (width + steps / 2) * loaded.token_bytes
    operations = 2.0 * active(loaded.model) * rows * width
    bandwidth, rate = copied(loaded, little), multiplied(loaded, little)
    return {
        "step_ms": round(1000 * step, 3),
        "share_of_bandwidth": round(moved / max(step, 1e-9) / bandwidth, 3),
        "share_of_matrix_rate": round(operations / read / rate, 3),
        "bandwidth_gb": round(bandwidth / 1e9, 1),
        "matrix_tflop": round(rate / 1e12, 2),
    }


def copied(loaded: LoadedModel, little: bool) -> float:
    """Bytes a second that a large copy reads and writes."""
    source = torch.empty(2**24 if little else 2**30, dtype=torch.uint8, device=loaded.device)
    target = torch.empty_like(source)
    seconds = min(timed(loaded.device, lambda: target.copy_(source)) for _ in range(5))
    return 2 * source.numel() / seconds


def multiplied(loaded: LoadedModel, little: bool) -> float:
    """Operations a second of a large matrix product."""
    size = 512 if little or loaded.device.type == "cpu" else 8192
    left, right = (
        torch.randn(size, size, device=loaded.device).to(loaded.model.dtype) for _ in range(2)
    )
    seconds = min(timed(loaded.device, lambda: left @ right) for _ in range(5))
    return 2.0 * size**3 / seconds


def by_vllm(path: Path, dtype: str, little: bool, encoder: Any) -> dict[str, float]:
    """The same through vLLM, its prefix cache as a run has it."""
    from harness.models.vllm.model import VllmModel

    model = VllmModel(str(path), dtype=dtype)
    rates = {}
    for name, work in works(little).items():
        list(model.generate(*work, seed=0))
        seconds = [
            timed(torch.device("cuda"), lambda work=work, n=n: list(model.generate(*work, seed=n)))  # type: ignore[misc]
            for n in range(ROUNDS)
        ]
        rates[name] = round(tokens_of(work, encoder) / statistics.median(seconds), 1)
    return rates


def print_row(row: dict[str, Any]) -> None:
    """A model's lines."""
    print(
        f"{row['shape']} {row['size']}: a step {row['step_ms']} ms, {row['share_of_bandwidth']:.0%}"
        f" of {row['bandwidth_gb']} GB/s; prompts {row['share_of_matrix_rate']:.0%} of "
        f"{row['matrix_tflop']} TFLOP/s; attention {row['attention']}"
    )
    for work, rates in row["tokens_per_second"].items():
        cells = "".join(f"{way:>10}{rate:>12,.0f}" for way, rate in rates.items())
        print(f"  {work:22}{cells}", flush=True)


def name_of(device: str) -> str:
    """The card, or the processor."""
    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name(device))
    return f"CPU ({torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads)"


if __name__ == "__main__":
    main()
