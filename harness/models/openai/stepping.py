"""A served model whose next token is chosen here, among those that the server says are likeliest.

Mitigations that change how probable each next token is then act without the model's insides, a
request a token. They see the listed tokens only; which share of the probability these held is kept.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.models.openai.asking import Asker
from harness.models.openai.bodies import Parameters
from harness.models.openai.faults import UnansweredError
from harness.models.openai.reading import choices_of
from harness.models.openai.spellings import likeliest
from harness.types import (
    Generation,
    GenerationConfig,
    HarnessError,
    Message,
    Mitigation,
    Request,
    hooks_of,
)

ENDS = re.compile(r"(<\|?[^>]*(end|eos|eot)[^>]*>|</s>|)", re.IGNORECASE)
"""What servers write for the token that ends an answer."""
Floats = NDArray[np.float64]


@runtime_checkable
class ChangesLikeliest(Protocol):
    """A mitigation that can do with a list of likely tokens.

    One with `asks`, functions from a request to another, is given what the server says to each of
    these beside it.
    """

    def change_likeliest(
        self,
        tokens: Sequence[str],
        weights: Floats,
        text: str,
        others: Sequence[Mapping[str, float]],
    ) -> Floats:
        """Other logarithms of their probabilities, not normalised; minus infinity: not to be taken.

        Args:
            tokens: as they would be written.
            weights: natural logarithms of their probabilities, shape (tokens,).
            text: what stands before, prompt and answer.
            others: for each of `asks` the likely tokens and their weights there.
        """
        ...


class Served(Protocol):
    """What is used of a served model (`ServedModel`)."""

    name: str
    base_url: str
    api_key_env: str
    concurrency: int
    retries: int
    timeout: float
    continues: bool
    parameters: Parameters
    notes: list[str]
    remarks: dict[str, Any]

    @property
    def identity(self) -> Mapping[str, str]:
        """Of the server and the model's name there."""
        ...


