"""One request to a provider by any-llm-sdk: sent, waited for, and read as OpenAI's JSON."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from harness.models.openai.asking import LONGEST_ASKED, SECRET, tried, wait_of, without_key
from harness.models.openai.ends import finish_of
from harness.models.openai.faults import UnansweredError, fault_of
from harness.types import HarnessError

if TYPE_CHECKING:
    from any_llm import AnyLLM, AnyLLMError

INSTALL = 'pip install "harness[any_llm]"'
OF_THE_LIBRARY = "Response blocked by "
"""How the refusal begins that the library itself writes where a filter withheld an answer."""
REFUSED = 400
"""The status of what the library or a provider's own package refuses before it is sent."""


class LibraryAsker:
    """Asks one provider.

    Args:
        provider: as any-llm-sdk names it.
        api_base: the server's address; None: the provider's own.
        key_name: the variable that holds the key; None: the one that the provider's is known by.
        retries: of a request that a later try may see answered.
        timeout: seconds that a request may take.
        client: what else the provider's own client is given.

    Raises:
        HarnessError: the library, the provider's package or the key is missing.
    """

    def __init__(
        self,
        provider: str,
        api_base: str | None,
        key_name: str | None,
        retries: int,
        timeout: float,
        client: Mapping[str, Any],
    ) -> None:
        self.retries = retries
        self.timeout = timeout
        key = os.environ.get(key_name or "") or None
        self._llm = _provider(provider, key, api_base, client)
        names = (self._llm.ENV_API_KEY_NAME or "").split("/")
        self.key = key or next(filter(None, map(os.environ.get, names)), "")
        _keep_ends(self._llm)

    async def close(self) -> None:
        """Close every connection."""
        client = getattr(self._llm, "client", None)
        client = getattr(client, "aio", client)
        close = getattr(client, "aclose", None) or getattr(client, "close", None)
        closing = close() if callable(close) else None
        if isawaitable(closing):
            await closing

    async def ask(self, body: Mapping[str, Any]) -> object:
        """The JSON, as OpenAI's interface has it, that the provider answers to a body.

        Raises:
            UnansweredError: it answered none, or an error, and would again.
        """
        return await tried(lambda: self._once(body), self.retries)

    def plain(self, reason: str) -> str:
        """A reason in one line, without the key."""
        return without_key(reason, self.key)

    async def _once(self, body: Mapping[str, Any]) -> object:
        from any_llm import AnyLLMError

        try:
            async with asyncio.timeout(self.timeout):
                answer = await self._llm.acompletion(**body)
        except TimeoutError:
            reason = f"no answer within {self.timeout:g} seconds"
            raise UnansweredError(reason, again=True, reached=False) from None
        except AnyLLMError as error:
            raise self._of_error(error) from None
        text = answer.model_dump_json()
        if len(self.key) >= SECRET:
            text = text.replace(self.key, "***")
        return _without_the_library_s_words(json.loads(text))

    def _of_error(self, error: AnyLLMError) -> UnansweredError:
        """What an error of the library means."""
        from any_llm import InvalidRequestError, UnsupportedParameterError

        cause = error.original_exception
        if isinstance(cause, UnansweredError):
            return cause
        status = error.status_code
        if status is None and isinstance(error, InvalidRequestError | UnsupportedParameterError):
            status = REFUSED
        if status is None and cause is not None and _unreached(cause):
            reason = self.plain(f"the connection failed: {cause}")
            return UnansweredError(reason, again=True, reached=False)
        detail = getattr(cause, "body", None) or getattr(cause, "details", None)
        fault = fault_of(status, detail if isinstance(detail, dict | list) else str(error.message))
        wait = wait_of({"retry-after": getattr(error, "retry_after", None) or ""})
        patient = wait is None or wait <= LONGEST_ASKED
        again = fault.busy and patient and not fault.withheld and not fault.spent
        return UnansweredError(self.plain(str(fault)), again, fault, wait)


def _provider(
    provider: str, key: str | None, api_base: str | None, client: Mapping[str, Any]
) -> AnyLLM:
    try:
        from any_llm import AnyLLM, AnyLLMError
        from any_llm.exceptions import UnsupportedParameterError
    except ImportError as error:
        raise HarnessError(f"backend=any_llm needs the package any-llm-sdk: {INSTALL}") from error
    settings = {"api_key": key, "api_base": api_base, "unified_exceptions": True, **client}
    try:
        try:
            return AnyLLM.create(provider, max_retries=0, **settings)
        except UnsupportedParameterError:  # its package has no such setting
            return AnyLLM.create(provider, **settings)
    except (AnyLLMError, ImportError) as error:
        raise HarnessError(
            f"backend.provider={provider!r}: {' '.join(str(error).split())}"
        ) from None


def _unreached(cause: BaseException) -> bool:
    """Whether no server was reached; the packages' errors share nothing but their names."""
    names = [kind.__name__.lower() for kind in type(cause).__mro__]
    return any("connect" in name or "timeout" in name for name in names)


def _keep_ends(llm: AnyLLM) -> None:
    """Look at why an answer ends before the library makes `stop` of each end unknown to it.

    Of Anthropic and Gemini, whose own packages give the answer as the provider sent it.
    """
    client: Any = getattr(llm, "client", None)
    if hasattr(client, "messages"):
        client.messages.create = _looked_at(client.messages.create, _end_of_message)
    elif hasattr(client, "aio"):
        models = client.aio.models
        models.generate_content = _looked_at(models.generate_content, _end_of_candidate)


def _looked_at(
    create: Callable[..., Awaitable[Any]], end_of: Callable[[Any], str | None]
) -> Callable[..., Awaitable[Any]]:
    """The call, failing where the answer's end is that of no whole answer."""

    async def call(*args: Any, **options: Any) -> Any:
        answer = await create(*args, **options)
        end = end_of(answer)
        if end is not None:
            finish_of(end)
        return answer

    return call


def _end_of_message(answer: Any) -> str | None:
    """Anthropic's `stop_reason`."""
    return answer.stop_reason or "finish_reason_unspecified"


def _end_of_candidate(answer: Any) -> str | None:
    """Gemini's `finishReason`; None where a filter let no candidate through."""
    if not answer.candidates:
        return None
    reason = answer.candidates[0].finish_reason
    return str(getattr(reason, "value", reason) or "finish_reason_unspecified")


def _without_the_library_s_words(answer: Any) -> Any:
    """The answer without the refusal that the library itself wrote."""
    for choice in answer.get("choices") or ():
        message = choice.get("message") or {}
        if str(message.get("refusal") or "").startswith(OF_THE_LIBRARY):
            message["refusal"] = None
    return answer
