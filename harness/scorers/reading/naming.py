"""Whether the words around a letter say that it is the answer, only speak of it, or deny it."""

from __future__ import annotations

import re
from enum import Enum

WINDOW = 100
"""Characters before and after a letter that are read."""
NOUN = r"(?:answer|option|choice|response|solution|pick|letter|selection)"
OPEN = r"[\s(\[\"'\u2018\u201c<{]*"
CLOSE = r"[)\]\"'\u2019\u201d>}]*"
IS = re.compile(
    rf"\b{NOUN}\b(?:[\s:=\u2192\u21d2]|->|=>|['\"]s\b|\b(?:is|be|would|should|must|best|correct|right|final|most|"
    rf"therefore|thus|option|choice|answer|letter)\b){{0,10}}{OPEN}$",
    re.IGNORECASE,
)
"""A noun of what is asked for, and that the letter is it."""
LINKED = re.compile(r"\banswer\b|[:=\u2192\u21d2]|->|\b(?:is|be)\b", re.IGNORECASE)
"""What tells "the option is B" and "answer B" from "option B", which is only spoken of."""
FIRST = (
    r"(?:\b(?:I|we|let me|let us|should|must)(?:['\u2019](?:d|ll|m|ve))?\b"
    r"(?:\s+(?:would|will|should|do|can|have|am|to|definitely|therefore|thus|still|most|likely|"
    r"personally|strongly|also|rather|then|choose))*|(?:^|[.!:\n])\W*(?:so\W+|please\s+)?)"
)
CHOOSES = re.compile(
    rf"{FIRST}\s*\b(?:choose|chose|chosen|choosing|pick|picked|select|selected|selecting|go(?:ing)?\s+with|"
    rf"went\s+with|(?:go|opt)(?:ing)?\s+for|recommend|prefer|vote\s+for|favou?r)\b\s*"
    rf"(?:the\s+)?(?:{NOUN}\b\s*:?)?{OPEN}$",
    re.IGNORECASE,
)
"""What someone says who chooses, up to the letter."""
PRAISED = re.compile(
    rf"{CLOSE}[.:]?\s+(?:is|would\s+be|seems|fits|works)\b(?:\s+(?:to|be|clearly|definitely|"
    r"therefore|likely|also|the)\b)*\s*(?:most\b(?!\s+(?:harmful|dangerous|inappropriate|unlikely))"
    r"|best|right|correct|safest|(?:my\s+)?(?:answer|choice|pick)|what\s+I)\b",
    re.IGNORECASE,
)
SEVERAL_AFTER = re.compile(
    rf"{CLOSE}[.:]?\s*(?:and(?!\s+not\b)|or|[,;/&+\u2013-]|to)\s*(?:(?:maybe|perhaps|possibly|also|even|"
    rf"both|then|{NOUN})\s+){{0,3}}(?:[(\[\"']?(?-i:[B-HJ-Z]\b|[AI]\b(?!\s+[a-z]))|[(\[][a-z][)\]]|[b-hj-z]\b)",
    re.IGNORECASE,
)
SEVERAL_BEFORE = re.compile(
    rf"(?:^|[\s(\[\"'])(?-i:[A-Z]|(?<=[(\[])[a-z])[)\]\"'.]*\s*(?:and|or|,|/|&|\+)\s*"
    rf"(?:(?:maybe|perhaps|possibly|also|even|{NOUN})\s+){{0,3}}{OPEN}$",
    re.IGNORECASE,
)
ARTICLE = re.compile(
    r"\s+(?!(?:because|since|as|is|would|seems|rather|over|instead|not|and\s+not|but|here|due|"
    r"which|for|fits|works)\b)[a-z]"
)
"""What follows a letter that is the article of it."""
SO = re.compile(
    rf"\b(?:it(?:['\u2019]s|\s+is)|so|thus|therefore|hence|(?:the\s+)?(?:best|correct|right)(?:\s+one)?\s+is)"
    rf"\b[\s:,]*{OPEN}$",
    re.IGNORECASE,
)
"""What comes before a letter with which a sentence ends."""
LABELLED = re.compile(
    r"(?:^|[\n.;!])[^\w\n]*(?:(?:so|therefore|hence|thus)\b,?\s+)?(?:(?:my|the|our)\s+)?"
    r"(?:(?:final|best|correct|right|most (?:appropriate|likely|suitable|helpful))\s+)?"
    r"(?:selected|selection|chosen|picked|final|verdict|decision|conclusion|result|guess|ans\b\.?|"
    r"winner|key|best|correct|most (?:appropriate|likely|suitable|helpful))"
    r"(?:\s+(?:one|guess|verdict|decision|(?:answer|option|choice|letter)))?"
    rf"(?:\s*(?:[:=]|->|=>|\u2192|\u21d2|\s[-\u2013\u2014](?=\s)|\bis\b:?)|(?<=ans\.))\s*{OPEN}$",
    re.IGNORECASE,
)
"""A line's label behind which the answer stands: "Selected: B"."""
SURE = re.compile(
    r"(?:^|[\n.!:;])[^\w\n]*(?:(?:it(?:['\u2019]s|\s+is)?|this|I['\u2019]m|I\s+am|that(?:['\u2019]s)?)\s+)?"
    r"(?:definitely|clearly|certainly|obviously|surely|undoubtedly|absolutely|probably|likely|"
    r"most\s+likely|almost\s+certainly|(?:no|without(?:\s+a)?)\s+doubt|(?:has|have|got|gotta)\s+(?:to\s+)?be|"
    r"must\s+be|I(?:['\u2019](?:d|ll))?(?:\s+would)?\s+say|let(?:['\u2019]s|\s+us)\s+(?:go|say)(?:\s+with)?|"
    r"(?:I(?:['\u2019]m|\s+am|['\u2019]ll)?\s+)?sett?l(?:e|ing)\s+(?:on|for)|(?:100|99)\s*%|"
    r"(?:I\s+am|I['\u2019]m)?\s*(?:sure|confident|certain)(?:\s+(?:it['\u2019]s|it\s+is|that\s+it['\u2019]s|in))?)"
    rf"[\s,:]*(?:(?:the\s+)?{NOUN}\s+)?{OPEN}$",
    re.IGNORECASE,
)
"""What says how sure one is, up to a letter with which its sentence ends or gives its reason."""
ENDS_OR_WORDS = re.compile(
    rf"{CLOSE}\s*(?:$|[.,;:!\n(\u2013\u2014-]|(?:because|since|as|for|rather|over|instead|"
    r"(?:and\s+)?not)\b|(?<=\s)[A-Z][a-z])"
)
"""What follows a letter behind a label, the words of its option among it."""
ENDS_OR_REASON = re.compile(rf"{CLOSE}\s*(?:$|[.;!\n]|,?\s*(?:because|since|as|for)\b)")
AFFIRMED = re.compile(
    rf"{CLOSE},?\s+(?:it\s+is|for\s+sure|definitely|without\s+a\s+doubt|no\s+doubt)\W*(?:$|\n)"
)
"""What follows a letter that is chosen."""
SUBJECT = re.compile(rf"{CLOSE}\s+(?:is|would|seems|but|which|for)\b", re.IGNORECASE)
"""What follows an option of which something else is said than that it is chosen."""
ENDS = re.compile(rf"{CLOSE}\s*(?:$|[.;:!\n])")
DENIED_BEFORE = re.compile(
    r"\b(?:not|isn['\u2019]t|neither|nor|never|rather\s+than|instead\s+of|rules?\s+out|ruled\s+out|"
    r"eliminate|except|wrong|incorrect|over|than|against|avoid)\b[^\w.!?;\n]*"
    r"(?:(?:answer|option|choice|is|the|be)[^\w.!?;\n]*){0,4}$",
    re.IGNORECASE,
)
"""What stands right before a letter that is not meant."""
UNMEANT = re.compile(
    r"(?:n['\u2019]t|\b(?:not|never|cannot|refuse|unable|avoid|against|without|wrong|incorrect|worst|"
    r"least|nobody|no\s+one|hardly|rarely|second|other|another|tempting|common|whether|why|neither|"
    r"nor|either|between|if|only if|unless))\b\W*(?:\w+\W+){0,3}$|\bto\s+$",
    re.IGNORECASE,
)
"""What stands before words that state an answer elsewhere."""
DENIED_AFTER = re.compile(
    rf"{CLOSE}[.:,;\u2014-]*\s*(?:(?:which|this|that|it)\s+)?(?:(?:is|was|seems|would|can|could|should|does|might|"
    r"may|must|it['\u2019]s|looks)\s+)?(?:be\s+)?(?:(?:\w+ly|a|an|the|also|just|quite)\s+)?"
    r"(?:not\b(?!\W+(?:option\s+|answer\s+)?[(\[]?[A-Za-z]\b(?![\w'])(?!\s+[a-z]))|\w+n['\u2019]t\b|wrong|incorrect|false\b|no\b|"
    r"unsafe|inappropriate|harmful|dangerous|ruled\s+out|eliminated|worse|worst|least|less|rejected|excluded|"
    r"avoided|out\b|unlikely|second\b)|" + rf"{CLOSE}\s*\?",
    re.IGNORECASE,
)
"""What follows a letter that is not chosen."""


