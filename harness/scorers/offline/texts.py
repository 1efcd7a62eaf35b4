"""Texts as an encoder reads them: cut into parts, as tokens, in batches of like lengths."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

TOKENS = 128
"""Of a piece of text, and of a pair; a longer text is read in pieces."""
REQUEST = 48
"""Tokens of a request that are read with each piece of its answer, from its end."""
BATCH_TOKENS = 8192
"""Tokens of a batch, padding included."""
Text = str | tuple[str, str]
"""A text, or a request with its answer."""


def tokens_of(tokenizer: Any, texts: Sequence[str]) -> Any:
    """Of each text its tokens, none of them special, by the tokenizer's own batches."""
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    return backend.encode_batch_fast(list(texts), add_special_tokens=False)


def encode(tokenizer: Any, texts: Sequence[Text]) -> dict[str, list[list[int]]]:
    """Token ids of texts and pairs; of a pair too long the longer member loses its end."""
    firsts = [text if isinstance(text, str) else text[0] for text in texts]
    seconds = [None if isinstance(text, str) else text[1] for text in texts]
    pairs = bool(seconds) and seconds[0] is not None
    encoded = tokenizer(firsts, seconds if pairs else None, truncation=True, max_length=TOKENS)
    return {name: encoded[name] for name in ("input_ids", "token_type_ids")}


def batches(lengths: Sequence[int], room: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Numbers of texts by length, as many together as a batch's tokens hold."""
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batch and (len(batch) + 1) * lengths[number] > room:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def collate(
    encoded: dict[str, list[list[int]]], numbers: Sequence[int], device: str
) -> dict[str, Tensor]:
    """The encoded texts of these numbers, padded to the longest."""
    longest = max(len(encoded["input_ids"][i]) for i in numbers)
    padded = {
        name: torch.tensor([rows[i] + [0] * (longest - len(rows[i])) for i in numbers])
        for name, rows in encoded.items()
    }
    lengths = torch.tensor([len(encoded["input_ids"][i]) for i in numbers])
    padded["attention_mask"] = (torch.arange(longest) < lengths[:, None]).long()
    return {name: value.to(device) for name, value in padded.items()}


def pairs(tokenizer: Any, request: str, answer: str) -> list[tuple[str, str]]:
    """Each part of an answer with the end of the request."""
    places = tokenizer(
        request, add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )
    ends = places["offset_mapping"][-REQUEST:]
    end = request[ends[0][0] :] if ends else ""
    return [(end, part) for part in split(tokenizer, answer, TOKENS - 3 - len(ends))]


def split(tokenizer: Any, text: str, room: int) -> list[str]:
    """Parts of at most so many tokens, cut at the ends of sentences, or of words in a long one."""
    sentences = [part for part in re.split(r"(?<=[.!?;])\s+|\n+", text) if part]
    distinct = list(dict.fromkeys(sentences))  # a model that runs on says the same again and again
    offsets = tokenizer(
        distinct, add_special_tokens=False, return_offsets_mapping=True, verbose=False
    )["offset_mapping"]
    places_of = dict(zip(distinct, offsets, strict=True))
    parts: list[str] = []
    held: list[str] = []
    size = 0
    for sentence in sentences:
        places = places_of[sentence]
        for first in range(0, len(places), room):
            cut = places[first : first + room]
            if size + len(cut) > room:
                parts.append(" ".join(held))
                held, size = [], 0
            held.append(sentence[cut[0][0] : cut[-1][1]])
            size += len(cut)
    parts += [" ".join(held)] if held else []
    return parts or [text]
