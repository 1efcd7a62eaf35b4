"""Models behind a server with OpenAI's interface: vLLM, llama.cpp, TGI, a hosted API."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from harness.models.openai.asking import Asker
from harness.models.openai.bodies import Parameters, is_begun
from harness.models.openai.faults import UnansweredError
from harness.models.openai.options import check_address, check_numbers, whole_prices
from harness.models.openai.probing import look, probe_of
from harness.models.openai.reading import read_all, unanswered
from harness.models.openai.refusals import Refusals
from harness.models.openai.spellings import MARKS
from harness.types import (
    Generation,
    GenerationConfig,
    HarnessError,
    Mitigation,
    Model,
    Request,
)

logger = logging.getLogger(__name__)

SHOWN = 3
"""Failures whose reasons are shown at once, each once; the others stand in the tables."""


class ServedModel:
    """Asks a server, many requests at once; what fails is tried again, then kept as a failure.

    Messages go to `chat/completions`, plain text to `completions`. Each generation is a request of
    its own with a seed of its own; whether the server heeds the seed is the server's affair. Before
    the first of them one small request finds what the server refuses or lacks.

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
        probe: ask one small request first.
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
            max_tokens_name, tuple(omit), seeds, top_logprobs, dict(extra or {})
        )
        self.prices = whole_prices(prices)
        self.ends = ends
        self.probe = probe
        self.notes: list[str] = []
        self.told: dict[str, Any] = {}
        self._refusals = Refusals(self.base_url, name, api_key_env, self.parameters)
        self._shown: set[str] = set()
        self._probed = False

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
            self._check(request)
        if not requests:
            return
        key = os.environ.get(self.api_key_env, "")
        asker = Asker(self.base_url, key, self.retries, self.timeout, self.api_key_env)
        loop = asyncio.new_event_loop()
        tasks: list[asyncio.Task[list[Generation]]] = []
        try:
            if self.probe and not self._probed:
                self._probed = True
                loop.run_until_complete(self._probe(asker, requests[0], generation, seed))
            self._note(dict.fromkeys(self.parameters.notes(requests[0], generation)))
            room = asyncio.Semaphore(self.concurrency)
            tasks += [
                loop.create_task(self._answer(asker, room, request, indices, generation, seed))
                for request in requests
                for indices in self._asked(request)
            ]
            pending = set(tasks)
            while pending:
                done, pending = loop.run_until_complete(
                    asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                )
                whole = [task for task in done if task.exception() is None]
                if whole:  # what was answered is kept, whatever ends the run
                    yield [answer for task in whole for answer in task.result()]
                for task in done:
                    task.result()
        finally:
            loop.run_until_complete(_end(tasks, asker))
            loop.close()

    def hooked(self, mitigations: Sequence[Mitigation]) -> Model:
        """This model, its tokens chosen here one by one, among those that it lists as likeliest.

        Raises:
            HarnessError: a mitigation needs more of a model than that.
        """
        from harness.models.openai.stepping import SteppingModel

        return SteppingModel(self, mitigations)

    def _asked(self, request: Request) -> list[tuple[int, ...]]:
        """Which generations are asked for in one request."""
        if self.together and not request.choices:
            return [request.indices]
        return [(index,) for index in request.indices]

    def _check(self, request: Request) -> None:
        """Refuse what the server cannot be asked."""
        if is_begun(request) and not self.continues:
            raise HarnessError(
                f"sample {request.sample_id!r} begins the model's answer, which most servers do "
                "not go on with; where this one does (vLLM), set backend.continues=true"
            )
        if not request.choices:
            return
        if not self.weighs_choices:
            raise HarnessError(
                "this task weighs choices; where the server gives log-probabilities, set "
                "backend.choices=true, or choose a protocol in which answers are written"
            )
        words: dict[str, str] = {}
        for choice in request.choices:
            if len(choice.split()) != 1:
                raise HarnessError(
                    f"choice {choice!r} is not one word: a server's first token does not weigh it"
                )
            other = words.setdefault(choice.strip(MARKS), choice)
            if other != choice:
                raise HarnessError(
                    f"choices {other!r} and {choice!r} are one word: a server's first token does "
                    "not tell them apart"
                )

    async def _probe(
        self, asker: Asker, first: Request, generation: GenerationConfig, seed: int
    ) -> None:
        """Find what the server refuses, ignores or gives, by one small request."""
        request = probe_of(first, self._asked(first)[0])
        body = self.parameters.body(self.name, request, request.indices, generation, seed)
        try:
            answer = await asker.ask(body)
        except UnansweredError as why:
            if not why.reached:
                raise HarnessError(
                    f"no server can be asked at {self.base_url}: {why.reason}"
                ) from None
            self._refusals.end_at_probe(why, body)
            self.told["probe"] = {"verdict": why.reason}
            return
        findings = look(answer, request, self.parameters.top_logprobs)
        self.told["probe"] = findings.facts
        self._note(findings.notes)

    async def _answer(
        self,
        asker: Asker,
        room: asyncio.Semaphore,
        request: Request,
        indices: tuple[int, ...],
        generation: GenerationConfig,
        seed: int,
    ) -> list[Generation]:
        body = self.parameters.body(self.name, request, indices, generation, seed)
        try:
            async with room:
                answer = await asker.ask(body)
            answers = read_all(answer, request, indices, self.parameters.top_logprobs, self.ends)
            self._refusals.answered()
        except UnansweredError as why:
            self._refusals.count(why, body)
            answers = [unanswered(request, index, why) for index in indices]
        self._look_at(answers, request, generation, asker)
        return answers

    def _look_at(
        self,
        answers: list[Generation],
        request: Request,
        generation: GenerationConfig,
        asker: Asker,
    ) -> None:
        """Keep the key out of reasons, show the first ones, and note answers beyond the limit."""
        for place, answer in enumerate(answers):
            if answer.error is not None:
                reason = asker.plain(answer.error)
                answers[place] = Generation.failed(answer.sample_id, answer.index, reason)
                if len(self._shown) < SHOWN and reason not in self._shown:
                    self._shown.add(reason)
                    logger.warning("a request failed: %s", reason)
            elif answer.tokens > generation.max_new_tokens and not request.choices:
                self._note_length(answer.tokens, generation.max_new_tokens)

    def _note_length(self, tokens: int, most: int) -> None:
        self.told["longest_answer"] = max(tokens, self.told.get("longest_answer", 0))
        if "max_tokens" not in self.parameters.omit:
            self._note(
                [f"the server does not keep to max_tokens: it took more than {most} for an answer"]
            )

    def _note(self, notes: Iterable[str]) -> None:
        self.notes += [note for note in notes if note not in self.notes]


async def _end(tasks: Sequence[asyncio.Task[list[Generation]]], asker: Asker) -> None:
    """Give up what is under way and close every connection."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asker.close()
    await asyncio.sleep(0)  # transports close in the loop's next round