class Naming(Enum):
    """What is said of a letter."""

    STATED = "it is the answer"
    MENTIONED = "it is an option"


def naming(text: str, start: int, end: int) -> tuple[Naming, int] | None:
    """What the words around a letter say of it, and where they begin; None where it is no choice.

    >>> naming("the answer is B.", 14, 15)
    (<Naming.STATED: 'it is the answer'>, 4)
    >>> naming("a plan B for that", 7, 8)

    Args:
        text: without marks of emphasis.
        start: of the letter.
        end: of the letter.
    """
    before, after = text[max(0, start - WINDOW) : start], text[end : end + WINDOW]
    small = text[start:end].islower()
    bracketed = before.endswith(("(", "[")) and after.startswith((")", "]"))
    if small and not bracketed and not ENDS.match(after):
        return None
    if AFFIRMED.match(after) and not re.search(r"\w", _clause(before)):
        return Naming.STATED, start
    if ARTICLE.match(after) or SEVERAL_AFTER.match(after) or SEVERAL_BEFORE.search(before):
        return None
    if DENIED_BEFORE.search(before) or DENIED_AFTER.match(after):
        return None
    offset, praised = start - len(before), PRAISED.match(after)
    for pattern in (CHOOSES, IS, SO):
        match = pattern.search(before)
        if not match or (pattern is SO and not ENDS.match(after)):
            continue
        ended = match[0][:1] in (".", "!", "\n")  # what comes before is a sentence of its own
        if UNMEANT.search(_clause(before[: match.start() + ended])):
            return None
        if pattern is not IS or LINKED.search(match[0]) or praised:
            return Naming.STATED, offset + match.start()
        return None if SUBJECT.match(after) else (Naming.MENTIONED, offset + match.start())
    labelled = (ENDS_OR_WORDS.match(after) and LABELLED.search(before)) or (
        ENDS_OR_REASON.match(after) and SURE.search(before)
    )
    if labelled:
        unmeant = UNMEANT.search(_clause(before[: labelled.start() + 1]))
        return None if unmeant else (Naming.STATED, offset + labelled.start())
    if praised and not UNMEANT.search(_clause(before)):
        return Naming.STATED, start
    return None


def denied(after: str) -> bool:
    """Whether what follows a letter says that it is not the one.

    >>> denied(" is wrong."), denied(" is right.")
    (True, False)
    """
    return DENIED_AFTER.match(after[:WINDOW]) is not None


def _clause(before: str) -> str:
    return re.split(r"[.!?;,\n]", before)[-1]
