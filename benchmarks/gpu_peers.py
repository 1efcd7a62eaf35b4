"""Those whom `gpu.py` measures the engine against: transformers, lm-eval and vLLM."""

from __future__ import annotations

from typing import Any

import torch

from harness.models.hf.loaded import LoadedModel
from harness.types import GenerationConfig, Request

BATCH = 32
"""Rows of a batch of those who are told."""
Work = tuple[list[Request], GenerationConfig]


@torch.inference_mode()
def plain(loaded: LoadedModel, work: Work) -> None:
    """What transformers offers: `generate`, or a forward for choices, in padded batches."""
    requests, generation = work
    encoder, device = loaded.encoder, loaded.device
    rows = [(r, encoder.encode(r)) for r in requests for _ in r.indices]
    rows.sort(key=lambda row: -len(row[1]))
    drawing: dict[str, Any] = {"do_sample": False}
    if generation.temperature:
        drawing = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": generation.top_p}
    count = generation.max_new_tokens
    for first in range(0, len(rows), BATCH):
        batch = rows[first : first + BATCH]
        widest = len(batch[0][1])
        ids = torch.tensor([[0] * (widest - len(t)) + t for _, t in batch], device=device)
        mask = torch.tensor([[0] * (widest - len(t)) + [1] * len(t) for _, t in batch])
        asked = {"input_ids": ids, "attention_mask": mask.to(device)}
        if batch[0][0].choices:
            loaded.model(**asked, use_cache=False, logits_to_keep=1).logits.float().cpu()
        else:
            loaded.model.generate(**asked, max_new_tokens=count, min_new_tokens=count, **drawing)


def hflm(loaded: LoadedModel, work: Work) -> None:
    """lm-eval's transformers backend."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    requests, generation = work
    model = HFLM(
        pretrained=loaded.model,
        tokenizer=loaded.encoder.tokenizer,
        batch_size=BATCH,
        max_length=loaded.context,
    )
    if requests[0].choices:
        pairs = [(r.prompt, choice) for r in requests for choice in r.choices]
        model.loglikelihood(
            [Instance("loglikelihood", {}, pair, n) for n, pair in enumerate(pairs)],
            disable_tqdm=True,
        )
        return
    count = generation.max_new_tokens
    settings: dict[str, Any] = {"until": [], "max_gen_toks": count, "min_new_tokens": count}
    if generation.temperature:
        settings |= {"do_sample": True, "temperature": 1.0, "top_p": generation.top_p, "top_k": 0}
    asked = [(r.prompt, settings) for r in requests for _ in r.indices]
    model.generate_until(
        [Instance("generate_until", {}, pair, n) for n, pair in enumerate(asked)],
        disable_tqdm=True,
    )
