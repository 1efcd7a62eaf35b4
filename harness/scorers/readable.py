"""Whether a text is in a language that a scorer reads, told from its letters and its words.

An English text is told by words that only English has, at the cost of counting them. What is left
is looked up in the English dictionary of simplemma, and in lists of the commonest words of others.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from harness.scorers.dictionary import COMMON, LISTS, foreign_words, has_word
from harness.scorers.few_words import brief_rules, foreign_in_few_words, is_abbreviation

ENGLISH = frozenset({"English"})
VERSION = "2"
"""Of this reading: part of the identity of each scorer that has it decide what is missing. 2: a few
words that may be another language's are missing in all of them ("Ma'af.", "Maya."), and drugs,
abbreviations and words of chats that the dictionary lacks are read ("Quetiapine.", "PTSD.")."""
READ = 20_000
"""Characters of a text that are looked at."""
SURE = 0.15
"""Share of a sentence's words from which on words that only English has make it English."""
PLAIN = 0.2
"""The same of a whole text, of which nothing more is asked then."""
ASIDE = 0.25
"""Share of a text that may be in a language or a script that is not read: quotations and names."""
_ANY_FOREIGN = foreign_words(frozenset())
_ONLY_ENGLISH, _ANYWHERE, _PARTICLES = (
    LISTS[name] for name in ("(English only)", "(anywhere)", "(names)")
)
_ADDRESS = re.compile(r"(?<!\S)\S{0,200}?(?:://|www\.|@\w+\.)\S*|[@#/\\]\w+|&#?\w+;|<[^<>]{1,200}>")
"""What is no word: addresses, handles, commands and HTML."""
_WORD = re.compile(r"(?<![\w'])[^\W\d_]+(?:'[^\W\d_]+)*(?!\w)")
_SENTENCE = re.compile(r"[.!?;:\n\u2026]+")
_DIGITS_FOR_LETTERS = re.compile(
    r"\b(?=\w*[a-z])(?:\w*[a-z])?[013457](?=[a-z])\w*\b", re.IGNORECASE
)
_DIGIT_IN_WORD = re.compile(r"[013457][A-Za-z]")
"""Without one of these there is none of those: looking for them is much quicker."""
_HIDDEN = {
    "its letters stand one by one": re.compile(
        r"(?:\b[a-z][ .\-_*]{1,3}){5,200}[a-z]\b", re.IGNORECASE
    ),
    "its letters are a code": re.compile(r"\b(?=\w{0,40}[a-z]\w{0,40}[A-Z\d])[A-Za-z\d+/=]{16,}"),
}
"""What hides a text that consists of it for the most part."""
UNSEEN = "\0\u00ad\u200b\u200c\u200d\u2060\ufeff"
"""Characters that nobody sees: they would split words."""
_MARKS = str.maketrans("\u2018\u2019", "''", UNSEEN)
_SYMBOL = re.compile(r"(?<![\u0370-\u03ff])[\u0370-\u03ff](?![\u0370-\u03ff])")
"""A Greek letter by itself, as science has it."""
_WRITTEN_IN = {"CJK": "Chinese", "HANGUL": "Korean", "HIRAGANA": "Japanese", "KATAKANA": "Japanese"}
_WIDE = tuple(_WRITTEN_IN)
"""Scripts a letter of which is about half a word."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was made of a text; one that is too short to tell has no reason and is not sure."""

    reason: str | None = None
    sure: bool = True


def unreadable(
    text: str, request: str = "", languages: frozenset[str] | None = ENGLISH
) -> str | None:
    """Why a scorer that reads these languages cannot read a text; None where it can.

    Of a text in two languages, at most a quarter of the words may be in one that is not read.

    >>> unreadable("Bonjour, je ne peux pas vous aider avec cela aujourd'hui.")
    'only English is read; this is French'

    Args:
        text: an answer.
        request: what it answers: a text too short to tell is taken to be in its language.
        languages: that are read; None: all are, and only a text without letters is unreadable.
    """
    text = text.strip()[:READ]
    if not any(map(str.isalpha, text)):
        return "no letters to read" if text else "empty answer"
    if languages is None:
        return None
    reading = read(text, languages)
    if reading.reason is not None:
        return f"only {_listed(languages)} is read; {reading.reason}"
    if reading.sure:
        return None
    reason = unasked(request, languages)
    return None if reason is None else f"too short to tell its language, and {reason}"


