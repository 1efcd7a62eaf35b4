"""The least that a machine must do for a piece of work: operations, and its rate of them."""

from __future__ import annotations

import time
from typing import Any

import torch
from engine_work import Work

from harness.models.hf.loaded import LoadedModel
from harness.models.hf.prefixes import share


def operations(work: Work, loaded: LoadedModel, answers: list[Any]) -> float:
    """Multiplications and additions of what must be computed at least once.

    Every distinct beginning once, every written token once, and logits where one is chosen or
    weighed; attention over all earlier tokens (Kaplan et al. 2020, section 2.1).
    """
    prompts = {tuple(loaded.encoder.encode(request)) for request in work.requests}
    leaves = share([(prompt, 1) for prompt in prompts])
    segments = {segment for leaf in leaves if leaf.parent for segment in leaf.parent.chain()}
    spans = [(segment.start, segment.end) for segment in segments]
    spans += [(len(leaf.row) - len(leaf.own_tokens), len(leaf.row)) for leaf in leaves]
    outputs = len(leaves)
    if not work.requests[0].choices:
        written = iter(answers)
        for request in work.requests:
            begun = len(loaded.encoder.encode(request))
            for _ in request.indices:
                count = max(
                    work.generation.min_new_tokens,
                    len(loaded.encoder.tokenizer(next(written))["input_ids"]),
                )
                spans.append((begun, begun + count - 1))
                outputs += count - 1
    config = loaded.model.config.get_text_config()
    head = loaded.model.get_output_embeddings().weight.numel()
    embedding = loaded.model.get_input_embeddings().weight.numel()
    total = sum(parameter.numel() for parameter in loaded.model.parameters())
    tied = config.tie_word_embeddings
    linear = total - embedding - (0 if tied else head)
    tokens = sum(end - start for start, end in spans)
    seen = sum((end * (end + 1) - start * (start + 1)) // 2 for start, end in spans)
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    attention = 4.0 * seen * config.num_hidden_layers * config.num_attention_heads * width
    return 2.0 * tokens * linear + 2.0 * outputs * head + attention


def product_rate(loaded: LoadedModel) -> float:
    """Floating-point operations a second of a large matrix product: the best of ten."""
    size = 2048
    left, right = (torch.randn(size, size, device=loaded.device, dtype=loaded.model.dtype)
                   for _ in range(2))  # fmt: skip
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        float((left @ right)[0, 0])
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds)
