"""Where the engine's time goes: CPU seconds by part, on one thread.

    python benchmarks/engine_profile.py [--dtype float32 bfloat16] [--only greedy] [--plain]

Parts are told apart by clocks around what the engine calls: linear layers, the output layer,
attention, the choice of tokens; `rest of the model` is the small operators between them and
transformers' Python, `outside it` the engine's own. The clock is the thread's CPU time, so that
what else the machine does is not in it. `--plain` leaves the weights as transformers loads them.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import torch
from engine_work import Work, all_work
from rich.console import Console
from rich.table import Table

from harness.models.hf import packed, writing
from harness.models.hf.cascade import Prefill
from harness.models.hf.loaded import LoadedModel
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.slots import Slots

PARTS = ("products", "output layer", "attention", "choice of tokens", "rest of the model",
         "outside it")  # fmt: skip


class Clocks:
    """CPU seconds by part; a part within another is not the other's."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[float] = []
        """Of each part under way, seconds of parts within it."""

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with a clock on it."""

        def timed(*args: Any, **options: Any) -> Any:
            self._open.append(0.0)
            started = time.thread_time()
            try:
                return function(*args, **options)
            finally:
                spent = time.thread_time() - started
                self.seconds[part] += spent - self._open.pop()
                if self._open:
                    self._open[-1] += spent

        return timed


def profile(model: HuggingFaceModel, loaded: LoadedModel, work: Work) -> dict[str, float]:
    """CPU seconds of each part, the second time that the work is done."""

    def go() -> None:
        for _ in model.generate(work.requests, work.generation, seed=0):
            pass

    go()
    clocks = Clocks()
    head = loaded.model.get_output_embeddings()
    with (
        patch.object(head, "forward", clocks.around("output layer", head.forward)),
        patch.object(Slots, "attend", clocks.around("attention", Slots.attend)),
        patch.object(Prefill, "attend", clocks.around("attention", Prefill.attend)),
        patch.object(writing, "choose", clocks.around("choice of tokens", writing.choose)),
        patch.object(LoadedModel, "forward",
                     clocks.around("rest of the model", LoadedModel.forward)),
    ):  # fmt: skip
        linears = [module for module in loaded.model.modules()
                   if isinstance(module, torch.nn.Linear) and module is not head]  # fmt: skip
        for module in linears:
            module.forward = clocks.around("products", module.forward)
        try:
            clocks.around("outside it", go)()
        finally:
            for module in linears:
                del module.forward
    return dict(clocks.seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--dtype", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--only", default="", help="kinds of work whose name holds this")
    parser.add_argument("--new-tokens", type=int, default=16, help="of each answer, at most")
    parser.add_argument("--plain", action="store_true", help="weights as transformers loads them")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    works = [work for work in all_work() if asked.only in work.name]
    works = [work.part(len(work.requests), 25, asked.new_tokens) for work in works]
    rows = []
    for dtype in asked.dtype:
        model = HuggingFaceModel(asked.model, dtype=dtype)
        with patch.object(packed, "DTYPES", () if asked.plain else packed.DTYPES):
            loaded = model.load(dtype)
        table = Table(f"{dtype}: CPU s", *PARTS, "all", box=None)
        for work in works:
            seconds = profile(model, loaded, work)
            whole = sum(seconds.values())
            shares = {part: round(seconds.get(part, 0.0) / whole, 3) for part in PARTS}
            rows.append({"dtype": dtype, "work": work.name, "seconds": whole, "shares": shares})
            table.add_row(work.name, *(f"{share:.0%}" for share in shares.values()), f"{whole:.2f}")
        Console(width=130).print(table)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
