"""One small request at the start of a run finds what a server refuses, ignores or gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.models.openai.bodies import is_begun
from harness.models.openai.ends import finish_of
from harness.models.openai.faults import UnansweredError
from harness.models.openai.parts import read_content, read_message
from harness.models.openai.reading import choices_of
from harness.models.openai.spellings import likeliest
from harness.types import HarnessError, Message, Request

QUESTION = "What is the capital of France?"
BEGUN = "Since you ask so kindly: the capital of France is Par"
REST = "is"
"""What goes on with `BEGUN`, which ends within a word: a new answer does not begin so. Nor does
one begin as `BEGUN` does: an answer that holds it whole goes on, and repeats it."""
REPEATS = "yes, repeating what was begun"
"""What is known of a server whose answer holds the begun one, too; it is taken out."""
ANEW = ("The capital of France", "Paris")
"""How an answer begins that was written anew."""


@dataclass
class Findings:
    """What a probe found."""

    facts: dict[str, Any] = field(default_factory=dict)
    """For `run.json`: the verdict, what the probe cost, and what the server honours."""
    notes: list[str] = field(default_factory=list)


def probe_of(first: Request, indices: Sequence[int]) -> Request:
    """A small request of the same form as a run's first one.

    It has a system message, a begun answer and choices where the first has them.
    """
    if isinstance(first.prompt, str):
        return Request("probe", BEGUN, tuple(indices), first.choices)
    messages = [Message("user", QUESTION)]
    if first.prompt[0].role == "system":
        messages.insert(0, Message("system", "Answer in one sentence."))
    if is_begun(first):
        messages.append(Message("assistant", BEGUN))
    return Request("probe", tuple(messages), tuple(indices), first.choices)


def look(answer: object, request: Request, top: int) -> Findings:
    """What a server's answer to a probe says of it.

    Raises:
        HarnessError: it does not do what the run needs it to do.
    """
    findings = Findings({"verdict": "answered"})
    try:
        choices = choices_of(answer)
    except UnansweredError as why:
        findings.facts["verdict"] = why.reason
        return findings
    findings.facts |= _cost(answer)
    if len(choices) < len(request.indices):
        raise HarnessError(
            f"the server was asked for {len(request.indices)} answers in one request and gave "
            f"{len(choices)}: it ignores `n`; set backend.together=false"
        )
    try:
        text = _text(choices[0], request)
    except UnansweredError as why:
        findings.facts["verdict"] = why.reason
        return findings
    if request.choices:
        _look_at_tokens(choices[0], top, findings)
    if is_begun(request):
        _look_at_going_on(text, findings)
    return findings


def _text(choice: Mapping[str, object], request: Request) -> str:
    """What a probe was answered."""
    if not isinstance(choice, dict):
        raise UnansweredError("no answer that can be read")
    finish_of(choice.get("finish_reason"), ends=False)
    if isinstance(request.prompt, str):
        return read_content(choice.get("text"))[0]
    return read_message(choice.get("message"))[0]


def _look_at_tokens(choice: Mapping[str, object], top: int, findings: Findings) -> None:
    """Whether likely tokens are given, and as many as are asked for."""
    try:
        count = len(likeliest(choice.get("logprobs")))
    except UnansweredError as why:
        raise HarnessError(
            f"{why.reason}, by which choices are weighed (backend.choices=true): set "
            "backend.choices=false and choose a protocol in which answers are written"
        ) from None
    findings.facts["likely_tokens"] = count
    if count < top:
        findings.notes.append(
            f"the server gives the {count} likeliest tokens where {top} are asked for; a choice "
            "that is not among them counts as impossible"
        )


def _look_at_going_on(text: str, findings: Findings) -> None:
    """Whether a begun answer is gone on with, as was declared."""
    reply = text.strip()
    if reply.startswith(f"{BEGUN}{REST}"):
        findings.facts["goes_on"] = REPEATS
        return
    anew = reply and (
        any(start.startswith(reply) or reply.startswith(start) for start in ANEW)
        or (reply[0].isupper() and len(reply.split()) > 1)
    )
    if anew:
        raise HarnessError(
            "backend.continues=true says that the server goes on with an answer that was begun, "
            f"but to {BEGUN!r} it answered {reply[:100]!r}, which begins anew: choose a protocol "
            "or judge that begins no answer, or backend.probe=false if the server does go on"
        )
    if reply.startswith(REST):
        findings.facts["goes_on"] = "yes"
        return
    findings.facts["goes_on"] = "not known"
    findings.notes.append(
        "whether the server goes on with an answer that was begun, as backend.continues=true says, "
        f"could not be told: to {BEGUN!r} it answered {reply[:100]!r}"
    )


def _cost(answer: object) -> dict[str, str | int]:
    usage = answer.get("usage") if isinstance(answer, dict) else None
    names = {"prompt_tokens": "prompt_tokens", "completion_tokens": "tokens"}
    return {
        name: usage[key]
        for key, name in names.items()
        if isinstance(usage, dict) and type(usage.get(key)) is int
    }
