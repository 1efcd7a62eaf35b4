"""One request to a server: sent, waited for, tried again where that may help, and read as JSON."""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

from harness.models.openai.faults import Fault, UnansweredError, fault_in, fault_of
from harness.models.openai.streams import is_stream, joined
from harness.types import HarnessError

if TYPE_CHECKING:
    from openai import AsyncOpenAI


INSTALL = 'pip install "harness[openai]"'
UNREADABLE = 3
"""Times at most that an answer which is none of the interface's is asked for."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 8.0
"""Seconds before the second try, and before any; each wait is twice the one before."""
LONGEST_ASKED = 120.0
"""Seconds that a server may ask to be left alone; one that asks for more is asked no more."""
SECRET = 12
"""Characters from which a key is taken out of answers too; a shorter one is a word like another."""


class Asks(Protocol):
    """What asks a server: over HTTP, or by a library."""

    async def ask(self, body: Mapping[str, Any]) -> object:
        """The JSON that is answered to a body.

        Raises:
            UnansweredError: there is none.
        """
        ...

    def plain(self, reason: str) -> str:
        """A reason in one line, without the key."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


@dataclass(frozen=True)
class Reply:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    text: str


class Asker:
    """Asks one server.

    Args:
        base_url: of the server.
        key: which no text that comes from here holds.
        retries: of a request that a later try may see answered.
        timeout: seconds that a request may take.
        key_name: the variable that holds the key.

    Raises:
        HarnessError: the key is none, or the package openai is not installed.
    """

    def __init__(
        self, base_url: str, key: str, retries: int, timeout: float, key_name: str
    ) -> None:
        if not (key.isascii() and key.isprintable() and key == key.strip()):
            raise HarnessError(
                f"the key in ${key_name} has spaces around it or characters that no header holds"
            )
        self.key = key
        self.retries = retries
        self.timeout = timeout
        self._client = _client(base_url, key or "none", timeout)
        self._create: dict[bool, Any] = {
            True: self._client.chat.completions.with_raw_response.create,
            False: self._client.completions.with_raw_response.create,
        }

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()

    async def ask(self, body: Mapping[str, Any]) -> object:
        """The JSON that the server answers to a body.

        Raises:
            UnansweredError: it answered none, or an error, and would again.
        """
        return await tried(lambda: self._once(body), self.retries)

    async def _once(self, body: Mapping[str, Any]) -> object:
        return self._read(await self._send(body))

    async def _send(self, body: Mapping[str, Any]) -> Reply:
        import openai

        field = "messages" if "messages" in body else "prompt"
        usual = {"model": body["model"], field: body[field]}
        extra = {name: value for name, value in body.items() if name not in usual}
        try:
            raw = await self._create[field == "messages"](**usual, extra_body=extra)
            response = raw.http_response
        except openai.APIStatusError as error:
            response = error.response
        except openai.APITimeoutError:
            reason = f"no answer within {self.timeout:g} seconds"
            raise UnansweredError(reason, again=True, reached=False) from None
        except openai.APIConnectionError as error:
            reason = self.plain(f"the connection failed: {error.__cause__ or error}")
            raise UnansweredError(reason, again=True, reached=False) from None
        text = response.content.decode("utf-8-sig", "replace")
        return Reply(response.status_code, response.headers, self.without_secret(text))

    def _read(self, reply: Reply) -> object:
        """The JSON of a reply that is no error; a stream of events is put together."""
        answer = _parse(reply.text)
        if answer is None and reply.status < 400 and is_stream(_kind(reply), reply.text):
            answer = joined(reply.text)
        if reply.status >= 400:
            fault = fault_of(reply.status, reply.text if answer is None else answer)
            raise self._of_fault(fault, reply.headers)
        if answer is None:
            raise UnansweredError(
                f"the server's answer cannot be read: {self.plain(_not_json(reply))}", again=True
            )
        if fault_found := fault_in(answer):
            raise self._of_fault(fault_found, reply.headers)
        return answer

    def _of_fault(self, fault: Fault, headers: Mapping[str, str]) -> UnansweredError:
        wait = wait_of(headers)
        again = fault.busy
        if headers.get("x-should-retry") in ("true", "false"):
            again = headers["x-should-retry"] == "true"
        reason = self.plain(str(fault))
        if wait is not None and wait > LONGEST_ASKED:
            again, reason = False, f"{reason} (ask again after {wait:g} seconds)"
        again = again and not fault.withheld and not fault.spent
        return UnansweredError(reason, again, fault, wait)

    def plain(self, reason: str) -> str:
        """A reason in one line, without the key."""
        return without_key(reason, self.key)

    def without_secret(self, text: str) -> str:
        """An answer without the key, where that is no word like another."""
        return text.replace(self.key, "***") if len(self.key) >= SECRET else text


async def tried(once: Callable[[], Awaitable[object]], retries: int) -> object:
    """What is answered, at the first try or at a later one.

    Args:
        once: asks once; raises UnansweredError.
        retries: of what a later try may see answered.

    Raises:
        UnansweredError: nothing was, and nothing would be.
    """
    tries = 0
    while True:
        try:
            return await once()
        except UnansweredError as why:
            most = retries if why.fault or not why.reached else UNREADABLE - 1
            if not why.again or tries >= min(most, retries):
                raise
            wait = why.wait
        await asyncio.sleep(_backoff(tries) if wait is None else wait)
        tries += 1


def without_key(reason: str, key: str) -> str:
    """A reason in one line of at most 700 characters, without the key."""
    words = " ".join(reason.split())
    return (words.replace(key, "***") if key else words)[:700]


def _client(base_url: str, key: str, timeout: float) -> AsyncOpenAI:
    try:
        from openai import AsyncOpenAI
    except ImportError as error:
        raise HarnessError(f"backend=openai needs the package openai: {INSTALL}") from error
    return AsyncOpenAI(api_key=key, base_url=base_url, max_retries=0, timeout=timeout)


def _parse(text: str) -> object:
    """The JSON in a text; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _not_json(reply: Reply) -> str:
    """What came instead of JSON."""
    words = fault_of(None, reply.text).words
    return (
        words
        if words == "an empty body"
        else f"no JSON ({_kind(reply) or 'of no type'}): {words[:300]}"
    )


def _kind(reply: Reply) -> str:
    return reply.headers.get("content-type", "").partition(";")[0]


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After asks for."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name) or "") / unit
        except ValueError:
            continue
        if 0 < seconds < math.inf:
            return seconds
    try:
        seconds = parsedate_to_datetime(headers.get("retry-after") or "").timestamp() - time.time()
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


def _backoff(tries: int) -> float:
    """Seconds before the next try; a quarter of them is left to chance, so that tries spread."""
    seconds = float(min(FIRST_WAIT * 2 ** min(tries, 10), LONGEST_WAIT))
    return seconds * (1 - 0.25 * random.random())
