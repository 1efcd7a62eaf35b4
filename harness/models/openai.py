"""Models behind a server with OpenAI's interface: vLLM, llama.cpp, TGI, a hosted API."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from harness.identity import seed_of
from harness.text import well_formed
from harness.types import Generation, GenerationConfig, HarnessError, Request

if TYPE_CHECKING:
    from openai import AsyncOpenAI

INSTALL = 'pip install "harness[openai]"'
TOP = 20
"""Tokens whose probabilities a server is asked for where choices are weighed."""
UNREADABLE = 3
"""Times that an answer which is none of the interface's is asked for."""
FATAL = {401: "does not take the key", 403: "forbids it", 404: "knows no such model or address"}
"""Statuses that every other request would meet as well."""


class ServedModel:
    """Asks a server, many requests at once; what fails is tried again, then kept as a failure.

    Messages go to `chat/completions`, plain text to `completions`. Each generation is a request of
    its own with a seed of its own; whether the server heeds the seed is the server's affair.

    Args:
        name: of the model, as the server calls it.
        base_url: of the server: `http://localhost:8000/v1`.
        api_key_env: the environment variable that holds the key; it is written nowhere.
        concurrency: requests under way at once.
        retries: of a request that met a status 408, 409, 429 or 5xx, a time-out or a connection
            that broke; the wait doubles, and a Retry-After is kept to.
        timeout: seconds that a request may take.
        seeds: send a seed; a server that refuses it wants this off.
        continues: the server goes on with an assistant's message that was begun (vLLM does).
        choices: weigh choices of one word by the probabilities of the first token, where the server
            gives them (`logprobs`); one that is not among the 20 likeliest counts as impossible.
        extra: what else each request's body holds.
        together: ask for all generations of a prompt in one request (`n`), where the server has it:
            the prompt is paid for once, and the noise is keyed by the request, not by each answer.
        prices: of a million tokens, `input` and `output`, from which a forecast has its cost.
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
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise HarnessError(
                f"backend.base_url={base_url!r} is no address of a server; write it as "
                "http://localhost:8000/v1"
            )
        if parts.username or parts.password:
            raise HarnessError(
                "backend.base_url holds a user or a password, which would be written into results; "
                "put the key into an environment variable and name that in backend.api_key_env"
            )
        for option, value, least in (("concurrency", concurrency, 1), ("retries", retries, 0)):
            if value < least:
                raise HarnessError(f"backend.{option}={value} must be at least {least}")
        if not 0 < timeout < math.inf:
            raise HarnessError(f"backend.timeout={timeout} must be a number of seconds above 0")
        self.name = name
        self.base_url = base_url.rstrip("/")
        self.api_key_env = api_key_env
        self.concurrency = concurrency
        self.retries = retries
        self.timeout = timeout
        self.seeds = seeds
        self.continues = continues
        self.weighs_choices = choices
        self.together = together
        self.asks_each = not together
        """Whether each generation is a request of its own."""
        self.extra = dict(extra or {})
        given = {name: price for name, price in (prices or {}).items() if price is not None}
        if given and not (
            given.keys() == {"input", "output"} and all(price >= 0 for price in given.values())
        ):
            raise HarnessError(
                f"backend.prices={given} must give input and output, each at least 0, of a million "
                "tokens"
            )
        self.prices = given or None

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """The address and the model's name there: what stands behind them is not known."""
        identity = {"backend": "openai", "weights": f"{self.name} at {self.base_url}"}
        if self.together:
            identity["together"] = "true"
        if self.extra:
            identity["extra"] = repr(sorted(self.extra.items()))
        return identity

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Ask for every index of every request.

        Raises:
            HarnessError: the server does not take the key, or knows no such model.
        """
        for request in requests:
            self._check(request)
        loop = asyncio.new_event_loop()
        client, room = self._client(), asyncio.Semaphore(self.concurrency)
        tasks = [
            loop.create_task(self._answer(client, room, request, indices, generation, seed))
            for request in requests
            for indices in self._asked(request)
        ]
        try:
            pending = set(tasks)
            while pending:
                done, pending = loop.run_until_complete(
                    asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                )
                yield [generation for task in done for generation in task.result()]
        finally:
            loop.run_until_complete(_end(tasks, client))
            loop.close()

    def _asked(self, request: Request) -> list[tuple[int, ...]]:
        """Which generations are asked for in one request."""
        if self.together and not request.choices:
            return [request.indices]
        return [(index,) for index in request.indices]

    def _client(self) -> AsyncOpenAI:
        try:
            from openai import AsyncOpenAI
        except ImportError as error:
            raise HarnessError(f"backend=openai needs the package openai: {INSTALL}") from error
        return AsyncOpenAI(
            api_key=self._key or "none",
            base_url=self.base_url,
            max_retries=self.retries,
            timeout=self.timeout,
        )

    @property
    def _key(self) -> str:
        return os.environ.get(self.api_key_env, "")

    def _check(self, request: Request) -> None:
        """Refuse what the server cannot be asked."""
        begun = not isinstance(request.prompt, str) and request.prompt[-1].role == "assistant"
        if begun and not self.continues:
            raise HarnessError(
                f"sample {request.sample_id!r} begins the model's answer, which most servers do "
                "not go on with; where this one does (vLLM), set backend.continues=true"
            )
        for choice in request.choices:
            if not self.weighs_choices:
                raise HarnessError(
                    "this task weighs choices; where the server gives log-probabilities, set "
                    "backend.choices=true, or choose a protocol in which answers are written"
                )
            if len(choice.split()) != 1:
                raise HarnessError(
                    f"choice {choice!r} is not one word: a server's first token does not weigh it"
                )

    async def _answer(
        self,
        client: AsyncOpenAI,
        room: asyncio.Semaphore,
        request: Request,
        indices: tuple[int, ...],
        generation: GenerationConfig,
        seed: int,
    ) -> list[Generation]:
        import openai

        body = self._body(request, indices, generation, seed)
        reason = ""
        async with room:
            for _ in range(UNREADABLE):
                try:
                    answer = await self._send(client, request, body)
                    return read_all(answer, request, indices)
                except openai.APIStatusError as error:
                    self._end_where_hopeless(error)
                    reason = f"the server answered {error.status_code}: {error.message}"
                    break
                except openai.APITimeoutError:
                    reason = f"no answer within {self.timeout:g} seconds"
                    break
                except openai.APIConnectionError as error:
                    reason = f"the connection failed: {error.__cause__ or error}"
                    break
                except (
                    ValueError,
                    TypeError,
                    LookupError,
                    AttributeError,
                    openai.APIError,
                ) as error:
                    reason = f"the server's answer cannot be read ({type(error).__name__}: {error})"
        failed = self._plain(reason)
        return [Generation.failed(request.sample_id, index, failed) for index in indices]

    async def _send(self, client: AsyncOpenAI, request: Request, body: dict[str, Any]) -> Any:
        if isinstance(request.prompt, str):
            return await client.completions.create(**body)
        return await client.chat.completions.create(**body)

    def _body(
        self, request: Request, indices: tuple[int, ...], generation: GenerationConfig, seed: int
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.name,
            "max_tokens": 1 if request.choices else generation.max_new_tokens,
            "temperature": generation.temperature,
            "top_p": generation.top_p,
        }
        extra = dict(self.extra)
        chat = not isinstance(request.prompt, str)
        if isinstance(request.prompt, str):
            body["prompt"] = well_formed(request.prompt)
        else:
            body["messages"] = [
                {"role": m.role, "content": well_formed(m.content)} for m in request.prompt
            ]
            if request.prompt[-1].role == "assistant":
                extra |= {"continue_final_message": True, "add_generation_prompt": False}
        if generation.stop and not request.choices:
            body["stop"] = list(generation.stop)
        if generation.top_k:
            extra["top_k"] = generation.top_k
        if generation.min_new_tokens:
            extra["min_tokens"] = generation.min_new_tokens
        if self.seeds:
            body["seed"] = seed_of(seed, request.sample_id, indices[0])
        if len(indices) > 1:
            body["n"] = len(indices)
        if request.choices:
            body |= {"logprobs": True, "top_logprobs": TOP} if chat else {"logprobs": TOP}
        return body | ({"extra_body": extra} if extra else {})

    def _end_where_hopeless(self, error: Any) -> None:
        if error.status_code in FATAL:
            hint = f"; the key is read from ${self.api_key_env}" if error.status_code != 404 else ""
            raise HarnessError(
                f"{self.base_url} answered {error.status_code}: it "
                f"{FATAL[error.status_code]} (model={self.name!r}){hint}"
            ) from None

    def _plain(self, reason: str) -> str:
        """The reason in one line, without the key."""
        words = " ".join(reason.split())[:500]
        return words.replace(self._key, "***") if self._key else words


async def _end(tasks: Sequence[asyncio.Task[list[Generation]]], client: AsyncOpenAI) -> None:
    """Give up what is under way and close every connection."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.close()
    await asyncio.sleep(0)  # transports close in the loop's next round


