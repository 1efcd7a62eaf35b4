"""transformers' own generation in padded batches, for models that our attention does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import transformers
from transformers import LogitsProcessor, LogitsProcessorList

from harness.models.hf.auxiliaries import changed
from harness.models.hf.hooks import Context
from harness.models.hf.loaded import LoadedModel
from harness.models.hf.memory import in_batches
from harness.models.hf.pairs import begun, weigh_pairs
from harness.models.hf.plain_lanes import PlainLane, padded, plain_beside
from harness.models.hf.rows import Row, Weighing
from harness.models.hf.sampling import NO_TOKEN, choose
from harness.models.hf.weighing import hooked
from harness.models.hf.writing import answer
from harness.types import Generation, GenerationConfig


class KeyedChoice(LogitsProcessor):  # type: ignore[misc]
    """Leaves only the token that is chosen for each row."""

    def __init__(
        self,
        generation: GenerationConfig,
        draws: torch.Tensor,
        width: int,
        loaded: LoadedModel,
        rows: Sequence[Row],
    ) -> None:
        self.chosen: list[torch.Tensor] = []
        """Of each step, the rows' tokens."""
        self.generation = generation
        self.loaded = loaded
        self.ends = loaded.encoder.stopping(loaded.ends, generation.stop)
        self.rows = rows
        self.beside = [
            PlainLane(auxiliary, [row.beside[n] for row in rows], [len(row.prompt) for row in rows])
            for n, auxiliary in enumerate(loaded.auxiliaries)
        ]
        self.draws = draws
        """Shape (rows, steps)."""
        self.width = width
        """Tokens before what is written: the padded prompts', or the one that begins an answer."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """All but the chosen token at minus infinity."""
        step = input_ids.shape[1] - self.width
        gate = self.loaded.hooks.gate
        seen = gate.seen(len(scores))  # before an auxiliary that is the model itself runs
        written = input_ids[:, self.width :]
        beside = [lane.next(written) for lane in self.beside]
        logits = changed(self.loaded, scores, lambda: self._contexts(written), beside)
        if self.loaded.hooks.change_logits and step < self.generation.min_new_tokens and self.ends:
            logits[:, torch.tensor(self.ends)] = -torch.inf  # whatever a hook made of it
        chosen = choose(logits, self.generation, self.draws[:, step])
        self.chosen.append(chosen)
        gate.step(seen, chosen.device)
        return torch.full_like(scores, -torch.inf).scatter(-1, chosen.clamp(min=0)[:, None], 0.0)

    def _contexts(self, written: torch.Tensor) -> list[Context]:
        pairs = zip(self.rows, written.tolist(), strict=True)
        return [Context(row.prompt, tuple(tokens)) for row, tokens in pairs]


def write(
    loaded: LoadedModel, rows: Sequence[Row], generation: GenerationConfig
) -> Iterator[list[Generation]]:
    """Write answers; a batch runs until its last row ends."""

    def work(batch: Sequence[Row]) -> None:
        _write(loaded, batch, generation)

    ordered = sorted(rows, key=lambda row: -row.width)
    for batch, fits in in_batches(ordered, _widest_first(loaded, lambda _: 1), work, loaded):
        reason = f"out of memory on a single request of {batch[0].width} tokens"
        yield (
            [answer(loaded, row, generation) for row in batch] if fits else batch[0].failed(reason)
        )


def weigh(loaded: LoadedModel, weighings: Sequence[Weighing]) -> Iterator[list[Generation]]:
    """Weigh choices, each with its whole prompt."""

    def work(batch: Sequence[Weighing]) -> None:
        _weigh(loaded, batch)

    ordered = sorted(weighings, key=lambda weighing: -weighing.width)
    take = _widest_first(loaded, lambda weighing: len(weighing.choices))
    for batch, fits in in_batches(ordered, take, work, loaded):
        reason = f"out of memory on a single request of {batch[0].width} tokens"
        yield (
            [generation for weighing in batch for generation in weighing.generations()]
            if fits
            else batch[0].failed(reason)
        )


def _widest_first(
    loaded: LoadedModel, rows: Callable[[Any], int]
) -> Callable[[list[Any]], list[Any]]:
    """As many of the first items as the budget holds, each as wide as the first."""

    def take(items: list[Any]) -> list[Any]:
        total = 0
        for count, item in enumerate(items):
            total += rows(item)
            if count and (total * items[0].width > loaded.held_tokens or total > loaded.most_rows):
                return items[:count]
        return items[:]

    return take


@torch.inference_mode()
def _write(loaded: LoadedModel, batch: Sequence[Row], generation: GenerationConfig) -> None:
    ids, mask = padded(loaded, [row.prompt for row in batch], pad_left=not loaded.is_pair)
    width = 1 if loaded.is_pair else ids.shape[1]
    none = [0.0] * generation.max_new_tokens
    draws = torch.tensor([none if row.draws is None else list(row.draws) for row in batch])
    choice = KeyedChoice(generation, draws.to(loaded.device), width, loaded, batch)
    loaded.hooks.gate.padded(mask, [0] * len(batch))
    written = loaded.model.generate(
        ids,
        attention_mask=mask,
        generation_config=transformers.GenerationConfig(
            max_new_tokens=generation.max_new_tokens,
            min_new_tokens=generation.min_new_tokens or None,
            do_sample=False,
            eos_token_id=choice.ends or None,
            pad_token_id=loaded.pad,
            stop_strings=list(generation.stop) or None,
            **(begun(loaded) if loaded.is_pair else {}),
        ),
        logits_processor=LogitsProcessorList([choice]),
        tokenizer=loaded.encoder.tokenizer if generation.stop else None,
    )
    chosen = torch.stack(choice.chosen, dim=1).tolist()
    for row, new, steps in zip(batch, written[:, width:].tolist(), chosen, strict=True):
        row.tokens = new
        if NO_TOKEN in steps:
            step = steps.index(NO_TOKEN)
            ended = any(token in choice.ends for token in new[:step])
            row.tokens = new if ended else [*new[:step], NO_TOKEN]


@torch.inference_mode()
def _weigh(loaded: LoadedModel, batch: Sequence[Weighing]) -> None:
    if loaded.is_pair:
        weigh_pairs(loaded, batch)
        return
    rows = [(w, n, row) for w in batch for n, row in enumerate(w.rows)]
    ids, mask = padded(loaded, [row for _, _, row in rows])
    longest = max(len(choice) for weighing in batch for choice in weighing.choices)
    options: dict[str, Any] = {"logits_to_keep": longest} if loaded.keeps_logits else {}
    if loaded.takes_positions:
        options["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
    loaded.hooks.gate.padded(mask, [len(w.choices[n]) - 1 for w, n, _ in rows])
    logits = loaded.model(ids, attention_mask=mask, use_cache=False, **options).logits
    for (weighing, number, _), of_row in zip(rows, logits, strict=True):
        choice = weighing.choices[number]
        beside = plain_beside(loaded, weighing, choice)
        last = of_row[-len(choice) :].float()
        steps = hooked(loaded, last, weighing, choice, beside).log_softmax(-1)
        weighing.greedy[number] = steps.argmax(-1).tolist() == list(choice)
        weighed = steps[range(len(choice)), list(choice)]
        weighing.steps[number] = tuple(weighed.tolist())
        weighing.logprobs[number] = float(weighed.sum())
