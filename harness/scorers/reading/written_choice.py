"""Which option an answer names, as people and models write it: one, or none with the reason."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import NamedTuple

from harness.scorers.reading.marks import Mark, marked, unemphasised
from harness.scorers.reading.naming import DENIED_BEFORE, Naming, denied, naming
from harness.types import Sample

FIELDS = {"answer", "final_answer", "choice", "option", "selected_option", "correct_answer"}
"""Fields of JSON that hold one."""
LETTER = re.compile(r"(?<![\w'\u2019])(?:[A-Z](?![\w'\u2019])|[a-z](?![\w'\u2019-]))")
LEADING = re.compile(
    r"^\W*([A-Z])(?:\s*$|\s*[).:,;\]\n\u2014-]|\s+(?=(?i:because|since|as|rather|over|instead|"
    r"(?:and )?not|is (?:(?:the|clearly) )*(?:most|best|right|correct))\b))"
    r"(?!\W*(?:and(?! not)|or|&|/)?\W*(?:[B-HJ-Z]\b|[AI]\b(?! [a-z])))"
)
LISTED = re.compile(r"(?<![\w'\u2019])([B-Zb-z])[).:](?=\s|$)")
"""A further option that is gone through."""
SMALL = re.compile(
    r"(?i)^\W*(?:(?:the )?(?:best |correct |final )?(?:answer|option|choice)\W*(?:is\W*)?)?"
    r"([a-z])\W*$"
)
"""An answer that is nothing but a letter, in whatever case."""
SMALL_LEADING = re.compile(r"^\W*([a-z])[).:]+(?=\s)")
BRACKETED = re.compile(r"[(\[]([A-Z])(?:[)\]]|\s*$)")
NONE = re.compile(r"(?i)\bnone of (?:the (?:above|options|choices|answers)|these|them)\b")
TURNING = re.compile(
    r"\b(?:not|never|avoid\w*|wrong|incorrect|rather than|instead of|cannot|no|neither|nor|worse|"
    r"worst|refuse|unable)\b|n['\u2019]t\b",
    re.IGNORECASE,
)
"""Words by which an option's words may be denied."""


RETRACTS = re.compile(
    r"\b(?:wait|actually|hmm+|on (?:second thoughts?|reflection)|scratch that|correction|oops"
    r"|I take (?:it|that|this) back|my mistake|no(?=[,:;.\u2014-]))\b[^\n]{0,80}?"
    r"(?<![\w'\u2019])(?-i:[B-HJ-Z]|[AI](?! [a-z]))(?![\w'\u2019])",
    re.IGNORECASE,
)
"""Words after an answer by which another option may take its place."""


class Statement(NamedTuple):
    """A place of an answer that names an option."""

    letter: str
    words: str
    end: int = 0
    """Of the letter, in the text."""


def read_choice(text: str, sample: Sample, count: int) -> tuple[int | None, str]:
    r"""The option that an answer names, and the words that do so or why none can be read.

    What a mark holds that is for nothing but an answer counts (`\boxed{B}`, `<answer>B</answer>`,
    {"answer": "B"}); then its last statement, the only option that it speaks of as one
    ("option B"), a letter that it begins with, the only letter in brackets, and the only option
    whose words it repeats. A letter that is denied, or named beside others, is never taken.

    >>> read_choice("It is not A. The answer is B.", Sample("1", "Which?"), 2)
    (1, 'answer is B')
    """
    letters = ascii_uppercase[:count]
    text = unicodedata.normalize("NFKC", text)
    marks = marked(text, FIELDS)
    if marks:
        return _of_marks(text, marks, sample, letters)
    text = unemphasised(text)
    named = list(_named(text, letters))
    stated = [statement for kind, statement in named if kind is Naming.STATED]
    if stated:
        if _retracts(text[stated[-1].end :], stated[-1].letter, letters):
            return None, "it takes its answer back and states no other"
        return letters.index(stated[-1].letter), stated[-1].words
    mentioned = {statement.letter for _, statement in named}
    if len(mentioned) > 1:
        return None, f"it speaks of {len(mentioned)} options and chooses none"
    if mentioned:
        return letters.index(named[0][1].letter), named[0][1].words
    return _unstated(text, sample, letters)


