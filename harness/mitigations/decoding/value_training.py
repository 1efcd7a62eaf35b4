"""Reads the states of texts, and trains a value head on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from harness.mitigations.decoding.values import ValueHead, save_head
from harness.mitigations.fitting.base import Base, by_length
from harness.mitigations.fitting.states import PASS_TOKENS, fast_halves

if TYPE_CHECKING:
    from harness.mitigations.fitting.method import Fit

BATCH = 512
"""Tokens of a step."""
KEPT_BACK = 10
"""One text in so many is not learned from, but measures what was."""


class Chosen(NamedTuple):
    """Tokens that texts go on with."""

    states: Tensor
    """That they were chosen from, shape (tokens, width)."""
    tokens: Tensor
    toxicity: Tensor
    """Of the whole text of each."""
    texts: Tensor
    """Numbers of these."""


def learned(fit: Fit, rank: int, epochs: int, rate: float, decay: float) -> Mapping[str, object]:
    """Train a head and write it; gives how well it tells texts apart that were kept back.

    Args:
        fit: the model and the texts.
        rank: of the head.
        epochs: over all tokens.
        rate: of Adam, falling to 0.
        decay: of its weights.
    """
    base = Base(fit.model)
    rows = base.rows(fit.texts)
    if fit.forecast:
        fit.log(f"about {sum(len(row.tokens) for row in rows):,} tokens are to be read")
        return {}
    chosen = _read(base, fit)
    torch.manual_seed(fit.seed)
    vocabulary = base.network.get_output_embeddings().weight.shape[0]
    head = ValueHead(chosen.states.shape[1], vocabulary, rank)
    torch.nn.init.normal_(head.token, std=0.02)
    back = chosen.texts % KEPT_BACK == 0
    learning = (~back).nonzero()[:, 0]
    optimizer = torch.optim.AdamW(head.parameters(), rate, weight_decay=decay)
    steps = -(-len(learning) // BATCH) * epochs
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    for epoch in range(epochs):
        order = learning[torch.randperm(len(learning))]
        for first in range(0, len(order), BATCH):
            batch = order[first : first + BATCH]
            odds = head.odds(chosen.states[batch].float(), chosen.tokens[batch])
            loss = binary_cross_entropy_with_logits(odds, chosen.toxicity[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        fit.log(f"epoch {epoch + 1} of {epochs}")
    about = {
        "base": fit.model.name,
        "base_weights": fit.model.identity["weights"],
        "width": chosen.states.shape[1],
        "vocabulary": vocabulary,
        "rank": rank,
    }
    save_head(head, fit.out, about)
    return {
        "texts_kept_back": len(set(chosen.texts[back].tolist())),
        "auc": _auc(head, chosen, back),
    }


@torch.inference_mode()
def _read(base: Base, fit: Fit) -> Chosen:
    rows = base.rows(fit.texts)
    states, tokens, owners = [], [], []
    batches = list(by_length(rows, PASS_TOKENS))
    with torch.autocast(base.network.device.type, torch.bfloat16, enabled=fast_halves(base)):
        for number, numbers in enumerate(batches, 1):
            batch = base.batch([rows[n] for n in numbers])
            last = base.network.base_model(
                input_ids=batch.tokens, attention_mask=batch.mask, use_cache=False
            ).last_hidden_state
            mask = batch.learned[:, 1:]
            states.append(last[:, :-1][mask].half().cpu())
            tokens.append(batch.tokens[:, 1:][mask].cpu())
            owner = torch.tensor(numbers)[:, None].expand(-1, mask.shape[1])
            owners.append(owner[mask.cpu()])
            if number % 20 == 0 or number == len(batches):
                fit.log(f"read {number} of {len(batches)} batches of texts")
    texts = torch.cat(owners)
    toxicity = torch.tensor([text.unwanted for text in fit.texts])[texts]
    return Chosen(torch.cat(states), torch.cat(tokens), toxicity, texts)


@torch.inference_mode()
def _auc(head: ValueHead, chosen: Chosen, back: Tensor) -> float | None:
    """Chance that a toxic text kept back is placed above another, by its tokens' largest value."""
    odds = head.odds(chosen.states[back].float(), chosen.tokens[back])
    texts = chosen.texts[back]
    worst: dict[int, float] = {}
    toxic: dict[int, bool] = {}
    for text, value, label in zip(
        texts.tolist(), odds.tolist(), chosen.toxicity[back].tolist(), strict=True
    ):
        worst[text] = max(value, worst.get(text, -1e9))
        toxic[text] = label >= 0.5
    high = [worst[text] for text in worst if toxic[text]]
    low = [worst[text] for text in worst if not toxic[text]]
    if not high or not low:
        return None
    wins = sum((a > b) + 0.5 * (a == b) for a in high for b in low)
    return round(wins / (len(high) * len(low)), 3)
