"""How fast a mitigated model writes: beside the same model as it is, and beside a peer.

    python benchmarks/mitigations.py [--rounds 3] [--prompts 8] [--only experts] [--peer]

25 generations of 20 tokens a prompt of 40 tokens. Ways take turns within a round; a way's ratio is
the median over rounds of its rate by the unmitigated one's of the same round. `--peer` times the
experts against transformers' `generate` with a logits processor that runs the same experts over the
whole row at each step, as the papers' code does, and with one that keeps their keys and values,
each at its best batch size. Experts are adapters of rank 8 of random weights unless they are named.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from rich.console import Console
from rich.table import Table
from steering import NEW_TOKENS, Rate, measured, rate, requests_of
from steering import ways as steering_ways
from transformers import LogitsProcessor, LogitsProcessorList

from harness.mitigations.decoding.contrastive import Contrastive
from harness.mitigations.decoding.distributions import likely
from harness.mitigations.decoding.experts import Experts
from harness.mitigations.decoding.gedi import GeDi
from harness.mitigations.decoding.self_debias import SelfDebias
from harness.mitigations.decoding.vocabulary_shift import VocabularyShift
from harness.mitigations.decoding.word_filter import WordFilter
from harness.models.hf.model import HuggingFaceModel
from harness.types import Mitigation, Request

SIZES = (8, 16, 32)
BOUND = {
    "experts": 0.35,
    "word filter": 0.95,
    "vocabulary shift": 0.95,
    "steering": 0.9,
    "steering by input": 0.9,
    "steering by token": 0.9,
    "transport": 0.9,
}
"""Of the unmitigated rate, at least."""
PEER = 4.0
"""Times as fast as the peer that runs experts anew, at least."""
ALPHA, TOP_P = 2.0, 0.9


def decoding_ways(expert: str, anti_expert: str) -> Mapping[str, Mitigation]:
    """Every way to change the next token that is timed."""
    return {
        "word filter": WordFilter(),
        "vocabulary shift": VocabularyShift(),
        "experts": Experts(expert, anti_expert, ALPHA, TOP_P),
        "anti-expert alone": Experts(anti_expert=anti_expert, alpha=ALPHA, top_p=TOP_P),
        "gedi": GeDi(expert, anti_expert),
        "contrastive": Contrastive(),
        "self-debias": SelfDebias(),
    }


def adapters(folder: Path, model: HuggingFaceModel) -> tuple[str, str]:
    """Two adapters of rank 8 on queries and values, of random weights."""
    import peft

    names = []
    for seed, name in enumerate(("expert", "anti_expert")):
        torch.manual_seed(seed)
        _, network = model.read("float32")
        config = peft.LoraConfig(
            r=8, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM"
        )
        adapted = peft.get_peft_model(network, config)
        adapted.peft_config["default"].base_model_name_or_path = model.name
        adapted.save_pretrained(folder / name)
        names.append(str(folder / name))
    return names[0], names[1]


class Processor(LogitsProcessor):  # type: ignore[misc]
    """DExperts as a processor of transformers' `generate`.

    Args:
        networks: the expert and the anti-expert.
        mask: of the padded prompts, shape (rows, tokens).
        cached: keep the experts' keys and values.
    """

    def __init__(self, networks: Sequence[Any], mask: torch.Tensor, cached: bool) -> None:
        self.networks, self.mask, self.cached = networks, mask, cached
        self.caches: list[Any] = [None, None]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The ensemble's logits."""
        more = input_ids.shape[1] - self.mask.shape[1]
        mask = torch.cat([self.mask, self.mask.new_ones(len(input_ids), more)], 1)
        logits = []
        for number, network in enumerate(self.networks):
            cache = self.caches[number]
            ids = input_ids if cache is None else input_ids[:, -1:]
            positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
            out = network(
                ids, attention_mask=mask, position_ids=positions, past_key_values=cache,
                use_cache=self.cached, logits_to_keep=1,
            )  # fmt: skip
            self.caches[number] = out.past_key_values if self.cached else None
            logits.append(out.logits[:, -1])
        passing = likely(scores, TOP_P)
        moved = scores + ALPHA * (logits[0] - logits[1])
        return moved if passing is None else moved.masked_fill(~passing, -torch.inf)


