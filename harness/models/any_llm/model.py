"""Models of Anthropic, Gemini, Bedrock, Azure, Mistral and others, by any-llm-sdk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from harness.models.any_llm.asking import LibraryAsker
from harness.models.openai.bodies import Parameters
from harness.models.openai.exchange import Exchange
from harness.models.openai.options import (
    check_address,
    check_numbers,
    check_request,
    whole_prices,
)
from harness.types import Generation, GenerationConfig, HarnessError, Request

SECRETS = ("key", "secret", "token", "password", "credential")
"""Parts of the names of what a provider's client may be given and no results may hold."""
ENDS_SEEN = ("anthropic", "gemini")
"""Providers whose own word for an answer's end is looked at, whatever the library makes of it."""


class AnyModel:
    """Asks a provider by the library that speaks its own interface; read as `ServedModel` reads.

    Args:
        name: of the model, as the provider calls it.
        provider: as any-llm-sdk names it: `anthropic`, `gemini`, `bedrock`, `azure`, `mistral`, ...
        api_base: the server's address; None: the provider's own.
        api_key_env: the variable that holds the key; None: the one that the provider's is known by.
        client: what else the provider's own client is given: `{region_name: eu-central-1}`.
        concurrency: requests under way at once.
        retries: of a request that met a status 408, 409, 425, 429 or 5xx, a time-out or a
            connection that broke; the wait doubles, and a Retry-After is kept to.
        timeout: seconds that a request may take.
        seeds: send a seed; a provider that takes none (Anthropic, Bedrock) wants this off.
        continues: the provider goes on with an assistant's message that was begun.
        choices: weigh choices of one word by the probabilities of the first token, where the
            provider gives them.
        extra: what else each request's body holds.
        together: ask for all generations of a prompt in one request (`n`).
        prices: of a million tokens, `input` and `output`, from which a forecast has its cost.
        max_tokens_name: under which the limit of an answer's length is sent.
        omit: parameters that a provider refuses and that requests go without.
        top_logprobs: likeliest tokens that are asked for where choices are weighed.
        ends: an answer has to say why it ends; off: one that does not is kept, its end unknown.
        probe: ask a few small requests first.
        reasoning_effort: how much a model reasons; None: as the provider has it.

    Raises:
        HarnessError: an option means nothing, or holds a secret.
    """

    device_used = None
    """None: it takes no device of this machine."""

    def __init__(
        self,
        name: str,
        provider: str = "anthropic",
        api_base: str | None = None,
        api_key_env: str | None = None,
        client: Mapping[str, Any] | None = None,
        concurrency: int = 16,
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
    ) -> None:
        check_numbers(concurrency, retries, timeout)
        if api_base is not None:
            check_address(api_base, "api_base")
        self.name = name
        self.provider = provider
        self.api_base = api_base
        self.api_key_env = api_key_env
        self.client = _without_secrets(client or {})
        self.retries = retries
        self.timeout = timeout
        self.continues = continues
        self.weighs_choices = choices
        self.together = together
        self.asks_each = not together
        """Whether each generation is a request of its own."""
        self.parameters = Parameters(
            max_tokens_name, tuple(omit), seeds, top_logprobs, dict(extra or {}), reasoning_effort
        )
        self.prices = whole_prices(prices)
        self.ends = ends
        place = f"{provider}{f' at {api_base}' if api_base else ''}"
        key = api_key_env or f"the variable that {provider} is known by"
        self.exchange = Exchange(
            name, place, key, self.parameters, concurrency, together, ends, probe
        )
        self.notes = self.exchange.notes
        if provider not in ENDS_SEEN:
            why = f"Why answers of {provider} end is as any-llm-sdk says it, which may call an end "
            self.exchange.note([f"{why}that it does not know a whole answer's."])

    @property
    def remarks(self) -> Mapping[str, Any]:
        """What was found, and the library's version."""
        try:
            return {**self.exchange.remarks, "any_llm": version("any-llm-sdk")}
        except PackageNotFoundError:
            return self.exchange.remarks

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """The provider and the model's name there: what stands behind them is not known."""
        identity = {"backend": "any_llm", "weights": f"{self.name} of {self.exchange.address}"}
        if self.together:
            identity["together"] = "true"
        if self.weighs_choices:
            identity["choices"] = f"all spellings, of {self.parameters.top_logprobs} tokens"
        if not self.ends:
            identity["ends"] = "not asked for"
        if self.client:
            identity["client"] = repr(sorted(self.client.items()))
        return identity | self.parameters.identity

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Ask for every index of every request.

        Raises:
            HarnessError: the library or the key is missing, or the provider refuses all that it is
                asked.
        """
        for request in requests:
            check_request(request, self.continues, self.weighs_choices)
            if isinstance(request.prompt, str):
                raise HarnessError(
                    f"sample {request.sample_id!r} is a text to go on with, and backend=any_llm "
                    "sends messages alone; use backend=openai, vllm or hf for such a task"
                )
        if requests:
            asker = LibraryAsker(
                self.provider, self.api_base, self.api_key_env, self.retries, self.timeout,
                self.client,
            )  # fmt: skip
            yield from self.exchange.generate(asker, requests, generation, seed)


def _without_secrets(client: Mapping[str, Any]) -> dict[str, Any]:
    for name in client:
        if any(part in str(name).lower() for part in SECRETS):
            raise HarnessError(
                f"backend.client holds {name!r}, which would be written into results; put it into "
                "the environment variable that the provider's package reads"
            )
    return dict(client)
