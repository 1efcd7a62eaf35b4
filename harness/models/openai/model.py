"""Models behind a server with OpenAI's interface: vLLM, llama.cpp, TGI, a hosted API."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from harness.models.openai.asking import Asker
from harness.models.openai.batch_files import BatchFiles
from harness.models.openai.batching import Batching
from harness.models.openai.bodies import Parameters
from harness.models.openai.exchange import Exchange
from harness.models.openai.options import (
    check_address,
    check_numbers,
    check_request,
    whole_prices,
)
from harness.types import Generation, GenerationConfig, HarnessError, Mitigation, Model, Request


class ServedModel:
    """Asks a server, many requests at once; what fails is tried again, then kept as a failure.

    Messages go to `chat/completions`, plain text to `completions`. Each generation is a request of
    its own with a seed of its own. Before the first of them a few small requests find what the
    server refuses or lacks, and whether it honours n, seed, stop and logprobs.

    Args:
        name: of the model, as the server calls it.
        base_url: of the server: `http://localhost:8000/v1`.
        api_key_env: the environment variable that holds the key; it is written nowhere.
        concurrency: requests under way at once.
        retries: of a request that met a status 408, 409, 425, 429 or 5xx, a time-out or a
            connection that broke; the wait doubles, and a Retry-After is kept to.
        timeout: seconds that a request may take.
        seeds: send a seed; a server that refuses it wants this off.
        continues: the server goes on with an assistant's message that was begun (vLLM does).
        choices: weigh choices of one word by the probabilities of the first token, where the server
            gives them (`logprobs`), in all spellings together that differ in spaces around the
            word; one that is not among the likeliest counts as impossible.
        extra: what else each request's body holds.
        together: ask for all generations of a prompt in one request (`n`), where the server has it:
            the prompt is paid for once, and the noise is keyed by the request, not by each answer.
        prices: of a million tokens, `input` and `output`, from which a forecast has its cost.
        max_tokens_name: under which the limit of an answer's length is sent.
        omit: parameters that a server refuses and that requests go without: `temperature`, ...
        top_logprobs: likeliest tokens that are asked for where choices are weighed.
        ends: an answer has to say why it ends; off: one that does not is kept, its end unknown.
        probe: ask a few small requests first.
        reasoning_effort: what a reasoning model's `reasoning_effort` is set to; None: not sent.
        stream: ask for answers as streams of events, for servers that give no others.
        batch: send requests as batches, which servers answer within a day at half the price; a
            process that is ended, and begun again in days, goes on with those that were sent.
        batch_wait: seconds that batches are waited for.

    Raises:
        HarnessError: an option means nothing.
    """

    device_used = None
    """None: it takes no device of this machine."""

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key_env: str = "OPENAI_API_KEY",
        concurrency: int = 32,
        retries: int = 6,
        timeout: float = 300.0,
        seeds: bool = True,
        continues: bool = False,
        choices: bool = False,
        extra: Mapping[str, Any] | None = None,
        together: bool = False,
        prices: Mapping[str, float] | None = None,
        max_tokens_name: str = "max_tokens",
        omit: Sequence[str] = (),
        top_logprobs: int = 20,
        ends: bool = True,
        probe: bool = True,
        reasoning_effort: str | None = None,
        stream: bool = False,
        batch: bool = False,
        batch_wait: float = 90_000.0,
    ) -> None:
        check_address(base_url)
        check_numbers(concurrency, retries, timeout)
        self.name = name
        self.base_url = base_url.rstrip("/")
        self.api_key_env = api_key_env
        self.concurrency = concurrency
        self.retries = retries
        self.timeout = timeout
        self.continues = continues
        self.weighs_choices = choices
        self.together = together
        self.asks_each = not together
        """Whether each generation is a request of its own."""
        self.parameters = Parameters(
            max_tokens_name, tuple(omit), seeds, top_logprobs, dict(extra or {}),
            reasoning_effort, stream,
        )  # fmt: skip
        whole = whole_prices(prices)
        self.prices = (
            {kind: price / 2 for kind, price in whole.items()} if whole and batch else whole
        )
        self.batch = batch
        self.batch_wait = batch_wait
        if batch and stream:
            raise HarnessError("backend.batch=true and backend.stream=true exclude each other")
        if not batch_wait >= 0:
            raise HarnessError(f"backend.batch_wait={batch_wait} must be seconds, at least 0")
        self.ends = ends
        self.exchange = Exchange(
            name, self.base_url, api_key_env, self.parameters, concurrency, together, ends, probe
        )
        self.notes = self.exchange.notes
        self.remarks = self.exchange.remarks

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """The address and the model's name there: what stands behind them is not known."""
        identity = {"backend": "openai", "weights": f"{self.name} at {self.base_url}"}
        if self.together:
            identity["together"] = "true"
        identity |= self.parameters.identity
        if self.weighs_choices:
            # Until November 2026 the likelier of two spellings counted.
            identity["choices"] = "all spellings"
            if self.parameters.top_logprobs != Parameters().top_logprobs:
                identity["top_logprobs"] = str(self.parameters.top_logprobs)
        if not self.ends:
            identity["ends"] = "not asked for"
        return identity

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Ask for every index of every request.

        Raises:
            HarnessError: the server does not take the key, knows no such model, has nothing left to
                be paid with, or refuses all that it is asked.
        """
        for request in requests:
            check_request(request, self.continues, self.weighs_choices)
        if requests:
            key = os.environ.get(self.api_key_env, "")
            asker = Asker(self.base_url, key, self.retries, self.timeout, self.api_key_env)
            if self.batch:
                yield from self._batched(asker, requests, generation, seed)
            else:
                yield from self.exchange.generate(asker, requests, generation, seed)

    def _batched(
        self, asker: Asker, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """By batches; what the server refuses and honours is found without one."""
        import openai

        async def look() -> None:
            try:
                await self.exchange.look(asker, requests[0], generation, seed)
            finally:
                await asker.close()

        asyncio.run(look())
        with openai.OpenAI(
            api_key=asker.key or "none", base_url=self.base_url, max_retries=self.retries,
            timeout=self.timeout,
        ) as client:  # fmt: skip
            files = BatchFiles(self.base_url)
            batching = Batching(self.exchange, asker, client, files, self.batch_wait)
            yield from batching.generate(requests, generation, seed)

    def hooked(self, mitigations: Sequence[Mitigation]) -> Model:
        """This model, its tokens chosen here one by one, among those that it lists as likeliest.

        Raises:
            HarnessError: a mitigation needs more of a model than that.
        """
        from harness.models.openai.stepping import SteppingModel

        return SteppingModel(self, mitigations)
