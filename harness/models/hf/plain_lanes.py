"""Auxiliary models in padded batches, for what our attention does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from harness.models.hf.hooks import Beside
from harness.models.hf.loaded import Auxiliary, LoadedModel
from harness.models.hf.prefixes import Tokens
from harness.models.hf.rows import Weighing


class PlainLane:
    """One auxiliary model for a batch that runs until its last row ends.

    Args:
        auxiliary: the model.
        prompts: of each row, what it is asked.
        weighed: of each row how many of its prompt's last tokens count in its total.
    """

    def __init__(
        self, auxiliary: Auxiliary, prompts: Sequence[Tokens], weighed: Sequence[int]
    ) -> None:
        self.auxiliary = auxiliary
        self._ids, self._mask = padded(auxiliary.loaded, prompts)
        self._cache: Any = None
        self._seen: Any = None
        self._outputs = torch.empty(0)
        self._totals = torch.zeros(len(prompts), device=auxiliary.loaded.device)
        if auxiliary.weighed:
            totals = [_total(auxiliary.loaded, p, n) for p, n in zip(prompts, weighed, strict=True)]
            self._totals += torch.tensor(totals, device=auxiliary.loaded.device)

    def next(self, written: torch.Tensor) -> Beside:
        """What it gives for the next token of every row.

        Args:
            written: tokens of the rows' answers, shape (rows, steps), one more than last time.
        """
        loaded = self.auxiliary.loaded
        if written.shape[1]:
            last = written[:, -1:]
            if self.auxiliary.weighed:
                steps = self._outputs[:, : loaded.vocabulary].log_softmax(-1)
                self._totals = self._totals + steps.gather(1, last)[:, 0]
            self._ids, self._mask = last, torch.cat([self._mask, torch.ones_like(last)], 1)
        options: dict[str, Any] = {"logits_to_keep": 1} if loaded.keeps_logits else {}
        if loaded.takes_positions:
            positions = (self._mask.cumsum(-1) - 1).clamp(min=0)
            options["position_ids"] = positions[:, -self._ids.shape[1] :]
        gate = loaded.hooks.gate
        if self._seen is None:
            gate.padded(self._mask, [0] * len(self._mask))
        else:
            gate.step(self._seen, loaded.device)
        output = loaded.model(
            self._ids,
            attention_mask=self._mask,
            past_key_values=self._cache,
            use_cache=True,
            **options,
        )
        self._cache = output.past_key_values
        self._seen = gate.seen(len(self._mask))
        self._outputs = output.logits[:, -1].float()
        return _beside(self.auxiliary, self._outputs, self._totals)


def plain_beside(loaded: LoadedModel, weighing: Weighing, choice: Tokens) -> list[Beside]:
    """What the auxiliaries give at each token of a choice, each run with its whole prompt."""
    beside = []
    for auxiliary, prompt in zip(loaded.auxiliaries, weighing.beside, strict=True):
        row = prompt + choice
        ids = torch.tensor([row[:-1]], device=auxiliary.loaded.device)
        auxiliary.loaded.hooks.gate.padded(torch.ones_like(ids), [len(choice) - 1])
        outputs = auxiliary.loaded.model(ids, use_cache=False).logits[0, -len(choice) :].float()
        totals = torch.zeros(len(choice), device=outputs.device)
        if auxiliary.weighed:
            steps = outputs[:, : auxiliary.loaded.vocabulary].log_softmax(-1)
            weights = steps.gather(1, torch.tensor(choice, device=outputs.device)[:, None])[:, 0]
            totals = _total(auxiliary.loaded, prompt, len(weighing.prompt)) + weights.cumsum(0)
            totals = totals - weights
        beside.append(_beside(auxiliary, outputs, totals))
    return beside


def padded(
    loaded: LoadedModel, rows: Sequence[Sequence[int]], pad_left: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, shape (rows, longest), padded on the left or the right."""
    width = max(map(len, rows))
    fill = [[loaded.pad] * (width - len(row)) for row in rows]
    zeros = [[0] * len(pads) for pads in fill]
    ones = [[1] * len(row) for row in rows]
    pairs, masks = zip(fill, rows, strict=True), zip(zeros, ones, strict=True)
    ids = [[*pads, *row] if pad_left else [*row, *pads] for pads, row in pairs]
    mask = [[*pads, *row] if pad_left else [*row, *pads] for pads, row in masks]
    return torch.tensor(ids, device=loaded.device), torch.tensor(mask, device=loaded.device)


def _total(loaded: LoadedModel, prompt: Tokens, count: int) -> float:
    """Log-probability of a prompt's last tokens, so many, but never of its first."""
    count = min(count, len(prompt) - 1)
    if count <= 0:
        return 0.0
    ids = torch.tensor([prompt], device=loaded.device)
    loaded.hooks.gate.padded(torch.ones_like(ids), [0])
    steps = loaded.model(ids, use_cache=False).logits[0, -count - 1 : -1, : loaded.vocabulary]
    weights = steps.float().log_softmax(-1).gather(1, ids[0, -count:, None])
    return float(weights.sum())


def _beside(auxiliary: Auxiliary, outputs: torch.Tensor, totals: torch.Tensor) -> Beside:
    if auxiliary.loaded.states_for:
        outputs = outputs[:, : auxiliary.loaded.vocabulary]
    return Beside(auxiliary.of, outputs, totals if auxiliary.weighed else None, auxiliary.head)