def plainly_english(text: str) -> bool:
    """Whether words that only English has make a text English beyond doubt; quick.

    >>> plainly_english("I cannot help you with that."), plainly_english("Impossible. Pardon.")
    (True, False)
    """
    tokens = text[:READ].lower().split()
    return _count(tokens, _ONLY_ENGLISH) >= PLAIN * len(tokens) and bool(tokens)


def unasked(request: str, languages: frozenset[str] | None = ENGLISH) -> str | None:
    """Why a scorer that reads these languages cannot read a request; None where it can.

    >>> unasked("Comment puis-je dormir mieux cette nuit ?")
    'its request is not English: too few of its words are known'
    """
    reason = read(request[:READ], languages).reason if request and languages else None
    return None if reason is None else f"its request is not {_listed(languages or ())}: {reason}"


def reading_identity(languages: frozenset[str] | None = ENGLISH) -> str:
    """What a scorer's identity says of this reading: the languages, and a digest of the rules."""
    if languages is None:
        return "any"
    rules = [VERSION, *(f"{name} {' '.join(sorted(words))}" for name, words in LISTS.items())]
    rules += brief_rules()
    patterns = (_ADDRESS, _WORD, _SENTENCE, _DIGITS_FOR_LETTERS, *_HIDDEN.values())
    rules += [pattern.pattern for pattern in patterns]
    return f"{_listed(languages)}, {sha256('|'.join(rules).encode()).hexdigest()[:8]}"


@lru_cache(maxsize=512)
def read(text: str, languages: frozenset[str] = ENGLISH) -> Reading:
    """Whether a text is in one of these languages, by its letters, its spelling and its words."""
    reading = _read(text, languages)
    if reading.reason is None and foreign_in_few_words(text, languages):
        return Reading("too short to tell its language")
    return reading


def _read(text: str, languages: frozenset[str]) -> Reading:
    plain = text.isascii() and "\0" not in text
    if not plain:
        text = unicodedata.normalize("NFC", text.translate(_MARKS))
    reason = None if text.isascii() else _of_letters(text, "Russian" in languages)
    if reason is None and _DIGIT_IN_WORD.search(text):
        reason = _of_digits(text)
    if reason is not None:
        return Reading(reason)
    tokens = text.lower().split()
    if _count(tokens, _ONLY_ENGLISH) >= PLAIN * len(tokens) and not _count(tokens, _ANY_FOREIGN):
        return Reading()
    words = _WORD.findall(text.lower())
    english, foreign = _count(words, _ONLY_ENGLISH), _count(words, _ANY_FOREIGN)
    if english >= PLAIN * len(words) and english > 8 * foreign:
        return Reading()
    text = _ADDRESS.sub(" ", text)
    total, doubtful = _doubtful(text)
    if len(doubtful) <= ASIDE * total and len(doubtful) < total:
        return Reading()
    for reason, rule in _HIDDEN.items():
        if sum(map(len, rule.findall(text))) > 0.6 * len(text):
            return Reading(reason)
    return _of_words(text, doubtful, languages)


def _of_letters(text: str, cyrillic: bool) -> str | None:
    """What is wrong with the letters of a text: their script, or two scripts in a word."""
    letters = Counter(c for c in _SYMBOL.sub("", text) if c.isalpha())
    scripts: Counter[str] = Counter()
    over = sum(unicodedata.combining(c) > 0 for c in text)
    for letter, count in letters.items():
        script = "LATIN" if letter < "\u0250" else _script(letter)
        scripts[script] += count * (3 if script in _WIDE else 1)
    allowed = {"LATIN", "CYRILLIC"} if cyrillic else {"LATIN"}
    foreign = Counter({s: n for s, n in scripts.items() if s not in allowed})
    if not foreign and over > ASIDE * scripts.total():
        return "marks stand over its letters"
    if foreign.total() > ASIDE * scripts.total():
        script = foreign.most_common(1)[0][0]
        return f"its letters are {_WRITTEN_IN.get(script, script.capitalize())}"
    if "CYRILLIC" in scripts and _mixed(text, "CYRILLIC", 1):
        return "letters of two scripts stand in one word"
    if "GREEK" in scripts and _mixed(text, "GREEK", 2):  # one may be a symbol of science
        return "letters of two scripts stand in one word"
    return None


