"""The system text that a vendor wrote into a chat template: found, and kept beside another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from harness.models.checkpoints.check_rendered import Turn
from harness.types import Unrenderable, stands_in

ROLE = re.compile(r"^[\W_]*(?:system|developer)\b[\0\s:>\])]*", re.IGNORECASE)
"""The name of a role before its text."""


def vendor_text(apply: Callable[[Sequence[Turn]], str], special: Iterable[str]) -> str | None:
    """The system text that a template writes of its own where there is no system message.

    What it writes before the first question is more than what it writes before the second by what
    stands there once: marks, the name of a role, and such a text.

    Args:
        apply: renders messages.
        special: tokens that are no text.
    """
    first, answer, second = "question-one", "answer-one", "question-two"
    asked = {"role": "user", "content": first}
    more = [asked, {"role": "assistant", "content": answer}, {"role": "user", "content": second}]
    try:
        once, twice = apply([asked]), apply(more)
    except Unrenderable:  # a template that does not take these turns says so where it is used
        return None
    if first not in once or answer not in twice or second not in twice:
        return None
    marks = re.compile("|".join(map(re.escape, sorted(special, key=len, reverse=True))) or r"(?!)")
    lead = marks.sub("\0", once[: once.index(first)])
    turn = marks.sub("\0", twice[twice.index(answer) + len(answer) : twice.index(second)])
    header = _common_end(lead, turn)
    lead = lead[: len(lead) - header].strip("\0 \n\t")
    text = ROLE.sub("", lead).replace("\0", "\n").strip()
    return text or None


def with_vendor_text(
    turns: Sequence[Turn], vendor: str, apply: Callable[[Sequence[Turn]], str]
) -> list[Turn]:
    """The messages, the vendor's text in front of the system message where it would be gone."""
    if stands_in(vendor, apply(turns)):
        return list(turns)
    system = {"role": turns[0]["role"], "content": f"{vendor}\n\n{turns[0]['content']}"}
    return [system, *turns[1:]]


def _common_end(first: str, second: str) -> int:
    """How many last characters two texts share."""
    shared = 0
    for a, b in zip(reversed(first), reversed(second), strict=False):
        if a != b:
            break
        shared += 1
    return shared
