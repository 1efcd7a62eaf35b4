"""What training makes smaller: of texts, of pairs, and of what is to stay as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from harness.mitigations.fitting.base import Base, Batch, Row, by_length
from harness.mitigations.fitting.states import fast_halves

TRAIN_TOKENS = 512
"""Tokens of one forward that is differentiated."""


@contextmanager
def halves(base: Base, exact: bool = False) -> Iterator[None]:
    """Compute in bfloat16 where that is faster, unless `exact`; weights and losses stay float32."""
    faster = not exact and fast_halves(base)
    with torch.autocast(base.network.device.type, torch.bfloat16, enabled=faster):
        yield


def log_probabilities(base: Base, batch: Batch) -> Tensor:
    """Of each learned token the natural logarithm of its probability; shape (tokens,).

    Logits are computed of the positions that are learned only: they are most of the work.
    """
    logits = learned_logits(base, batch)
    targets = batch.tokens[:, 1:][batch.learned[:, 1:]]
    return -torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def learned_logits(base: Base, batch: Batch, exact: bool = False) -> Tensor:
    """Logits from which each learned token is chosen; float32, shape (tokens, vocabulary).

    Args:
        base: the model.
        batch: what it reads.
        exact: computed in float32 as well, wherever.
    """
    with halves(base, exact):
        states = base.network.base_model(
            input_ids=batch.tokens, attention_mask=batch.mask, use_cache=False
        ).last_hidden_state
        logits: Tensor = base.network.get_output_embeddings()(states[:, :-1][batch.learned[:, 1:]])
    return logits.float()


def text_loss(base: Base, rows: Sequence[Row]) -> Iterator[Tensor]:
    """Mean negative log-probability of the learned tokens of all rows, in parts that are summed."""
    count = sum(len(row.tokens) - row.begins for row in rows)
    for numbers in by_length(rows, TRAIN_TOKENS):
        yield -log_probabilities(base, base.batch([rows[n] for n in numbers])).sum() / count


def sequence_log_probabilities(base: Base, rows: Sequence[Row]) -> Tensor:
    """Of each row the sum over its learned tokens; shape (rows,)."""
    batch = base.batch(rows)
    each = log_probabilities(base, batch)
    owners = torch.arange(len(rows), device=each.device)[:, None].expand_as(batch.learned[:, 1:])
    sums = torch.zeros(len(rows), device=each.device)
    return sums.index_add(0, owners[batch.learned[:, 1:]], each)


def dpo(policy: tuple[Tensor, Tensor], reference: tuple[Tensor, Tensor], beta: float) -> Tensor:
    """The loss of direct preference optimisation (Rafailov and others 2023, equation 7), a pair.

    Args:
        policy: log-probabilities of the chosen and of the rejected texts, shape (pairs,) each.
        reference: likewise, by the model as it was.
        beta: how dearly leaving the reference is paid.
    """
    chosen, rejected = policy[0] - reference[0], policy[1] - reference[1]
    return -torch.nn.functional.logsigmoid(beta * (chosen - rejected))


def divergence(now: Tensor, before: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence of what is now from what was, in nats.

    Args:
        now: logits, shape (tokens, vocabulary).
        before: likewise, of the model as it was.
    """
    return torch.nn.functional.kl_div(
        now.log_softmax(-1), before.log_softmax(-1), log_target=True, reduction="batchmean"
    )
