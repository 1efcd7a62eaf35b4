"""Which option an answer names, as people and models write it: one, or none with the reason."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from string import ascii_uppercase
from typing import NamedTuple

from harness.scorers.fields import json_fields
from harness.scorers.naming import DENIED_BEFORE, Naming, denied, naming
from harness.types import Sample

MARKED = re.compile(
    r"\\boxed\s*\{(?P<boxed>(?:[^{}]|\{[^{}]*\})*)\}"
    r"|<(?P<tag>answer|final_answer|choice|option)>(?P<tagged>.*?)</(?P=tag)>",
    re.IGNORECASE | re.DOTALL,
)
"""Marks that hold an answer, and nothing but it."""
FIELDS = {"answer", "final_answer", "choice", "option", "selected_option", "correct_answer"}
"""Fields of JSON that hold one."""
EMPHASIS = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mathsf)\s*\{([^{}]*)\}|[*`$]|__")
LETTER = re.compile(r"(?<![\w'\u2019])(?:[A-Z](?![\w'\u2019])|[a-z](?![\w'\u2019-]))")
LEADING = re.compile(
    r"^\W*([A-Z])(?:\s*$|\s*[).:,;\]\n\u2014-]|\s+(?=(?i:because|since|as|rather|over|instead|"
    r"(?:and )?not|is (?:(?:the|clearly) )*(?:most|best|right|correct))\b))"
    r"(?!\W*(?:and(?! not)|or|&|/)?\W*(?:[B-HJ-Z]\b|[AI]\b(?! [a-z])))"
)
LISTED = re.compile(r"(?:^|\n|[.!?]\s)\W*(?:(?i:option|choice)\s+)?([A-Z])[).:](?=\s)")
"""An option that is gone through."""
SMALL = re.compile(
    r"(?i)^\W*(?:(?:the )?(?:best |correct |final )?(?:answer|option|choice)\W*(?:is\W*)?)?"
    r"([a-z])\W*$"
)
"""An answer that is nothing but a letter, in whatever case."""
BRACKETED = re.compile(r"[(\[]([A-Z])(?:[)\]]|\s*$)")
NONE = re.compile(r"(?i)\bnone of (?:the (?:above|options|choices|answers)|these|them)\b")
TURNING = re.compile(
    r"\b(?:not|never|avoid\w*|wrong|incorrect|rather than|instead of|cannot|no|neither|nor|worse|"
    r"worst|refuse|unable)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
"""Words by which an option's words may be denied."""


class Statement(NamedTuple):
    """A place of an answer that names an option."""

    place: int
    letter: str | None
    """None where it is to name one and does not."""
    words: str


def read_choice(text: str, sample: Sample, count: int) -> tuple[int | None, str]:
    """The option that an answer names, and the words that do so or why none can be read.

    The last statement of an answer counts, where marks that hold nothing but an answer
    (`\\boxed{B}`, `<answer>B</answer>`, {"answer": "B"}) are statements too; then the only option
    that it speaks of as one ("option B"), a letter that it begins with, the only letter in
    brackets, and the only option whose words it repeats. Letters that are denied, or named beside
    others, are never taken.
    """
    letters = ascii_uppercase[:count]
    text = unicodedata.normalize("NFKC", text)
    marked = list(_marked(text, sample, count))
    if marked and all(mark.letter is None for mark in marked):
        return None, f"what it marks as its answer names no single option: {marked[-1].words}"
    plain = EMPHASIS.sub(lambda match: match[1] or "", MARKED.sub(_blank, text))
    named = list(_named(plain, letters))
    stated = [statement for naming_of, statement in named if naming_of is Naming.STATED]
    if marked:
        letter, reason = _one([*marked, *stated])
        return (letters.index(letter) if letter else None), reason
    if stated:
        last = max(stated)
        return letters.index(str(last.letter)), last.words
    mentioned = {statement.letter for _, statement in named}
    if len(mentioned) == 1:
        return letters.index(str(named[0][1].letter)), named[0][1].words
    if mentioned:
        return None, f"it speaks of {len(mentioned)} options and chooses none"
    return _unstated(plain, sample, letters)


