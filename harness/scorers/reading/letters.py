"""The letters that an answer names where several may be right, and the confidence it states."""

from __future__ import annotations

import re
import unicodedata
from string import ascii_uppercase

from harness.scorers.reading.marks import unemphasised
from harness.scorers.reading.written_choice import read_choice
from harness.types import Sample

TAGGED = re.compile(
    r"\[ANSWER\](.{0,2000}?)\[/ANSWER\]|<answer>(.{0,2000}?)</answer>|\\boxed\{([^{}]*)\}",
    re.IGNORECASE | re.DOTALL,
)
STATED = re.compile(
    r"(?im)^\W*(?:the )?(?:final |correct |right )*(?:answers?|options?|letters?)"
    r"(?:\s+(?:is|are))?\s*[:=-]?\s*(.+)$"
)
SEPARATOR = re.compile(r"\s*(?:,|;|&|/|\+|\band\b|\s)\s*", re.IGNORECASE)
LETTER = re.compile(r"[\[(\"']?([A-Za-z])[\])\"'.:]*")
CONFIDENCE = re.compile(
    r"(?i)confidence(?:\s+(?:level|rating|score))?[\W_]*(?:is\s+|of\s+)?[\W_]*"
    r"(\d+(?:\.\d+)?)\s*(%|(?:/|out of|of)\s*\d+)?"
)
LEVELS = 5


def content_of(text: str) -> str:
    r"""What marks hold that are for the answer, or what is stated as it, or the whole text.

    >>> content_of("Both bind. [ANSWER]A, C[/ANSWER]"), content_of("Answer: 5 mg\nConfidence: 4")
    ('A, C', '5 mg')
    """
    text = unemphasised(unicodedata.normalize("NFKC", text))
    if tags := TAGGED.findall(text):
        return next(filter(None, tags[-1]), "").strip()
    if stated := STATED.findall(text):
        return str(stated[-1]).strip()
    return CONFIDENCE.sub("", text).strip(" \t\r\n.")


def read_letters(text: str, sample: Sample, count: int) -> tuple[frozenset[int] | None, str]:
    """Which options an answer names, or None and why they cannot be read.

    What stands for the answer must be letters and nothing else, as in "A, C" and "B and D"; of
    prose one option is taken as any choice is.

    >>> sorted(read_letters("[ANSWER]A, c[/ANSWER]", Sample("1", "?"), 4)[0])
    [0, 2]
    >>> read_letters("A, F", Sample("1", "?"), 4)
    (None, 'it names F, and there are 4 options')
    """
    content = content_of(text)
    if re.fullmatch(r"[A-Z]{2,10}", content):
        parts = list(content)
    else:
        parts = [part for part in SEPARATOR.split(content) if part]
    letters = [match[1].upper() for part in parts if (match := LETTER.fullmatch(part))]
    if letters and len(letters) == len(parts):
        beyond = [letter for letter in letters if letter not in ascii_uppercase[:count]]
        if beyond:
            return None, f"it names {beyond[0]}, and there are {count} options"
        return frozenset(map(ascii_uppercase.index, letters)), content
    chosen, why = read_choice(content, sample, count)
    return (None if chosen is None else frozenset({chosen})), why


def read_confidence(text: str) -> float | None:
    """The confidence that an answer states, from 0 to 1: a level of five, or a percentage.

    >>> [read_confidence(t) for t in ("Confidence: 4", "confidence 80%", "Confidence: 9", "sure")]
    [0.8, 0.8, None, None]
    """
    matches = list(CONFIDENCE.finditer(unemphasised(text)))
    if not matches:
        return None
    number, unit = float(matches[-1][1]), (matches[-1][2] or "").strip()
    scale = re.search(r"\d+", unit)
    most = 100.0 if unit == "%" else float(scale[0]) if scale else LEVELS
    least = 0 if unit == "%" or most != LEVELS else 1
    return number / most if most and least <= number <= most else None
