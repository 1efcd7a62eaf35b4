"""Trains the adapters and the head of an offline scorer, the same on every call."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save as save_bytes
from torch import Tensor

from harness.scorers.offline.minilm import Network, Stored, Text, collate, encode, pairs

RANK = 16
BATCH = 32
RATE = 1e-3
"""Peak of the learning rate, reached after a tenth of the steps and left along a cosine."""


PARTS = 3
"""Of a long answer so many are trained on."""


class Example(NamedTuple):
    """A text with what people said of it: a number from 0 to 1 for each output, or NaN."""

    text: Text
    targets: tuple[float, ...]
    weight: float = 1.0


def train(
    examples: Sequence[Example],
    epochs: int,
    seed: int,
    progress: Callable[[str], None],
    begin: Path | None = None,
) -> Network:
    """A network whose sigmoids are the targets, as near as it gets.

    Args:
        examples: all with the same number of targets.
        epochs: how often each is seen.
        seed: of the initial weights and of the order.
        progress: is given a line now and then.
        begin: weights to go on from, of the same shape; nothing is then dropped out, and where the
            processor has bfloat16 it is used, which takes less than half the time.
    """
    torch.manual_seed(seed)
    order = random.Random(seed)
    network = Network(len(examples[0].targets), RANK)
    if begin is not None:
        network.take(Stored.read(begin).state)
    halved = begin is not None and torch.cpu._is_avx512_bf16_supported()
    examples = [part for example in examples for part in in_pieces(network.tokenizer, example)]
    encoded = encode(network.tokenizer, [example.text for example in examples])
    lengths = [len(ids) for ids in encoded["input_ids"]]
    targets = torch.tensor([example.targets for example in examples])
    weights = torch.tensor([example.weight for example in examples])
    trained = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.01)
    steps = epochs * math.ceil(len(examples) / BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    network.train(begin is None)
    step, running = 0, 0.0
    for _ in range(epochs):
        for numbers in _shuffled(lengths, order):
            batch = collate(encoded, numbers, "cpu")
            with torch.autocast("cpu", torch.bfloat16, enabled=halved):
                logits = network(batch)
            loss = _loss(logits.float(), targets[numbers], weights[numbers])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            running += (loss.item() - running) / min(step + 1, 50)
            step += 1
            if step % 100 == 0:
                progress(f"step {step} of {steps}, loss {running:.4f}")
    return network.eval()


def averaged(before: Sequence[Path | None], last: Network, shares: Sequence[float]) -> Network:
    """The last of several trainings, each from the one before, with the weights of all averaged.

    Between what one pass teaches and what it unlearns a mean often has most of both (Wortsman et
    al. 2022, arXiv 2203.05482).

    Args:
        before: weights of the trainings before, in order.
        last: the last one.
        shares: of each, the last one's at the end.
    """
    states = [Stored.read(path).state for path in before if path is not None] + [last.trained()]
    last.take(
        {
            name: torch.stack(
                [w * s[name].float() for w, s in zip(shares, states, strict=True)]
            ).sum(0)
            for name in states[0]
        }
    )
    return last


def in_pieces(tokenizer: Any, example: Example) -> list[Example]:
    """A pair as it will be read: the first parts of its answer, each with the request."""
    if isinstance(example.text, str):
        return [example]
    parts = pairs(tokenizer, *example.text)[:PARTS]
    return [example._replace(text=part, weight=example.weight / len(parts)) for part in parts]


def save(network: Network, path: Path, **more: object) -> None:
    """Write what was trained as safetensors, with the shape and what else reading it needs."""
    outputs = network.head[-1].out_features
    facts = json.dumps({"outputs": outputs, "rank": RANK, **more})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(save_bytes(network.trained(), {"harness": facts}))


def _rate(step: int, steps: int) -> float:
    warm = max(steps // 10, 1)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))


def _shuffled(lengths: Sequence[int], order: random.Random) -> list[list[int]]:
    """Batches of like lengths, in random order, other ones in each epoch."""
    numbers = sorted(range(len(lengths)), key=lambda i: lengths[i] * order.uniform(0.8, 1.25))
    batches_of_like = [numbers[first : first + BATCH] for first in range(0, len(numbers), BATCH)]
    order.shuffle(batches_of_like)
    return batches_of_like


def _loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    known = ~targets.isnan()
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, targets.nan_to_num(0.0), reduction="none"
    )
    weighted = each * known * weights[:, None]
    return weighted.sum() / (known * weights[:, None]).sum().clamp(min=1e-6)
