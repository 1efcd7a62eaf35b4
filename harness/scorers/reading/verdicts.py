"""The verdict that a judge wrote: a level of its scale, or none; never a guess."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from harness.scorers.reading.fields import Field, json_fields

NONE = "the judge's answer holds no verdict"
WINDOW = 300
"""Characters before a verdict that are looked at."""
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUMBER = rf"(?:\d+(?:\.\d+)?|\b(?:{'|'.join(WORDS)})\b)"
SIGN = re.compile(r"#+[\s*_`]*score[\s*_`\"']*[:=]", re.IGNORECASE)
"""What a judge is asked to end with, in whatever emphasis."""
LINE = re.compile(r"(?:(?!#+[\s*_`]*reason)[^\n])*", re.IGNORECASE)
PLAIN = re.compile(
    r"^[ \t]*[-*\u2022_`#{(]{0,4}[ \t]*(?:(?:so|thus|therefore|hence)\b,?[ \t]+)?"
    r"(?:(?:(?:my|the|final|overall|judge['\u2019]?s?)[ \t]+){0,3}(?:score|rating|grade)"
    r"|(?P<quote>[\"'])(?:final[ _]|overall[ _])?(?:score|rating)(?P=quote))"
    r"(?P<scale>[ \t*_`]*[(\[][^)\]\n]{0,30}[)\]])?"
    r"[ \t*_`]*(?:[:=]|(?<=[ \t*_`])[-\u2013\u2014](?=[ \t])|->|\u2192|\bis\b(?:[ \t]*:)?"
    r"|(?=\r?\n))",
    re.IGNORECASE | re.MULTILINE,
)
"""What a judge may give its level after instead of the sign: the beginning of a line."""
FIELDS = {"score", "rating", "final_score", "overall_score"}
TAGGED = re.compile(r"<score>([^<]{0,60})</score>", re.IGNORECASE)
LEVEL = re.compile(
    r"[\s*_`\"'\u201c\u2018(\[{]*(?:\\boxed\s*\{\s*)?(?:level\s+)?"
    rf"(?P<number>{NUMBER})(?![\w%])[\s*_`\"'\u201d\u2019)\]}}]*"
    r"(?:(?:(?:points?|stars?)\s+)?\(?(?:/|(?:out )?of\b)\s*(?P<most>\d+)(?:\.0+)?(?![\w%])"
    r"[\s*_`\"'\u201d\u2019)\]}]*)?"
    r"(?:(?:points?|stars?)\b)?(?P<rest>.*)",
    re.IGNORECASE,
)
"""A level, what it is out of, and what its line goes on with."""
SILENT = re.compile(r"[\s.,;:!\u3002*_`\"'\u201d\u2019)\]}]*")
REMARK = re.compile(r"\s*(?:[-\u2013\u2014:;,.(\[]\W*\w|because\b|since\b|as\b)")
"""How a remark on a level begins."""
DOUBT = re.compile(
    r"\?|\bn't\b|^\W*(?:no|not|or|to|and)\b|\b(?:maybe|perhaps|possibly|probably|never|too|wait|"
    r"actually|reflection|rather|than|instead|higher|lower|closer|nearly|almost|between|if|unless|"
    r"would|could|should|might|correct(?:ion|ing)|mistake|reconsider\w*|revis\w+|changed?|sorry)\b",
    re.IGNORECASE,
)
"""Words of a remark by which the level before it may not be meant."""
TAKEN_BACK = re.compile(
    r"\?|^\W*(?:no|not|or|hmm)\b|\b(?:wait|actually|reflection|rather|instead|higher|lower|closer|"
    r"too\s+(?:high|low|much|harsh|strict|mild|lenient)|correct(?:ion|ing)|mistake|reconsider\w*|"
    r"revis\w+|changed?)\b",
    re.IGNORECASE,
)
"""Words after a verdict, on lines below it, by which it may be another."""
UNMEANT = re.compile(
    r"n't\b|\b(?:not|no|never|neither|nor|either|or|if|would|could|than|instead|rather|between|"
    r"from|scale|format|such as|e\.g|like|example|instead of|end with|write)\b",
    re.IGNORECASE,
)
"""Words before a verdict in its sentence by which it may not be given."""
REASON = re.compile(
    r"[\s*_#>-]*(?:reason|explanation|rationale|justification)[\s*_]*:", re.IGNORECASE
)


class Reading(NamedTuple):
    """One place that looks like a verdict."""

    start: int
    end: int
    level: int | None
    """None where it is none of the scale's, or not one alone."""
    opens: bool
    """Whether its line begins with it."""


