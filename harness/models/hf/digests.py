"""What a model and a tokenizer in memory are, in digests that cost little more than the reading."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from copy import deepcopy
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from harness.types import fingerprint

PIECE = 32 * 2**20
"""Bytes of one digest; more of them are read at a time than one tensor has."""
MOST_THREADS = 8
KEPT = 4
"""Tokenizers that are remembered in a process."""

_backends: dict[bytes, Any] = {}
"""Copies of what cuts texts, by digest of the whole of it; nobody changes them."""
_spoken: dict[tuple[bytes, str], str] = {}
"""Fingerprints of tokenizers, by what they were taken of."""


def digest_of_weights(model: Any) -> str:
    """SHA-256 over names, dtypes, shapes and the SHA-256 of each piece of all weights in memory.

    What stands under two names, as an output layer tied to the embedding, is read once and counts
    under both. Pieces are read by threads.
    """
    named = sorted(model.state_dict().items())
    placed = {name: _place(name, weights) for name, weights in named}
    tensors = {placed[name]: weights for name, weights in named}
    jobs = [(place, part) for place, weights in tensors.items() for part in _parts(weights)]
    with ThreadPoolExecutor(min(MOST_THREADS, _cores())) as threads:
        read = list(threads.map(lambda job: _digests(tensors[job[0]], job[1]), jobs))
    pieces: dict[object, list[str]] = {place: [] for place in tensors}
    for (place, _), digests in zip(jobs, read, strict=True):
        pieces[place] += digests
    whole = [
        [name, str(weights.dtype), list(weights.shape), pieces[placed[name]]]
        for name, weights in named
    ]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def begin_digest(model: Any) -> Future[str]:
    """The digest of weights in memory, taken in a thread while something else is done."""
    with_one = ThreadPoolExecutor(1, "digest")
    digest = with_one.submit(digest_of_weights, model)
    with_one.shutdown(wait=False)
    return digest


def _place(name: str, weights: torch.Tensor) -> object:
    """The same for two names of the same numbers; a tensor that lies nowhere is its own."""
    address = weights.data_ptr() if weights.layout is torch.strided else 0
    if not address:
        return name
    return (weights.device, address, weights.dtype, weights.shape, weights.stride())


def _parts(weights: torch.Tensor) -> Iterator[slice | None]:
    """What is read at a time of the flat weights; None: all, since they must be copied for it."""
    if not weights.is_contiguous():
        yield None
        return
    step = max(1, PIECE // weights.element_size())
    for start in range(0, max(1, weights.numel()), step):
        yield slice(start, start + step)


def _digests(weights: torch.Tensor, part: slice | None) -> list[str]:
    """SHA-256 of each piece of a part."""
    flat = weights.detach().contiguous().reshape(-1)
    if part is None:
        step = max(1, PIECE // flat.element_size())
        starts = range(0, max(1, flat.numel()), step)
        return [_digest(flat[start : start + step]) for start in starts]
    return [_digest(flat[part])]


def _digest(flat: torch.Tensor) -> str:
    return hashlib.sha256(flat.view(torch.uint8).cpu().numpy().data).hexdigest()


def _cores() -> int:
    """Cores that this process may use."""
    here = getattr(os, "sched_getaffinity", None)
    return len(here(0)) if here else os.cpu_count() or 1


class CopiedTokenizer:
    """A copy of a tokenizer, which may be given another template, and what it is.

    What cuts texts takes long to copy and to read: one copy of it serves all tokenizers of a
    process that cut texts alike, told by the whole of it as it is now.

    Args:
        tokenizer: that is copied as it is now, and not changed.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        backend = getattr(tokenizer, "_tokenizer", None)
        write = getattr(backend, "to_str", None)
        self._cuts = hashlib.sha256(write().encode()).digest() if write else None
        if backend is None or self._cuts is None:  # it cuts them in Python
            self.tokenizer = deepcopy(tokenizer)
            return
        if self._cuts not in _backends:
            copied = deepcopy(backend)
            copied.no_truncation()  # each call says what it wants, and finds nothing to change
            copied.no_padding()
            _keep(_backends, self._cuts, copied)
        self.tokenizer = deepcopy(tokenizer, {id(backend): _backends[self._cuts]})

    @property
    def fingerprint(self) -> str:
        """Eight hex digits of its words, its template as it is now, and its special tokens."""
        tokenizer = self.tokenizer
        marks = {"template": tokenizer.chat_template, "special": tokenizer.special_tokens_map}
        if self._cuts is None or type(tokenizer).get_vocab is not PreTrainedTokenizerFast.get_vocab:
            return fingerprint({"words": tokenizer.get_vocab(), **marks})
        key = (self._cuts, json.dumps(marks, sort_keys=True, default=str))
        if key not in _spoken:
            _keep(_spoken, key, fingerprint({"words": tokenizer.get_vocab(), **marks}))
        return _spoken[key]


def _keep(known: dict[Any, Any], key: object, value: object) -> None:
    """Add one, and forget the oldest beyond `KEPT`."""
    known[key] = value
    while len(known) > KEPT:
        del known[next(iter(known))]