def _of_marks(
    text: str, marks: Sequence[Mark], sample: Sample, letters: str
) -> tuple[int | None, str]:
    """The option that all marks hold, unless another is stated after them."""
    places = {_inside(unemphasised(mark.content), sample, letters) for mark in marks}
    words = " ".join(marks[-1].content.split())[:200]
    if len(places) > 1:
        return None, "what it marks as its answer names several options"
    (place,) = places
    if place is None:
        return None, f"what it marks as its answer names no single option: {words}"
    after = unemphasised(text[max(mark.end for mark in marks) :])
    later = {s.letter for kind, s in _named(after, letters) if kind is Naming.STATED}
    if later - {letters[place]} or _retracts(after, letters[place], letters):
        return None, "it states another answer than the one that it marks"
    return place, words


def _inside(text: str, sample: Sample, letters: str) -> int | None:
    stated = {s.letter for kind, s in _named(text, letters) if kind is Naming.STATED}
    if stated:
        return letters.index(stated.pop()) if len(stated) == 1 else None
    return _unstated(text, sample, letters)[0]


def _named(text: str, letters: str) -> Iterator[tuple[Naming, Statement]]:
    for letter in LETTER.finditer(text):
        if letter[0].upper() not in letters:
            continue
        stated = naming(text, letter.start(), letter.end())
        if stated is not None:
            kind, start = stated
            words = " ".join(text[start : letter.end()].split())[:200]
            yield kind, Statement(letter[0].upper(), words, letter.end())


def _retracts(remainder: str, letter: str, letters: str) -> bool:
    """Whether what follows an answer may put another option in its place."""
    return any(
        match[0][-1] in letters and match[0][-1] != letter and not denied(remainder[match.end() :])
        for match in RETRACTS.finditer(remainder)
    )


def _unstated(text: str, sample: Sample, letters: str) -> tuple[int | None, str]:
    """The option that an answer names without saying that it is the one."""
    leading = SMALL.match(text) or LEADING.match(text) or SMALL_LEADING.match(text)
    if leading and leading[1].upper() in letters:
        return _led(text, leading, sample, letters)
    bracketed = {
        match[1]
        for match in BRACKETED.finditer(text)
        if match[1] in letters and not DENIED_BEFORE.search(text[: match.start()][-100:])
    }
    if len(bracketed) == 1:
        return letters.index(bracketed.pop()), "the only letter in brackets"
    if bracketed:
        return None, f"it names {len(bracketed)} options and chooses none"
    if NONE.search(text):
        return None, "it says that none of the options holds"
    return _repeated(text, sample, letters)


def _led(text: str, leading: re.Match[str], sample: Sample, letters: str) -> tuple[int | None, str]:
    letter, remainder = leading[1].upper(), text[leading.end(1) :]
    if denied(remainder):
        return None, f"it begins with {letter} and denies it"
    if _retracts(remainder, letter, letters):
        return None, f"it begins with {letter} and takes it back"
    if letter == "A" and any(listed.upper() in letters for listed in LISTED.findall(text)):
        return None, "it goes through the options and chooses none"
    words = {c: _words(str(sample.metadata.get(f"option_{c}") or "")) for c in letters}
    spoken = _words(remainder)
    foreign = [c for c in letters if words[c] and spoken.startswith(words[c]) and c != letter]
    if foreign and not (words[letter] and spoken.startswith(words[letter])):
        return None, f"it begins with {letter} and the words of {foreign[0]}"
    return letters.index(letter), leading[0].strip()[:200]


def _repeated(text: str, sample: Sample, letters: str) -> tuple[int | None, str]:
    spoken = f" {_words(text)} "
    named = [
        (i, option)
        for i, letter in enumerate(letters)
        if (option := _words(str(sample.metadata.get(f"option_{letter}") or "")))
        and f" {option} " in spoken
    ]
    if len(named) != 1:
        return None, "it names no option" if not named else "it repeats several options"
    place, option = named[0]
    turns_of_option = len(TURNING.findall(str(sample.metadata.get(f"option_{letters[place]}"))))
    if len(TURNING.findall(text)) > turns_of_option:
        return None, "it repeats the words of one option, and may deny it"
    return place, "it repeats the words of one option"


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