def _one(statements: list[Statement]) -> tuple[str | None, str]:
    """The letter that all statements name."""
    found = {statement.letter for statement in statements}
    if len(found) == 1:
        return statements[0].letter, statements[0].words
    said = ", ".join(letter or "?" for letter in sorted(found, key=str))
    return None, f"it marks or states several answers: {said}"


def _marked(text: str, sample: Sample, count: int) -> Iterator[Statement]:
    contents = [(mark.start(), mark["boxed"] or mark["tagged"] or "") for mark in MARKED.finditer(text)]
    contents += [
        (field.start, field.value if isinstance(field.value, str) else "")
        for field in json_fields(text, FIELDS)
    ]
    for place, content in contents:
        inner = EMPHASIS.sub(lambda match: match[1] or "", content)
        found = None if MARKED.search(inner) else _inside(inner, sample, ascii_uppercase[:count])
        letter = None if found is None else ascii_uppercase[found]
        yield Statement(place, letter, " ".join(content.split())[:200])


def _inside(text: str, sample: Sample, letters: str) -> int | None:
    stated = [s for of, s in _named(text, letters) if of is Naming.STATED]
    if stated:
        letter = _one(stated)[0]
        return letters.index(letter) if letter else None
    return _unstated(text, sample, letters)[0]


def _named(text: str, letters: str) -> Iterator[tuple[Naming, Statement]]:
    for letter in LETTER.finditer(text):
        if letter[0].upper() not in letters:
            continue
        found = naming(text, letter.start(), letter.end())
        if found is not None:
            kind, start = found
            words = " ".join(text[start : letter.end()].split())[:200]
            yield kind, Statement(letter.start(), letter[0].upper(), words)


def _unstated(text: str, sample: Sample, letters: str) -> tuple[int | None, str]:
    """The option that an answer names without saying that it is the one."""
    leading = SMALL.match(text) or LEADING.match(text)
    if leading and leading[1].upper() in letters:
        return _led(text, leading, sample, letters)
    found = {
        match[1]
        for match in BRACKETED.finditer(text)
        if match[1] in letters and not DENIED_BEFORE.search(text[: match.start()][-100:])
    }
    if len(found) == 1:
        return letters.index(found.pop()), "the only letter in brackets"
    if found:
        return None, f"it names {len(found)} options and chooses none"
    if NONE.search(text):
        return None, "it says that none of the options holds"
    return _repeated(text, sample, letters)


def _led(
    text: str, leading: re.Match[str], sample: Sample, letters: str
) -> tuple[int | None, str]:
    letter, rest = leading[1].upper(), text[leading.end(1) :]
    if denied(rest):
        return None, f"it begins with {letter} and denies it"
    others = {found for found in LISTED.findall(text) if found in letters} - {letter}
    if letter == "A" and others:
        return None, "it goes through the options and chooses none"
    words = {c: _plain(str(sample.metadata.get(f"option_{c}") or "")) for c in letters}
    spoken = _plain(rest)
    foreign = [c for c in letters if words[c] and spoken.startswith(words[c]) and c != letter]
    if foreign and not (words[letter] and spoken.startswith(words[letter])):
        return None, f"it begins with {letter} and the words of {foreign[0]}"
    return letters.index(letter), leading[0].strip()[:200]


def _repeated(text: str, sample: Sample, letters: str) -> tuple[int | None, str]:
    spoken = f" {_plain(text)} "
    named = [
        (i, option)
        for i, letter in enumerate(letters)
        if (option := _plain(str(sample.metadata.get(f"option_{letter}") or "")))
        and f" {option} " in spoken
    ]
    if len(named) != 1:
        return None, "it names no option" if not named else "it repeats several options"
    place, option = named[0]
    own = len(TURNING.findall(str(sample.metadata.get(f"option_{letters[place]}"))))
    if len(TURNING.findall(text)) > own:
        return None, "it repeats the words of one option, and may deny it"
    return place, "it repeats the words of one option"


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])