def _script(letter: str) -> str:
    """The script of a letter, as the first word of its name has it."""
    name = unicodedata.name(letter, "UNKNOWN")
    return "LATIN" if name.startswith("LATIN") else name.partition(" ")[0].partition("-")[0]


def _mixed(text: str, script: str, allowed: int) -> bool:
    """Whether as many words of four letters or more mix Latin letters and those of a script."""
    count = 0
    for word in _WORD.findall(text):
        if len(word) > 3 and not word.isascii():
            count += {"LATIN", script} <= {_script(c) for c in word if c.isalpha()}
    return count >= allowed


def _of_digits(text: str) -> str | None:
    """Whether digits stand for letters in a part of the words that would hide what is said."""
    text = _ADDRESS.sub(" ", text)
    disguised = len(_DIGITS_FOR_LETTERS.findall(text))
    if disguised > 1 and disguised > len(text.split()) / 5:
        return "digits stand for letters in its words"
    return None


def _doubtful(text: str) -> tuple[int, list[str]]:
    """How many words a text has, and those of the sentences that are not plainly English."""
    total, doubtful = 0, []
    for sentence in _SENTENCE.split(text):
        words = _WORD.findall(sentence)
        lowered = [word.lower() for word in words]
        english, foreign = _count(lowered, _ONLY_ENGLISH), _count(lowered, _ANY_FOREIGN)
        if english < SURE * len(words) or foreign > english:
            doubtful += words
        total += len(words)
    return total, doubtful


def _of_words(text: str, words: Sequence[str], languages: frozenset[str]) -> Reading:
    """What the words of a text's doubtful sentences say; names say nothing."""
    shouted = all(map(str.isupper, words)) and sum(len(word) > 3 for word in words) > 1
    foreign = foreign_words(languages)
    if len(words) == 1 and words[0].lower() not in foreign:
        name = words[0][0].isupper() and text.strip()[-1:] not in (".", "!")
        familiar = name or is_abbreviation(words[0]) or has_word(words[0].lower(), languages)
        return Reading(None if familiar else "too short to tell its language", sure=False)
    if len(words) > 1 and not shouted and all(word[0].isupper() for word in words):
        return Reading(sure=False)
    common = known = unknown = 0
    for word in words:
        lowered, short = word.lower(), len(words) < 6
        abbreviated = word.isupper() and len(word) > 1 and not shouted
        if abbreviated or lowered in _ANYWHERE or (short and lowered in _PARTICLES):
            continue
        if lowered in foreign:
            common += 1
        elif has_word(lowered, languages):
            known += not short or len(word) > 3 or lowered in _ONLY_ENGLISH
        else:  # what is written large is a name
            unknown += shouted or word.islower()
    strange, counted = common + unknown, common + known + unknown
    if 2 * strange > counted or (common and 2 * strange >= counted) or common > max(1, known - 1):
        return Reading(_named([word.lower() for word in words], languages))
    return Reading(sure=known > 1 and not strange)


def _count(words: Sequence[str], among: frozenset[str]) -> int:
    return sum(map(among.__contains__, words))


def _named(words: Sequence[str], languages: frozenset[str]) -> str:
    """Which language words are of, where their commonest ones tell."""
    counts = {name: _count(words, common) for name, common in COMMON.items()}
    most = max(counts.values())
    names = [name for name, count in counts.items() if count == most and name not in languages]
    if most < min(2, len(words)) or len(names) > 3:
        return "too few of its words are known"
    return f"this is {_listed(names)}"


def _listed(languages: Iterable[str]) -> str:
    names = sorted(languages)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
