"""Everything that is asked of one server in a run: the probe, the requests, what was noticed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.models.openai.asking import Asks
from harness.models.openai.bodies import Parameters, is_begun
from harness.models.openai.faults import UnansweredError
from harness.models.openai.honouring import honoured, note_of
from harness.models.openai.probing import REPEATS, look, probe_of
from harness.models.openai.reading import read_all, unanswered
from harness.models.openai.server_refusals import ServerRefusals
from harness.types import Generation, GenerationConfig, HarnessError, Request

logger = logging.getLogger(__name__)

SHOWN = 3
"""Failures whose reasons are shown at once, each once; the others stand in the tables."""


@dataclass
class Exchange:
    """Asks a server many requests at once, and reads what it answers."""

    name: str
    """Of the model, as the server calls it."""
    address: str
    """Of the server, in messages."""
    key_name: str
    """The variable that holds the key."""
    parameters: Parameters
    concurrency: int = 32
    """Requests under way at once."""
    together: bool = False
    """Ask for all generations of a prompt in one request."""
    ends: bool = True
    """An answer has to say why it ends."""
    probe: bool = True
    """Ask a few small requests first."""
    notes: list[str] = field(default_factory=list)
    remarks: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._refusals = ServerRefusals(self.address, self.name, self.key_name, self.parameters)
        self._shown: set[str] = set()
        self._probed = False

    def generate(
        self, asker: Asks, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Ask for every index of every request, at least one, and close the asker.

        Raises:
            HarnessError: the server does not take the key, knows no such model, has nothing left to
                be paid with, or refuses all that it is asked.
        """
        loop = asyncio.new_event_loop()
        tasks: list[asyncio.Task[list[Generation]]] = []
        try:
            loop.run_until_complete(self.look(asker, requests[0], generation, seed))
            room = asyncio.Semaphore(self.concurrency)
            tasks += [
                loop.create_task(self._answer(asker, room, request, indices, generation, seed))
                for request in requests
                for indices in self.asked(request)
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

    def asked(self, request: Request) -> list[tuple[int, ...]]:
        """Which generations are asked for in one request."""
        if self.together and not request.choices:
            return [request.indices]
        return [(index,) for index in request.indices]

    async def look(
        self, asker: Asks, first: Request, generation: GenerationConfig, seed: int
    ) -> None:
        """Find what the server refuses, ignores or gives, once, and note what is left out."""
        if self.probe and not self._probed:
            self._probed = True
            await self._probe(asker, first, generation, seed)
        self.note(self.parameters.notes(first, generation))

    async def _probe(
        self, asker: Asks, first: Request, generation: GenerationConfig, seed: int
    ) -> None:
        request = probe_of(first, self.asked(first)[0])
        body = self.parameters.body(self.name, request, request.indices, generation, seed)
        try:
            answer = await asker.ask(body)
        except UnansweredError as why:
            if not why.reached:
                raise HarnessError(
                    f"no server can be asked at {self.address}: {why.reason}"
                ) from None
            self._refusals.end_at_probe(why, body)
            self.remarks["probe"] = {"verdict": why.reason}
            return
        findings = look(answer, request, self.parameters.top_logprobs)
        self.remarks["probe"] = findings.facts
        self.note(findings.notes)
        if findings.facts["verdict"] == "answered":
            heeds = await honoured(asker, self.concurrency, self.parameters, self.name, first)
            findings.facts["honours"] = heeds
            self.note([note_of(heeds, generation, self.together)])

    async def _answer(
        self,
        asker: Asks,
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
        except UnansweredError as why:
            return self.lost(asker, why, body, request, indices)
        return self.read(asker, answer, body, request, indices, generation)

    def read(
        self,
        asker: Asks,
        answer: object,
        body: Mapping[str, Any],
        request: Request,
        indices: tuple[int, ...],
        generation: GenerationConfig,
    ) -> list[Generation]:
        """The generations in what a server answered to a request."""
        try:
            answers = read_all(answer, request, indices, self.parameters.top_logprobs, self.ends)
        except UnansweredError as why:
            return self.lost(asker, why, body, request, indices)
        self._refusals.answered()
        if self.remarks.get("probe", {}).get("goes_on") == REPEATS and is_begun(request):
            answers = [_without_begun(written, request) for written in answers]
        most = generation.max_new_tokens
        for place, written in enumerate(answers):
            if written.error is not None:
                answers[place] = self._failed(asker, written)
            elif written.tokens > most and not request.choices:
                self._note_length(written.tokens, most)
        return answers

    def lost(
        self,
        asker: Asks,
        why: UnansweredError,
        body: Mapping[str, Any],
        request: Request,
        indices: tuple[int, ...],
    ) -> list[Generation]:
        """The generations of a request that has no answer.

        Raises:
            HarnessError: nor would any other have one.
        """
        self._refusals.count(why, body)
        answers = [unanswered(request, index, why) for index in indices]
        return [
            answer if answer.error is None else self._failed(asker, answer) for answer in answers
        ]

    def note(self, notes: Iterable[str]) -> None:
        """Keep sentences that are not kept yet."""
        self.notes += [note for note in dict.fromkeys(notes) if note not in self.notes]

    def _failed(self, asker: Asks, answer: Generation) -> Generation:
        """The failure without the key in its reason; the first reasons are shown."""
        reason = asker.plain(answer.error or "")
        if len(self._shown) < SHOWN and reason not in self._shown:
            self._shown.add(reason)
            logger.warning("a request failed: %s", reason)
        return Generation.failed(answer.sample_id, answer.index, reason)

    def _note_length(self, tokens: int, most: int) -> None:
        self.remarks["longest_answer"] = max(tokens, self.remarks.get("longest_answer", 0))
        if "max_tokens" not in self.parameters.omit:
            self.note(
                [f"the server does not keep to max_tokens: it took more than {most} for an answer"]
            )


def _without_begun(answer: Generation, request: Request) -> Generation:
    """An answer without what the request began, which the server has repeated."""
    begun = request.prompt[-1]
    if answer.text is None or isinstance(begun, str):
        return answer
    return replace(answer, text=answer.text.removeprefix(begun.content))


async def _end(tasks: Sequence[asyncio.Task[list[Generation]]], asker: Asks) -> None:
    """Give up what is under way and close every connection."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asker.close()
    await asyncio.sleep(0)  # transports close in the loop's next round
