"""What a server says went wrong: its words, and whether waiting, asking on or nothing helps."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

WITHHELD = {
    "content_filter",  # OpenAI, Azure OpenAI, Moonshot
    "responsibleaipolicyviolation",  # Azure OpenAI's innererror
    "content_policy_violation", "contentpolicyviolationerror",  # OpenAI, LiteLLM
    "moderation_blocked",  # OpenAI
    "data_inspection_failed", "datainspectionfailed",  # DashScope
    "guardrail_intervened",  # Bedrock, LiteLLM
}  # fmt: skip
"""Codes by which a server says that a filter of its own withheld the prompt or the answer."""
WITHHELD_KEYS = {"blockreason", "block_reason", "flagged_input", "contentfilter"}
"""Keys that say the same: Gemini's prompt feedback, OpenRouter's moderation, Zhipu."""
WITHHELD_WORDS = (
    "content management policy",  # Azure OpenAI behind routers, which drop its code
    "contentpolicyviolationerror",  # LiteLLM's proxy, in its message only
    "content exists risk",  # DeepSeek
    "output blocked by content filtering policy",  # Anthropic
    "limited access to this content for safety reasons",  # OpenAI's invalid_prompt
    "flagged as potentially violating our usage policy",  # OpenAI's invalid_prompt
    "\u4e0d\u5b89\u5168\u6216\u654f\u611f\u5185\u5bb9",  # Zhipu: unsafe or sensitive content
)
"""Where nothing but the message says so."""
SPENT = {
    "insufficient_quota", "billing_hard_limit_reached", "billing_not_active",  # OpenAI
    "insufficient_balance", "insufficient_credits", "insufficient_user_quota",  # routers
    "exceeded_current_quota_error",  # Moonshot
    "arrearage",  # DashScope
}  # fmt: skip
"""Codes of an account that has nothing left, which no waiting mends."""
SPENT_WORDS = ("credit balance is too low", "insufficient balance")
"""Anthropic's and DeepSeek's words for it."""
BUSY = {
    "rate_limit_exceeded", "rate_limit_error", "rate_limited", "too_many_requests",
    "resource_exhausted", "overloaded_error", "overloaded", "server_error", "unavailable",
    "service_unavailable", "internal_error", "internal_server_error", "api_error", "timeout",
}  # fmt: skip
"""Codes that a second try may mend, where no status says so."""
MESSAGES = ("message", "msg", "detail", "error", "error_description", "title", "raw", "reason")
CODES = ("code", "type", "status", "error_type", "error_code", "errorcode", "blockreason",
         "block_reason", "param")  # fmt: skip
DEEPEST = 6
LONGEST = 500
"""Characters of a server's words that a reason keeps."""