def read_verdict(
    text: str, levels: range, cut: bool = False, asked: str = ""
) -> tuple[int | None, str]:
    """The level that a judge gives with "#score: N", {"score": N} or a tag, or None and why.

    All verdicts of a text must be the same, or the last must be a line of its own that ends the
    text. What names no single level of the scale (a range, 4.5, "3 or 4", a level outside it) is no
    verdict, and neither is one that the words around it may take back, or a list of all levels.

    Where there is none of these, lines that begin with "Score: N" or "Rating: N/5" are read, all of
    which must be the same.

    >>> read_verdict('{"score": 3}', range(1, 6))
    (3, '')
    >>> read_verdict("**Score**: 2/5", range(1, 6)), read_verdict("3 or 4", range(1, 6))[0] is None
    ((2, ''), True)

    Args:
        text: what the judge wrote, without its thinking.
        levels: of the scale.
        cut: the text was broken off, so that a number at its very end may lack its rest.
        asked: what the judge was asked: a line or an object that stands in it is repeated, and
            gives no verdict unless it has the sign.
    """
    text = unicodedata.normalize("NFKC", text)
    if cut and re.search(rf"(?:{NUMBER}[./]?)\Z", text, re.IGNORECASE):
        return None, f"{NONE}, for it was cut off within a number"
    asked = unicodedata.normalize("NFKC", asked)
    readings = sorted([*_at(SIGN, text, levels), *_fields(text, levels, asked)])
    plain = [] if readings else _plain(text, levels, asked)
    readings = readings or plain
    if not readings:
        alone = _level(text.strip(), levels, remarks=False) if "\n" not in text.strip() else None
        return (alone, "") if alone is not None else (None, NONE)
    last, named = readings[-1], {reading.level for reading in readings}
    ends = SILENT.fullmatch(text, last.end) is not None
    twice = any(r.start == last.start and r.level != last.level for r in readings)
    if len(levels) > 2 and named >= set(levels):
        return None, "the judge's answer holds every level of the scale"
    if plain and len(named) > 1:
        last = last._replace(opens=False)
    if last.level is not None and last.opens and ends and not twice:
        return last.level, ""
    if len(named) > 1:
        levels_read = ", ".join("?" if r.level is None else str(r.level) for r in readings)
        return None, f"the judge's answer holds several verdicts: {levels_read}"
    if last.level is None or not (ends or _lets_stand(text[last.end :])):
        return None, NONE
    return last.level, ""


def _at(sign: re.Pattern[str], text: str, levels: range) -> list[Reading]:
    """What stands behind each sign on its line, or alone on the next one."""
    signs = list(sign.finditer(text))
    readings = []
    for number, match in enumerate(signs):
        limit = signs[number + 1].start() if number + 1 < len(signs) else len(text)
        line = LINE.match(text, match.end(), limit)
        value, end = (line[0], line.end()) if line else ("", match.end())
        level = _level(value, levels)
        if SILENT.fullmatch(value):  # the level stands on the next line, and nothing else there
            below = re.compile(r"\s*([^\n]*)").match(text, end, limit)
            if below:
                value, end = below[1], below.end()
                level = _level(value, levels, remarks=False)
        readings.append(Reading(match.start(), end, *_meant(level, text, match.start())))
    return readings


def _plain(text: str, levels: range, asked: str) -> list[Reading]:
    """Lines that begin with a verdict without the sign; what repeats the question gives none."""
    repeated = {_bare(line) for line in asked.splitlines()}
    readings = []
    for reading in _at(PLAIN, text, levels):
        sign = PLAIN.match(text, reading.start)
        most = re.findall(r"\d+", sign["scale"] or "") if sign else []
        above = text[: reading.start].rstrip().rpartition("\n")[2][-WINDOW:]
        announced = above.endswith(":") and UNMEANT.search(above)
        line = text[reading.start :].partition("\n")[0]
        unlike = most and int(most[-1]) != levels[-1]
        void = unlike or announced or _bare(line) in repeated
        readings.append(reading._replace(level=None) if void else reading)
    return readings


def _bare(text: str) -> str:
    """A line without its marks, as what is repeated is compared."""
    return re.sub(r"[\W_]+", " ", text).strip().casefold()


def _fields(text: str, levels: range, asked: str) -> list[Reading]:
    """The fields of JSON objects and the tags that are called score."""
    fields = list(json_fields(text, FIELDS))
    fields += [Field(tag.start(), tag.end(), tag[1]) for tag in TAGGED.finditer(text)]
    readings = []
    for field in fields:
        whole = isinstance(field.value, int | float | str) and not isinstance(field.value, bool)
        level = _level(str(field.value).strip(), levels, remarks=False) if whole else None
        if asked and text[field.start : field.end] in asked:
            level = None
        readings.append(Reading(field.start, field.end, *_meant(level, text, field.start)))
    return readings


def _meant(level: int | None, text: str, start: int) -> tuple[int | None, bool]:
    """The level unless the words before it in its sentence may not mean it; if it opens a line."""
    before = text[max(text.rfind("\n", 0, start) + 1, start - WINDOW) : start]
    sentence = re.split(r"[.!?;]", before)[-1]
    return None if UNMEANT.search(sentence) else level, not re.search(r"\w", before)


def _level(value: str, levels: range, remarks: bool = True) -> int | None:
    match = LEVEL.fullmatch(value)
    if not match or (match["most"] and int(match["most"]) != levels[-1]):
        return None
    remainder = match["rest"]
    if not SILENT.fullmatch(remainder):
        names = re.search(NUMBER, remainder, re.IGNORECASE)
        if not remarks or not REMARK.match(remainder) or names or DOUBT.search(remainder):
            return None
    number = match["number"].lower()
    level = float(WORDS.index(number) if number in WORDS else number)
    return int(level) if level in levels else None


def _lets_stand(remainder: str) -> bool:
    """Whether what follows a verdict gives its reason, or at least no other level and no doubt."""
    if REASON.match(remainder):
        return True
    return not TAKEN_BACK.search(remainder) and not re.search(NUMBER, remainder, re.IGNORECASE)
