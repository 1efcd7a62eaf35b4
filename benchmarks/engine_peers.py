"""The engine's peers in its own process: lm-eval's HFLM, and what transformers offers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import transformers
from engine_watch import Answers
from engine_work import Work

from harness.models.hf.loaded import LoadedModel
from harness.types import Request

Ways = dict[str, dict[int, Callable[[], Answers]]]
"""By name and rows of a batch (0: the way finds them itself)."""


def peers(work: Work, loaded: LoadedModel, sizes: Sequence[int]) -> Ways:
    """lm-eval and transformers, at each batch size."""
    ways: Ways = {
        "HFLM": {size: lambda size=size: hflm(work, loaded, size) for size in sizes},
        "generate": {size: lambda size=size: plain(work, loaded, size) for size in sizes},
    }
    if not work.requests[0].choices:
        ways["continuous"] = {0: lambda: continuous(work, loaded)}
    return ways


def hflm(work: Work, loaded: LoadedModel, size: int) -> Answers:
    """lm-eval's transformers backend, which batches by rows and sorts by length."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    model = HFLM(
        pretrained=loaded.model,
        tokenizer=loaded.encoder.tokenizer,
        batch_size=size,
        max_length=loaded.context,
    )
    generation = work.generation
    if work.requests[0].choices:
        asked = [
            Instance("loglikelihood", {}, (request.prompt, choice), number)
            for number, request in enumerate(work.requests)
            for choice in request.choices
        ]
        weights = iter(model.loglikelihood(asked, disable_tqdm=True))
        return [_likeliest([next(weights)[0] for _ in r.choices]) for r in work.requests]
    settings: dict[str, Any] = {"until": [], "max_gen_toks": generation.max_new_tokens}
    if generation.min_new_tokens:
        settings["min_new_tokens"] = generation.min_new_tokens
    if generation.temperature:
        settings |= {"do_sample": True, "temperature": generation.temperature}
        settings |= {"top_p": generation.top_p, "top_k": 0}
    asked = [
        Instance("generate_until", {}, (loaded.encoder.render(request), settings), number)
        for number, request in enumerate(work.requests)
        for _ in request.indices
    ]
    return list(model.generate_until(asked, disable_tqdm=True))


def continuous(work: Work, loaded: LoadedModel) -> Answers:
    """Transformers' continuous batching, whose cache of pages shares what prompts begin with."""
    generation, copies = work.generation, len(work.requests[0].indices)
    settings = transformers.GenerationConfig(
        max_new_tokens=generation.max_new_tokens,
        min_new_tokens=generation.min_new_tokens or None,
        eos_token_id=loaded.ends,
        pad_token_id=loaded.encoder.pad,
        do_sample=generation.temperature > 0,
        temperature=generation.temperature or None,
        top_p=generation.top_p,
        top_k=0,
    )
    prompts = [loaded.encoder.encode(request) for request in work.requests for _ in range(copies)]
    held = sum(len(prompt) + generation.max_new_tokens for prompt in prompts)
    batching = transformers.ContinuousBatchingConfig(
        page_size=32, num_blocks=held // 32 + 2 * len(prompts), max_batch_tokens=1024
    )
    attention = loaded.model.config._attn_implementation
    outputs = loaded.model.generate_batch(
        prompts, generation_config=settings, continuous_batching_config=batching, warmup=False
    )
    loaded.model.set_attn_implementation(attention)
    order = sorted(outputs.values(), key=lambda output: int(output.request_id.rpartition("_")[2]))
    decode = loaded.encoder.tokenizer.decode
    return [decode(output.generated_tokens, skip_special_tokens=True) for output in order]


@torch.inference_mode()
def plain(work: Work, loaded: LoadedModel, size: int) -> Answers:
    """What transformers offers: `generate`, or a forward, on padded batches sorted by length."""
    rows = []
    for request in work.requests:
        prompt = loaded.encoder.encode(request)
        rows += [(request, prompt)] * len(request.indices)
    order = sorted(range(len(rows)), key=lambda number: -len(rows[number][1]))
    answers: Answers = [None] * len(rows)
    for first in range(0, len(order), size):
        batch = order[first : first + size]
        done = _plain_batch([rows[number] for number in batch], work, loaded)
        for number, of_one in zip(batch, done, strict=True):
            answers[number] = of_one
    return answers


def _plain_batch(
    rows: Sequence[tuple[Request, list[int]]], work: Work, loaded: LoadedModel
) -> Answers:
    tokenizer, generation = loaded.encoder.tokenizer, work.generation
    tokenizer.padding_side = "left"
    padded = tokenizer.pad({"input_ids": [tokens for _, tokens in rows]}, return_tensors="pt")
    padded = padded.to(loaded.device)
    if rows[0][0].choices:  # each one token, as HFLM finds out for itself
        logits = loaded.model(**padded, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        weights = logits.log_softmax(-1)
        choices = [loaded.encoder.choices(request, tokens) for request, tokens in rows]
        return [
            _likeliest([float(of_row[choice[0]]) for choice in of_request])
            for of_row, of_request in zip(weights, choices, strict=True)
        ]
    drawing: dict[str, Any] = {"do_sample": False}
    if generation.temperature:
        drawing = {"do_sample": True, "temperature": generation.temperature, "top_k": 0,
                   "top_p": generation.top_p}  # fmt: skip
    written = loaded.model.generate(
        **padded,
        max_new_tokens=generation.max_new_tokens,
        min_new_tokens=generation.min_new_tokens or None,
        **drawing,
    )
    new = written[:, padded["input_ids"].shape[1] :]
    return list(tokenizer.batch_decode(new, skip_special_tokens=True))


def _likeliest(weights: list[float]) -> int:
    return weights.index(max(weights))