class UnansweredError(Exception):
    """There is no answer, and this is why.

    Args:
        reason: in the server's words where it has any.
        again: a second try may mend it.
        fault: what the server said went wrong, where it said so.
        wait: seconds after which the server wants to be asked again.
        reached: whether a server answered at all.
    """

    def __init__(
        self,
        reason: str,
        again: bool = False,
        fault: Fault | None = None,
        wait: float | None = None,
        reached: bool = True,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.fault = fault
        self.wait = wait
        self.reached = reached


@dataclass(frozen=True, slots=True)
class Fault:
    """What a server says went wrong."""

    status: int | None
    """Of HTTP, or of the error object where HTTP's is 200."""
    words: str
    codes: frozenset[str]
    """Every code and type in it, in lower case."""
    keys: frozenset[str]

    @property
    def withheld(self) -> bool:
        """A filter of the server's withheld the prompt or the answer; asking again is no use."""
        words = self.words.lower()
        return bool(
            self.codes & WITHHELD
            or self.keys & WITHHELD_KEYS
            or any(phrase in words for phrase in WITHHELD_WORDS)
        )

    @property
    def spent(self) -> bool:
        """The account has nothing left to pay with."""
        words = self.words.lower()
        return (
            self.status == 402
            or bool(self.codes & SPENT)
            or any(phrase in words for phrase in SPENT_WORDS)
        )

    @property
    def busy(self) -> bool:
        """A later try may be answered."""
        if self.status is None:
            return bool(self.codes & BUSY)
        return self.status in (408, 409, 425, 429) or self.status >= 500

    @property
    def alike(self) -> str:
        """The same for refusals that differ only in numbers and names of requests."""
        return f"{self.status} {re.sub(r'[^ ]*[0-9][^ ]*', '#', self.words)}"

    def __str__(self) -> str:
        status = "with an error" if self.status is None else str(self.status)
        return f"the server answered {status}: {self.words}"


def fault_of(status: int | None, body: object) -> Fault:
    """What an error's body says; `body` is JSON that was read, or the text that is no JSON."""
    if isinstance(body, str):
        words = _of_page(body)
        return Fault(status, words or "an empty body", frozenset(), frozenset())
    messages: dict[str, None] = {}
    codes: dict[str, None] = {}
    keys: set[str] = set()
    for key, value in _walk(body):
        if value:
            keys.add(key)
        if key in MESSAGES and isinstance(value, str) and value.strip():
            messages[" ".join(value.split())] = None
        elif key == "loc" and isinstance(value, list):  # where FastAPI's servers find a fault
            messages[".".join(map(str, value))] = None
        elif key in CODES and type(value) in (str, int) and str(value).strip():
            codes[" ".join(str(value).split())] = None
            if status is None and re.fullmatch("[45][0-9][0-9]", str(value)):
                status = int(str(value))
    names = [code for code in codes if code != str(status) and code.lower() != "error"]
    words = "; ".join(messages) or ("" if names else excerpt(body))
    if names and (listed := ", ".join(names)) not in words:
        words = f"{words} ({listed})" if words else listed
    lower = frozenset(code.lower() for code in codes)
    return Fault(status, words[:LONGEST], lower, frozenset(keys))


def fault_in(answer: object) -> Fault | None:
    """The error object that stands where an answer should: alone, in a list, or beside choices."""
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):
        answer = answer[0]  # as Gemini's interface wraps its errors
    if not isinstance(answer, dict):
        return None
    error = answer.get("error")
    if error:
        return fault_of(None, error if isinstance(error, dict | list) else {"error": str(error)})
    feedback = answer.get("promptFeedback") or answer.get("prompt_feedback")
    if isinstance(feedback, dict) and (feedback.get("blockReason") or feedback.get("block_reason")):
        return fault_of(None, feedback)
    words = ("message", "detail", "msg", "error_msg")
    says = answer.get("errors") or any(isinstance(answer.get(key), str) for key in words)
    if not answer.get("choices") and (answer.get("object") == "error" or says):
        return fault_of(None, {k: v for k, v in answer.items() if k != "object"})
    return None


def excerpt(value: object) -> str:
    """A foreign value as JSON, short enough for a reason."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


def kind(value: object) -> str:
    """What JSON calls the type of a value, with its article."""
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "a boolean",
        type(None): "null",
    }
    return names.get(type(value), "a number")


def _walk(value: object, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Every key in lower case with its value, outer ones first."""
    if depth > DEEPEST:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key).lower(), item
        for item in value.values():
            yield from _walk(item, depth + 1)
    elif isinstance(value, list):
        for item in value[:8]:
            yield from _walk(item, depth + 1)


def _of_page(text: str) -> str:
    """The words of a text or of an HTML page's title, or of the page."""
    if "<" in text and re.search(
        r"<(?:!doctype|html|head|body|title)\b", text[:2000], re.IGNORECASE
    ):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        words = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", title[1] if title else text[:20000],
                       flags=re.IGNORECASE | re.DOTALL)  # fmt: skip
        return f"an HTML page: {' '.join(html.unescape(words).split())}"[:LONGEST]
    return " ".join(text[:20000].split())[:LONGEST]
