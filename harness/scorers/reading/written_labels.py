"""Which of some labels an answer names, as people and models write it: never a guess."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from harness.scorers.reading.marks import marked, unemphasised, unmarked

FORMS = 1
"""Version of what is read."""
MOST_READ = 20_000
"""Characters of an answer that are read."""
FIELDS = {
    "answer", "final_answer", "label", "labels", "level", "class", "category", "outcome", "verdict",
    "classification", "prediction", "dimension", "dimensions", "aspect", "severity",
}  # fmt: skip
"""Fields of JSON that hold one."""
NOUN = r"(?:answer|label|labels|level|class|category|outcome|classification|severity|aspect)"
STATED = re.compile(rf"\b{NOUN}\b[\s\"']*(?:(?:is|was|are|would\s+be)\b|[:=])\s*", re.IGNORECASE)
UNKNOWN = re.compile(
    r"^\W*(?:unknown|unclear|n/?a|not\s+(?:sure|clear|known|stated|applicable)|undetermined|"
    r"i\s+(?:do\s*n[o'\u2019]t|cannot|can\s*n[o'\u2019]t)\s+(?:know|tell|say)|cannot\s+be\s+determined)\b",
    re.IGNORECASE,
)
DENIED = re.compile(
    r"(?:\b(?:not|no|never|neither|nor|without|isn['\u2019]t|rather\s+than|instead\s+of|than|"
    r"rules?\s+out|absence\s+of)\b|n['\u2019]t\b)\W+(?:\w+\W+){0,2}$",
    re.IGNORECASE,
)
"""What stands right before a label that is not meant."""
ENDS = re.compile(r"[\s\"'*_`)\]}]*(?:$|[.,;:!\n(\u2013\u2014-]|\b(?:because|since|as|for|due)\b)")
SHORT = {"yes", "no", "none", "other"}
"""Labels that stand in any sentence; alone, in front or after what states them they are meant."""
TRUE, FALSE = {"1", "true", "yes", "present"}, {"0", "false", "no", "absent"}


def read_label(text: str, labels: Sequence[str], cut: bool = False) -> tuple[int | None, str]:
    """The number of the label that an answer gives, from 0, or None and why.

    What stands in marks, in a field of JSON, behind "answer:" or at the beginning of the answer
    must all be one label; without any of these it is the only label that is named and not denied.

    >>> read_label("Answer: **moderate**, since she sleeps badly.", ["mild", "moderate"])
    (1, 'moderate')
    >>> read_label("It is mild or moderate.", ["mild", "moderate"])
    (None, 'it names several labels: mild, moderate')

    Args:
        text: the answer, without thinking.
        labels: all there are.
        cut: it was broken off at its end.
    """
    text = _plain(text)
    places = [place for content in _stated(text) if (place := _opens(content, labels)) is not None]
    opening = _opens(text, labels)
    if opening is not None:
        places.append(opening)
    if UNKNOWN.match(text) and not places:
        return None, "it says that it does not know"
    if not places:
        named = _named(text, labels)
        places = [place for place in named if labels[place].casefold() not in SHORT]
        if cut and places and text.rstrip(" .").casefold().endswith(labels[places[-1]].casefold()):
            return None, "it was cut off within what may be another label"
    kinds = sorted(set(places))
    if len(kinds) == 1:
        return kinds[0], labels[kinds[0]]
    if kinds:
        return None, f"it names several labels: {', '.join(labels[place] for place in kinds)}"
    return None, "it names none of the labels"


def read_labels(text: str, labels: Sequence[str]) -> tuple[frozenset[int] | None, str]:
    """The numbers of all labels that an answer gives, from 0; None and why where it gives none.

    A list, lines, a sentence, or an object with a yes or no for each label; "none" is the empty
    set where it is said, and silence is none of them.

    >>> read_labels('{"labels": ["social", "physical",]}', ["physical", "social", "spiritual"])
    (frozenset({0, 1}), 'physical, social')
    >>> read_labels("None of them.", ["physical"])
    (frozenset(), 'none')

    Args:
        text: the answer, without thinking.
        labels: all there are.
    """
    text = _plain(text)
    judged = _judged(text, labels)
    if judged:
        chosen = {place for place, holds in judged.items() if holds}
    else:
        stated = list(_stated(text))
        chosen = set(_named(stated[-1] if stated else text, labels))
        if not chosen:
            if re.match(r"\W*(?:none|no\s+label|nothing|\[\s*\])", stated[-1] if stated else text):
                return frozenset(), "none"
            return None, "it names none of the labels"
    return frozenset(chosen), ", ".join(labels[place] for place in sorted(chosen)) or "none"


def _plain(text: str) -> str:
    whole = unicodedata.normalize("NFKC", text[:MOST_READ]).casefold()
    return unemphasised(whole.replace("\u2019", "'")).strip()


def _stated(text: str) -> list[str]:
    """What stands in marks and fields, and behind the noun of what is asked for."""
    marks = marked(text, FIELDS)
    contents = [mark.content for mark in marks if mark.content.strip()]
    unmarked_text = unmarked(text, marks)
    return [*contents, *(unmarked_text[match.end() :] for match in STATED.finditer(unmarked_text))]


def _pattern(label: str) -> str:
    words = re.escape(label.casefold()).replace(r"\ ", r"[\s_-]+")
    return rf"(?<![\w-]){words}(?![\w-])"


def _opens(text: str, labels: Sequence[str]) -> int | None:
    """The label that a text begins with and that stands for itself; the longest of them."""
    start = re.match(r"[\s\"'(\[{<#>:.*_`-]*", text)
    offset = start.end() if start else 0
    for place in sorted(range(len(labels)), key=lambda i: -len(labels[i])):
        match = re.compile(_pattern(labels[place])).match(text, offset)
        if match and ENDS.match(text, match.end()):
            following = _named(text[match.end() : match.end() + 40].split("\n")[0], labels)
            joined = re.match(r"\W*(?:or|and|/|to)\b", text[match.end() :])
            return None if joined and following else place
    return None


def _named(text: str, labels: Sequence[str]) -> list[int]:
    """Every label that is named and not denied, the longest first where one holds another."""
    taken = [False] * len(text)
    places: list[tuple[int, int]] = []
    for place in sorted(range(len(labels)), key=lambda i: -len(labels[i])):
        for match in re.finditer(_pattern(labels[place]), text):
            if any(taken[match.start() : match.end()]):
                continue
            taken[match.start() : match.end()] = [True] * (match.end() - match.start())
            clause = re.split(r"[.;!?\n]", text[max(0, match.start() - 60) : match.start()])[-1]
            if not DENIED.search(clause):
                places.append((match.start(), place))
    return list(dict.fromkeys(place for _, place in sorted(places)))


def _judged(text: str, labels: Sequence[str]) -> dict[int, bool]:
    """Labels that are each given a yes or a no, as in an object or in lines."""
    judged = {}
    for place, label in enumerate(labels):
        match = re.search(rf"{_pattern(label)}[\"'\s]*[:=]\s*[\"']?(\w+)", text)
        if match and match[1] in TRUE | FALSE:
            judged[place] = match[1] in TRUE
    return judged
