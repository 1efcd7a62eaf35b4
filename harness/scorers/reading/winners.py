"""Which of two answers a judge's text names as the better one: one, a tie, or none."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from harness.scorers.reading.marks import marked, unemphasised, unmarked

Winner = Literal["first", "second", "tie"]
READING = 3
"""Version of what is read. 2: marks, JSON and comparisons are read; "A or B", "A?" and "A is wrong"
name none. 3: dictionaries of Python's are read."""
FIELDS = {"winner", "verdict", "answer", "choice", "better", "preferred", "result"}
NOUN = r"(?:output|answer|response|winner|verdict|option|choice|assistant)"
NAME = r"(?:[AB]|[ab](?=\))|(?i:tie))\b"
WHOLE = re.compile(rf"[\s(\[\"']*(?:(?i:{NOUN})\W{{0,4}})?({NAME})[\s)\]\"'.!]*")
BEFORE = (
    rf"(?:^\W{{0,4}}|\b(?i:{NOUN})\W{{0,4}}(?:is\W{{0,4}})?|\b(?i:it(?:['\u2019]s|\s+is)\s+a)\s+|"
    r"\b(?i:I|we)(?:['\u2019]d)?(?i:\s+(?:would|will))?\s+"
    r"(?i:choose|pick|prefer|select|go\s+with)\W{1,4})"
)
ENDS = r"[^\w?]*$|[)\]\"']*[.,;:!)]|[)\]\"']*\s+(?:wins|because|since|as|by)\b"
SPOKEN = re.compile(rf"{BEFORE}({NAME})(?={ENDS}|[)\]\"']*\s+is\b)", re.MULTILINE)
"""How a judge that writes speaks of an answer; all of which it speaks must agree."""
CHOSEN = re.compile(
    rf"{BEFORE}({NAME})(?={ENDS}|[)\]\"']*\s+is\s+(?:\w+\s+){{0,2}}?"
    r"(?:better|best|preferable|preferred|superior|stronger|right|correct|winner|"
    r"more\s+(?:helpful|accurate|complete|comprehensive|detailed|factual|coherent|relevant|useful|"
    r"appropriate|informative|empathetic|precise|thorough|specific))\b)",
    re.MULTILINE,
)
"""How it names its choice."""
EQUAL = re.compile(
    rf"\b(?:both|two|the)\s+{NOUN}s\s+are\s+(?:about\s+)?equal(?:ly\s+\w+)?\b", re.IGNORECASE
)
COMPARED = re.compile(
    rf"\s+(?i:than|over|rather\s+than|instead\s+of)\s+(?i:{NOUN}\W{{0,4}})?(?:[AB]\b|[(\[][ab][)\]])\)?"
)
"""The other answer, where one is said to be better than it."""
SEVERAL = re.compile(
    rf"\b{NAME}[)\]\"']*(?:\s*[,/&]\s*|\s*,?\s+(?:and|or)\s+)(?:a\s+)?\W{{0,2}}(?:(?i:{NOUN})\W{{0,4}})?\W{{0,2}}{NAME}"
)
TURNING = re.compile(
    r"\b(?:not|no|neither|nor|never|worse|worst|less|loses?)\b|n['\u2019]t\b", re.IGNORECASE
)
"""Words by which a name may mean the other answer."""
PLACES: dict[str, Winner] = {"a": "first", "b": "second", "tie": "tie"}
BOTH = "the judge names both answers"
NEITHER = "the judge names neither answer"


def chosen(text: str) -> Winner | str:
    """Which place a judge's text names; what names both or none, or may deny it, says so.

    >>> chosen("Answer A is better.")
    'first'
    """
    text = unicodedata.normalize("NFKC", text).strip()
    marks = marked(text, FIELDS)
    words = COMPARED.sub("", unemphasised(unmarked(text, marks)))
    spoken = {match.lower() for match in SPOKEN.findall(words)}
    if marks:
        wholes = [WHOLE.fullmatch(unemphasised(mark.content)) for mark in marks]
        names = {whole[1].lower() if whole else "" for whole in wholes}
        if len(names) > 1 or (len(spoken) == 1 and spoken != names):
            return BOTH
        return PLACES.get(names.pop(), NEITHER)
    if EQUAL.search(words):
        spoken.add("tie")
    if spoken and TURNING.search(words):
        return "the judge's words may deny what they name"
    if len(spoken) > 1 or SEVERAL.search(words):
        return BOTH
    chooses = spoken == {"tie"} or CHOSEN.search(words)
    return PLACES[spoken.pop()] if spoken and chooses else NEITHER