@torch.inference_mode()
def peer_rate(
    model: HuggingFaceModel, networks: Sequence[Any], requests: list[Request], n: int, size: int,
    cached: bool,
) -> Rate:  # fmt: skip
    """Tokens a second of `generate` with the processor, in batches of so many rows."""
    loaded = model.load("float32")
    loaded.use_cascade(False)
    rows = [loaded.encoder.encode(request) for request in requests for _ in range(n)]
    began, worked = time.monotonic(), time.process_time()
    for first in range(0, len(rows), size):
        batch = rows[first : first + size]
        width = max(map(len, batch))
        ids = torch.tensor([[loaded.pad] * (width - len(row)) + row for row in batch])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in batch])
        loaded.model.generate(
            ids,
            attention_mask=mask,
            generation_config=transformers.GenerationConfig(
                max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=True, top_p=0.9,
                top_k=0, pad_token_id=loaded.pad, eos_token_id=loaded.ends,
            ),
            logits_processor=LogitsProcessorList([Processor(networks, mask, cached)]),
        )  # fmt: skip
    written = len(rows) * NEW_TOKENS
    return Rate(written / (time.monotonic() - began), written / (time.process_time() - worked))


def peers(
    model: HuggingFaceModel, experts: tuple[str, str], requests: list[Request], n: int
) -> dict[str, Callable[[], Rate]]:
    """The two peers, each at the batch size that was best on one prompt."""
    networks = [HuggingFaceModel(name).read("float32")[1] for name in experts]
    rates: dict[str, Callable[[], Rate]] = {}
    for name, cached in (("peer, experts run anew", False), ("peer, experts cached", True)):
        tried = {
            size: peer_rate(model, networks, requests[: max(1, size // n)], n, size, cached)
            for size in SIZES
        }
        best = max(tried, key=lambda size: tried[size].processor)
        rates[f"{name} @{best}"] = lambda best=best, cached=cached: peer_rate(  # type: ignore[misc]
            model, networks, requests, n, best, cached
        )
    return rates


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--n", type=int, default=25)
    parser.add_argument("--expert", default=None)
    parser.add_argument("--anti-expert", default=None)
    parser.add_argument("--only", default="", help="ways by their names, parted by commas")
    parser.add_argument("--peer", action="store_true")
    asked = parser.parse_args()
    model = HuggingFaceModel(asked.model, dtype=asked.dtype)
    with tempfile.TemporaryDirectory() as folder:
        experts = (asked.expert, asked.anti_expert)
        if None in experts:
            experts = adapters(Path(folder), model)
        every = {**decoding_ways(*experts), **steering_ways(model)}
        names = asked.only.split(",") if asked.only else [*every]
        ways = {name: every[name] for name in names}
        requests = requests_of(model, asked.prompts, asked.n)
        models = {"none": model} | {name: model.hooked([way]) for name, way in ways.items()}
        works: dict[str, Callable[[], Rate]] = {
            name: lambda each=each: rate(each, requests, asked.n)  # type: ignore[misc]
            for name, each in models.items()
        }
        for each in models.values():
            rate(each, requests[:1], 1)  # loads it
        if asked.peer:
            works |= peers(model, experts, requests, asked.n)
        rates: dict[str, list[Rate]] = {name: [] for name in works}
        for _ in range(asked.rounds):
            for name, work in works.items():
                rates[name].append(work())
                print(f"{name}: {rates[name][-1].processor:.1f} a processor second", flush=True)
    table = Table("way", "tokens a second", "of the unmitigated", "by processor time", "bound")
    for name, median, (clock, processor) in measured(rates):
        shares = f"{clock:.2f}", f"{processor:.2f}"
        table.add_row(name, f"{median:.0f}", *shares, str(BOUND.get(name, "")))
    Console(width=100).print(table)
    for name in rates:
        if name.startswith("peer") and "experts" in rates:
            pairs = zip(rates["experts"], rates[name], strict=True)
            times = sorted(ours.processor / theirs.processor for ours, theirs in pairs)
            bound = f" (bound {PEER:g})" if "anew" in name else ""
            times_as_fast = f"{times[len(times) // 2]:.2f} times as fast, by processor time,"
            print(f"experts are {times_as_fast} as {name}{bound}")


if __name__ == "__main__":
    main()
