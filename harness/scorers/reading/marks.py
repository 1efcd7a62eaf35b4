r"""Marks that hold an answer alone: `\boxed{B}`, `<answer>B</answer>`, fields of JSON."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from harness.scorers.reading.fields import json_fields

MARKED = re.compile(
    r"\\(?:boxed|fbox)\s*\{(?P<boxed>(?:[^{}]|\{[^{}]*\})*)\}"
    r"|<(?P<tag>answer|final_answer|choice|option|winner|verdict)>(?P<tagged>.{0,2000}?)</(?P=tag)>",
    re.IGNORECASE | re.DOTALL,
)
EMPHASIS = re.compile(
    r"\\(?:text|textbf|mathrm|mathbf|mathsf)\s*\{([^{}]*)\}|[*`$]|__|</?(?:b|strong|em|i|u)>"
)
"""What makes a word bold or is code; its group is what stays."""


class Mark(NamedTuple):
    """A mark, and what it holds; nothing where that is no text."""

    start: int
    end: int
    content: str


def marked(text: str, fields: Collection[str]) -> list[Mark]:
    """All marks of a text, and the fields of its JSON objects that have one of the names.

    >>> [mark.content for mark in marked('<answer>B</answer> {"choice": "C"}', ["choice"])]
    ['B', 'C']
    """
    marks = [
        Mark(mark.start(), mark.end(), mark["boxed"] or mark["tagged"] or "")
        for mark in MARKED.finditer(text)
    ]
    marks += [
        Mark(field.start, field.end, field.value if isinstance(field.value, str) else "")
        for field in json_fields(text, fields)
    ]
    return sorted(marks)


def unmarked(text: str, marks: Sequence[Mark]) -> str:
    """The text without its marks.

    >>> unmarked("It is <answer>B</answer>.", marked("It is <answer>B</answer>.", []))
    'It is  .'
    """
    for mark in sorted(marks, reverse=True):
        text = f"{text[: mark.start]} {text[mark.end :]}"
    return text


def unemphasised(text: str) -> str:
    """The text without emphasis.

    >>> unemphasised("It is **B**.")
    'It is B.'
    """
    return EMPHASIS.sub(lambda match: match[1] or "", text)