def read_all(answer: Any, request: Request, indices: Sequence[int]) -> list[Generation]:
    """The generations from what a server answered; of those that it left out nothing is made up.

    Raises:
        ValueError: it is not what the interface says.
    """
    if len(indices) == 1:
        return [read(answer.choices[0], answer.usage, request, indices[0])]
    found = {choice.index: choice for choice in answer.choices}
    usage = answer.usage
    each = usage and usage.model_copy(
        update={"completion_tokens": (usage.completion_tokens or 0) // max(len(found), 1)}
    )
    reason = f"the server gave {len(found)} of the {len(indices)} answers that it was asked for"
    return [
        read(found[place], each, request, index)
        if place in found
        else Generation.failed(request.sample_id, index, reason)
        for place, index in enumerate(indices)
    ]


def read(choice: Any, usage: Any, request: Request, index: int) -> Generation:
    """A generation from one of the answers that a server gave.

    Raises:
        ValueError: it is not what the interface says.
    """
    counts = (usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else (0, 0)
    if request.choices:
        weights = tuple(_weigh(choice.logprobs, request.choices))
        return Generation(
            request.sample_id, index, None, "choices", *counts, choice_logprobs=weights
        )
    if isinstance(request.prompt, str):
        text = choice.text
    else:
        text = choice.message.content or getattr(choice.message, "refusal", None)
    if text is not None and not isinstance(text, str):
        raise ValueError(f"its text is {type(text).__name__}")
    if choice.finish_reason == "content_filter":
        return Generation(request.sample_id, index, text or "", "filtered", *counts)
    finish: Literal["length", "stop"] = "length" if choice.finish_reason == "length" else "stop"
    thinking = None if isinstance(request.prompt, str) else _thinking(choice.message)
    return Generation(
        request.sample_id, index, well_formed(text or ""), finish, *counts, thinking=thinking
    )


def _thinking(message: Any) -> str | None:
    """What a server keeps apart from the answer itself, under either of its usual names."""
    for name in ("reasoning_content", "reasoning"):
        said = getattr(message, name, None)
        if isinstance(said, str) and said:
            return well_formed(said)
    return None


def _weigh(logprobs: Any, choices: Sequence[str]) -> Iterator[float]:
    """The log-probability of each choice as the first token, spaces around it aside."""
    if logprobs is None:
        raise ValueError("it holds no log-probabilities")
    if getattr(logprobs, "content", None):
        tokens = [(top.token, top.logprob) for top in logprobs.content[0].top_logprobs]
    else:
        tokens = list(logprobs.top_logprobs[0].items())
    found: list[float] = []
    for choice in choices:
        same = [weight for token, weight in tokens if token == choice]
        bare = [weight for token, weight in tokens if token == choice.strip()]
        found.append(min(0.0, max([*same, *bare], default=-math.inf)))
    if not any(map(math.isfinite, found)):
        raise ValueError(f"none of {', '.join(choices)} is among its {TOP} likeliest tokens")
    yield from found
