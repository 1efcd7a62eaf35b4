"""Log-probabilities of choices; whatever rows have in common is computed once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch

from harness.models.hf.auxiliaries import changed, share_of, weighed_beside
from harness.models.hf.hooks import Beside, Context
from harness.models.hf.loaded import LoadedModel
from harness.models.hf.memory import in_batches
from harness.models.hf.prefixes import Leaf, Segment, Tokens, share
from harness.models.hf.rows import Weighing
from harness.types import Generation

Asked = tuple[Tokens, int]
"""A row, and how many of its last tokens weigh a choice: from the prompt's last token on."""
LOGITS = 2**27
"""Logits held at once at most."""


def weigh(loaded: LoadedModel, weighings: Sequence[Weighing]) -> Iterator[list[Generation]]:
    """Weigh the choices of requests, those of one request or with one beginning together."""
    asked: dict[Asked, list[tuple[Weighing, int]]] = defaultdict(list)
    for weighing in weighings:
        for number, row in enumerate(weighing.rows):
            asked[row, len(weighing.choices[number])].append((weighing, number))
    leaves = share(list(asked))

    def take(waiting: list[Leaf]) -> list[Leaf]:
        return _fill(waiting, loaded)

    def work(batch: list[Leaf]) -> None:
        _weigh(loaded, batch, asked)

    lost: set[int] = set()
    for batch, fits in in_batches(leaves, take, work, loaded):
        touched = {id(w): w for leaf in batch for w, _ in asked.pop((leaf.row, leaf.needed))}
        if fits:
            finished = [w for w in touched.values() if w.done and id(w) not in lost]
            yield [generation for weighing in finished for generation in weighing.generations()]
            continue
        reason = f"out of memory on a single request of {len(batch[0].row)} tokens"
        new = [w for key, w in touched.items() if key not in lost]
        lost |= touched.keys()
        yield [generation for weighing in new for generation in weighing.failed(reason)]


def _fill(leaves: Sequence[Leaf], loaded: LoadedModel) -> list[Leaf]:
    """As many leaves as one forward takes, with the segments above them in memory."""
    tokens = logits = 0
    models = 1 + len(loaded.auxiliaries)
    room = loaded.held_tokens * share_of(loaded)
    segments: set[Segment] = set()
    for count, leaf in enumerate(leaves):
        tokens += len(leaf.own_tokens)
        logits += leaf.needed * loaded.vocabulary * models
        segments.update(leaf.parent.chain() if leaf.parent else [])
        # Segments of several groups are laid side by side, which takes their room once more.
        held = tokens + 2 * sum(len(segment.tokens) for segment in segments)
        full = tokens > loaded.pass_tokens or logits > LOGITS * loaded.scale
        if count and (full or held > room):
            return list(leaves[:count])
    return list(leaves)


@torch.inference_mode()
def _weigh(
    loaded: LoadedModel, batch: Sequence[Leaf], asked: dict[Asked, list[tuple[Weighing, int]]]
) -> None:
    logits, _ = loaded.prefill(batch, [leaf.needed for leaf in batch])
    logits = logits.float()
    positions: list[int] = []
    tokens: list[int] = []
    weighed: list[tuple[int, Weighing, Tokens]] = []
    end = 0
    for leaf in batch:
        end += leaf.needed
        for weighing, number in asked[leaf.row, leaf.needed]:
            choice = weighing.choices[number]
            positions += range(end - len(choice), end)
            tokens += choice
            weighed.append((end, weighing, choice))
    if loaded.hooks.change_logits:
        beside = weighed_beside(loaded, [(weighing, choice) for _, weighing, choice in weighed])
        logits = torch.cat(
            [
                hooked(loaded, logits[end - len(choice) : end], weighing, choice, auxiliaries)
                for (end, weighing, choice), auxiliaries in zip(weighed, beside, strict=True)
            ]
        )
        positions = list(range(len(tokens)))
    totals = logits.logsumexp(-1)[positions]
    totals = totals.masked_fill(~totals.isfinite(), torch.nan)  # nor is anything beside infinity
    steps = iter((logits[positions, tokens] - totals).tolist())
    likeliest = iter(logits.argmax(-1)[positions].tolist())
    for leaf in batch:
        for weighing, number in asked[leaf.row, leaf.needed]:
            choice = weighing.choices[number]
            weighing.steps[number] = tuple(next(steps) for _ in choice)
            weighing.logprobs[number] = sum(weighing.steps[number])
            weighing.greedy[number] = [next(likeliest) for _ in choice] == list(choice)


def hooked(
    loaded: LoadedModel,
    outputs: torch.Tensor,
    weighing: Weighing,
    choice: Tokens,
    beside: Sequence[Beside],
) -> torch.Tensor:
    """Logits of a choice's tokens, shape (tokens, vocabulary), as mitigations leave them."""
    return changed(
        loaded,
        outputs,
        lambda: [Context(weighing.prompt, choice[:place]) for place in range(len(choice))],
        beside,
    )