class SteppingModel:
    """Writes token by token what a server's likeliest tokens and mitigations make of it.

    Args:
        model: the served model.
        mitigations: in order.

    Raises:
        HarnessError: one of them needs more of a model than its likeliest tokens.
    """

    device_used = None
    weighs_choices = False
    asks_each = True

    def __init__(self, model: Served, mitigations: Sequence[Mitigation]) -> None:
        self.acting = [_acting(mitigation, model.name) for mitigation in mitigations]
        self.model = model
        self.name = model.name
        self._shares: list[float] = []

    @property
    def identity(self) -> Mapping[str, str]:
        """The served model's, and of how many tokens one is chosen."""
        top = str(self.model.parameters.top_logprobs)
        return {**self.model.identity, "chosen_among": top}

    @property
    def remarks(self) -> Mapping[str, Any]:
        """Which share of the probability the listed tokens held, on average and at least."""
        shares = self._shares
        if not shares:
            return self.model.remarks
        seen = {"mean": round(float(np.mean(shares)), 4), "least": round(min(shares), 4)}
        return {**self.model.remarks, "share_of_probability_seen": seen, "requests": len(shares)}

    @property
    def notes(self) -> list[str]:
        """The share in a sentence."""
        if not self._shares:
            return self.model.notes
        return [
            *self.model.notes,
            f"each token was chosen among the {self.model.parameters.top_logprobs} that the server "
            f"says are likeliest; they held {float(np.mean(self._shares)):.3f} of the probability "
            f"on average, and {min(self._shares):.3f} at least",
        ]

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Write every index of every request, so many at once as the served model is asked."""
        for request in requests:
            self._check(request)
        model = self.model
        key = os.environ.get(model.api_key_env, "")
        asker = Asker(model.base_url, key, model.retries, model.timeout, model.api_key_env)
        loop = asyncio.new_event_loop()
        try:
            room = asyncio.Semaphore(model.concurrency)
            pending = {
                loop.create_task(self._answer(asker, room, request, index, generation, seed))
                for request in requests
                for index in request.indices
            }
            while pending:
                done, pending = loop.run_until_complete(
                    asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                )
                yield [task.result() for task in done]
        finally:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asker.close())
            loop.close()

    def _check(self, request: Request) -> None:
        if request.choices:
            raise HarnessError(
                "this task weighs choices, and a mitigation of the next token acts on a served "
                "model where answers are written; use backend=hf, or another protocol"
            )
        if not isinstance(request.prompt, str) and not self.model.continues:
            raise HarnessError(
                "a mitigation of the next token needs a server that goes on with an answer that "
                "was begun; where this one does (vLLM), set backend.continues=true"
            )

    async def _answer(
        self, asker: Asker, room: asyncio.Semaphore, request: Request, index: int,
        generation: GenerationConfig, seed: int,
    ) -> Generation:  # fmt: skip
        try:
            async with room:
                text, end, count = await self._write(asker, request, index, generation, seed)
        except UnansweredError as why:
            return Generation.failed(request.sample_id, index, asker.plain(why.reason))
        return Generation(request.sample_id, index, text, end, 0, count)

    async def _write(
        self, asker: Asker, request: Request, index: int, generation: GenerationConfig, seed: int
    ) -> tuple[str, Any, int]:
        """The text, how it ends, and its tokens."""
        from harness.models.hf.sampling import uniforms

        written = ""
        draws = uniforms(seed, request.sample_id, index, generation.max_new_tokens)
        for step in range(generation.max_new_tokens):
            token = await self._next(asker, request, written, generation, step, float(draws[step]))
            if ENDS.fullmatch(token):
                return written, "stop", step + 1
            written += token
            for stop in generation.stop:
                if stop in written:
                    return written[: written.index(stop)], "stop", step + 1
        return written, "length", generation.max_new_tokens

    async def _next(
        self, asker: Asker, request: Request, written: str, generation: GenerationConfig, step: int,
        draw: float,
    ) -> str:  # fmt: skip
        listed = await self._likeliest(asker, _going_on(request, written))
        tokens, weights = list(listed), np.array(list(listed.values()))
        self._shares.append(float(np.exp(weights).sum()))
        before = request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content
        for mitigation in self.acting:
            asks: Sequence[Callable[[Request], Request]] = getattr(mitigation, "asks", ())
            others = [
                await self._likeliest(asker, _going_on(ask(request), written)) for ask in asks
            ]
            weights = mitigation.change_likeliest(tokens, weights, before + written, others)
        if step < generation.min_new_tokens:
            ends = [ENDS.fullmatch(token) is not None for token in tokens]
            weights = np.where(ends, -np.inf, weights)
        chosen = choose(weights, generation, draw)
        if chosen is None:
            raise UnansweredError(f"none of the {len(tokens)} likeliest tokens may be written")
        return tokens[chosen]

    async def _likeliest(self, asker: Asker, request: Request) -> dict[str, float]:
        """The likely next tokens and their weights, the likeliest first."""
        parameters = self.model.parameters
        settings = GenerationConfig(max_new_tokens=1)
        body = parameters.body(self.name, request, (0,), settings, 0)
        top = parameters.top_logprobs
        chat = {"logprobs": True, "top_logprobs": top}
        body |= {"logprobs": top} if isinstance(request.prompt, str) else chat
        (choice, *_) = choices_of(await asker.ask(body))
        pairs = likeliest(choice.get("logprobs"))
        return dict(sorted(pairs, key=lambda pair: -pair[1]))


def choose(weights: Floats, generation: GenerationConfig, draw: float) -> int | None:
    """Which of the weights is taken: the largest, or one drawn; None where none can be.

    Args:
        weights: natural logarithms, not normalised.
        generation: temperature, top-k and top-p, in this order.
        draw: uniform in [0, 1).
    """
    if not np.isfinite(weights).any():
        return None
    if generation.temperature == 0:
        return int(weights.argmax())
    order = np.argsort(-weights, kind="stable")
    scaled = (weights[order] - weights.max()) / generation.temperature
    probabilities = np.exp(scaled) / np.exp(scaled).sum()
    if generation.top_k:
        probabilities[generation.top_k :] = 0.0
    sums = probabilities.cumsum()
    probabilities[sums - probabilities >= generation.top_p * sums[-1]] = 0.0
    sums = probabilities.cumsum()
    place = int(np.searchsorted(sums, min(draw * sums[-1], np.nextafter(sums[-1], 0)), "right"))
    return int(order[place])


def _acting(mitigation: Mitigation, name: str) -> ChangesLikeliest:
    """The mitigation, where a list of likely tokens will do for it.

    Raises:
        HarnessError: it needs more.
    """
    hooks = hooks_of(mitigation)
    if hooks != ["change_logits"] or not isinstance(mitigation, ChangesLikeliest):
        raise HarnessError(
            f"mitigation {type(mitigation).__name__} acts inside the model ({', '.join(hooks)}), "
            f"and of model={name!r}, which a server runs, only the likeliest tokens are known; "
            "backend=hf has its insides"
        )
    return mitigation


def _going_on(request: Request, written: str) -> Request:
    """The request with what is written of its answer."""
    if isinstance(request.prompt, str):
        return replace(request, prompt=request.prompt + written)
    if not written:
        return request
    return replace(request, prompt=(*request.prompt, Message("assistant", written)))
