"""Many requests as a batch: written, sent at half the price, waited for, and joined by id."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.models.openai.asking import Asker
from harness.models.openai.batch_files import Batch, BatchFiles, line_of, name_of_request
from harness.models.openai.exchange import Exchange
from harness.models.openai.faults import UnansweredError, excerpt, fault_of
from harness.types import Generation, GenerationConfig, HarnessError, Request

if TYPE_CHECKING:
    from openai import OpenAI

URLS = {True: "/v1/chat/completions", False: "/v1/completions"}
"""Where a chat and a text go."""
ENDED = ("completed", "failed", "expired", "cancelled")
SOON, LATE = 1.0, 60.0
"""Seconds before a batch is looked at again, at first and at last; they double."""


@dataclass(frozen=True)
class Line:
    """A request of a batch, and what it is of."""

    request: Request
    indices: tuple[int, ...]
    body: Mapping[str, Any]


@dataclass
class Batching:
    """Answers requests by batches of one server.

    A request that an earlier process sent is found by its id and not sent again, unless what came
    of it was a failure that was handed on.
    """

    exchange: Exchange
    asker: Asker
    client: OpenAI
    files: BatchFiles
    wait: float
    """Seconds at most until batches are to be ended."""

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """The answers of each batch as it ends.

        Raises:
            HarnessError: a batch cannot be sent or fails as a whole, or none has ended in time.
        """
        lines = self._lines(requests, generation, seed)
        until = time.monotonic() + self.wait
        pending = self._sent(lines)
        pause = SOON
        while pending:
            for batch in list(pending):
                state = self._call("looked at", self.client.batches.retrieve, batch.server_id)
                if state.status in ENDED:
                    pending.remove(batch)
                    yield from self._answers(batch, state, lines, generation)
            if pending:
                self._end_where_late(pending, until)
                time.sleep(max(0.0, min(pause, until - time.monotonic())))
                pause = min(2 * pause, LATE)

    def _lines(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> dict[str, Line]:
        lines = {}
        for request in requests:
            for indices in self.exchange.asked(request):
                body = self.exchange.parameters.body(
                    self.exchange.name, request, indices, generation, seed
                )
                name = name_of_request(body, request.sample_id, indices)
                lines[name] = Line(request, indices, body)
        return lines

    def _sent(self, lines: Mapping[str, Line]) -> list[Batch]:
        """The batches that hold these requests; what none holds is written and sent."""
        remaining = dict(lines)
        batches = []
        for batch in self.files.known():
            here = [name for name in remaining if name in batch.ids and name not in batch.failed]
            if here and (batch.server_id or self._adopted(batch)):
                batches.append(batch)
                for name in here:
                    del remaining[name]
        for chat, url in URLS.items():
            part = {
                name: line_of(name, url, line.body)
                for name, line in remaining.items()
                if ("messages" in line.body) == chat
            }
            for batch in self.files.write(part):
                self._send(batch, url)
                batches.append(batch)
        return batches

    def _adopted(self, batch: Batch) -> bool:
        """Whether the server has a batch of this file, of which no process noted that it was sent.

        A server that lists no batches has none.

        Raises:
            HarnessError: the server does not answer.
        """
        import openai

        try:
            listed = self.client.batches.list(limit=100).data
        except openai.APIStatusError:
            return False
        except openai.APIError as error:
            raise self._unanswered("looked for", error) from None
        for batch_of in listed:
            if (batch_of.metadata or {}).get("requests") == batch.digest:
                batch.server_id = batch_of.id
                batch.save()
                return True
        return False

    def _send(self, batch: Batch, url: Any) -> None:
        file = self._call(
            "written to the server", self.client.files.create, file=batch.path, purpose="batch"
        )
        created = self._call(
            "sent", self.client.batches.create, input_file_id=file.id, endpoint=url,
            completion_window="24h", metadata={"requests": batch.digest},
        )  # fmt: skip
        batch.server_id = created.id
        batch.save()

    def _end_where_late(self, pending: Sequence[Batch], until: float) -> None:
        if time.monotonic() < until:
            return
        named = ", ".join(str(batch.server_id) for batch in pending)
        raise HarnessError(
            f"batch {named} at {self.exchange.address} is under way after backend.batch_wait="
            f"{self.wait:g} seconds; the same command goes on with it, today or in days"
        )

    def _answers(
        self, batch: Batch, state: Any, lines: Mapping[str, Line], generation: GenerationConfig
    ) -> Iterator[list[Generation]]:
        """What came of a batch's requests, answers before failures."""
        if state.status == "failed":
            batch.forget()
            words = fault_of(None, (state.errors or state).model_dump(mode="json")).words
            raise HarnessError(
                f"batch {batch.server_id} at {self.exchange.address} was refused: "
                f"{self.asker.plain(words)}"
            )
        results = self._results(state)
        of_batch = {name: line for name, line in lines.items() if name in batch.ids}
        answers, lost = [], {}
        for name, line in of_batch.items():
            try:
                answer = _body_of(results.get(name), state.status)
            except UnansweredError as why:
                lost[name] = line, why
                continue
            answers += self.exchange.read(
                self.asker, answer, line.body, line.request, line.indices, generation
            )
        bad = {(each.sample_id, each.index) for each in answers if each.error is not None}
        batch.failed |= lost.keys() | {
            name for name, line in of_batch.items()
            if any((line.request.sample_id, index) in bad for index in line.indices)
        }  # fmt: skip
        batch.save()
        yield answers
        for line, reason in lost.values():
            yield self.exchange.lost(self.asker, reason, line.body, line.request, line.indices)

    def _results(self, state: Any) -> dict[str, Any]:
        """Each line of the files of answers and of errors, by its request's id."""
        results: dict[str, Any] = {}
        for name in (state.error_file_id, state.output_file_id):
            if name:
                text = self._call("read", self.client.files.content, name).content
                for line in text.decode("utf-8", "replace").splitlines():
                    result = _parsed(self.asker.without_secret(line))
                    if isinstance(result, dict) and isinstance(result.get("custom_id"), str):
                        results[result["custom_id"]] = result
        return results

    def _call(self, action: str, call: Any, *args: Any, **options: Any) -> Any:
        """What the server answers to a call about a batch.

        Raises:
            HarnessError: it answers none.
        """
        import openai

        try:
            return call(*args, **options)
        except openai.APIError as error:
            raise self._unanswered(action, error) from None

    def _unanswered(self, action: str, error: Exception) -> HarnessError:
        words = self.asker.plain(str(getattr(error, "body", None) or error))
        return HarnessError(
            f"a batch could not be {action} at {self.exchange.address}: {words}; backend.batch="
            "false asks without batches"
        )


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _body_of(result: Any, status: str) -> object:
    """The answer in a line of a batch's results.

    Raises:
        UnansweredError: there is none.
    """
    if result is None:
        raise UnansweredError(f"the batch is {status}, and holds nothing of this request")
    response = result.get("response")
    error = result.get("error")
    if isinstance(response, dict) and type(response.get("status_code")) is int:
        code, body = response["status_code"], response.get("body")
        if code < 400 and not error:
            return body
        fault = fault_of(code, body if isinstance(body, dict | list) else excerpt(body))
        raise UnansweredError(str(fault), fault=fault)
    fault = fault_of(None, error if isinstance(error, dict) else {"error": excerpt(error)})
    raise UnansweredError(str(fault), fault=fault)
