"""Whether a few words are another language's, where nothing else tells: "Ma'af.", "Maya."."""

from __future__ import annotations

import re
from itertools import islice

from harness.scorers.dictionary import COMMON, LISTS, foreign_words, has_word, word_lists

FEW_WORDS = 4
"""Words of a text beyond which it is long enough to be told by how many of them are known."""
_LONGEST = 60
"""Characters of such a text."""
SHORT_WORD = 3
"""Letters of a word that so many languages have that it makes no text English."""
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
BRIEF = {
    language: frozenset(" ".join(_WORD.findall(answer)) for answer in answers.split(","))
    for language, answers in word_lists("brief_answers.tsv").items()
}
"""By language whole answers whose words the English dictionary has, or may take for names."""
_BY_ANSWER: dict[str, frozenset[str]] = {
    answer: frozenset(language for language, answers in BRIEF.items() if answer in answers)
    for answer in frozenset().union(*BRIEF.values())
}
_ONLY_ENGLISH, _ANYWHERE = LISTS["(English only)"], LISTS["(anywhere)"]
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bb\u02bc\u02bf\u0060\u00b4", "'"))
_WRAPPED = ' \t\r\n*_"\u201c\u201d\u00ab\u00bb'
"""What may stand around a text: emphasis and quotation marks."""
_NO_SENTENCE = re.compile(r"[\[\](){}<>=\\|/_#@$%^*~+&\d]|:\w|\w\.\w")
"""What sentences of a few words do not have: code, formulas, addresses, what is crossed out."""
_DIGIT_AT_END = re.compile(r"(?<=[^\W\d_]{5})\d(?!\w)")
"""Stands for a letter where Latin letters write Arabic; not in "gpt4" or "mp3"."""
_ENDS = tuple(".!\u2026\u3002")
_PIECE = re.compile(r"[.,;:!?\u2026\u3002]+")
_CLITICS = frozenset({"s", "m", "re", "ve", "ll", "d", "t", "em", "n", "all"})
"""What stands behind an apostrophe in English."""
_WITH_APOSTROPHE = frozenset({
    "ma'am", "o'clock", "ne'er", "e'er", "o'er", "s'more", "s'mores", "d'oh", "g'day", "c'mon",
    "y'know", "d'you", "ha'penny",
})  # fmt: skip


def foreign_in_few_words(text: str, languages: frozenset[str]) -> bool:
    """Whether a text of a few words is surely none in these languages, though it may look so.

    It is one of the brief answers that other languages give (`brief_answers.tsv`), or holds no
    word beyond three letters that these languages have, and one that they have not: of what is
    written large within a sentence, or without its end, nothing is said, for it may be a name.

    >>> texts = ("Ma'af.", "Parbo na.", "Maya.", "Ask Maya.", "Lisbon", "Womn are scum.", "B.")
    >>> [foreign_in_few_words(text, frozenset({"English"})) for text in texts]
    [True, True, True, False, False, False, False]

    Args:
        text: an answer.
        languages: that are read, by their names in English.
    """
    text, words = _few_words(text)
    if not words:
        return False
    if _is_brief_answer(text, languages):
        return True
    if any(_is_plain(word.lower(), languages) for word in words):
        return False
    return _is_strange(text, words, languages)


def strange_among_few_words(text: str, languages: frozenset[str]) -> bool:
    """Whether a text of a few words holds one that none in these languages has.

    A slip of the pen is one too: it takes more than this to say that a text is another language's.

    >>> texts = ("Sans commentaire.", "Womn are scum.", "Ask Mr Parbo.", "No comment.")
    >>> [strange_among_few_words(text, frozenset({"English"})) for text in texts]
    [True, True, False, False]

    Args:
        text: an answer.
        languages: that are read, by their names in English.
    """
    text, words = _few_words(text)
    return _is_strange(text, words, languages)


def is_abbreviation(word: str) -> bool:
    """Whether a word is written as abbreviations are.

    >>> is_abbreviation("PTSD"), is_abbreviation("Ptsd"), is_abbreviation("HAYIRLI")
    (True, False, False)
    """
    return word.isalpha() and word.isupper() and word.isascii() and 1 < len(word) < 6


def brief_rules() -> list[str]:
    """What this reading goes by: part of the identity of the scorers that have it decide."""
    answers = (f"{name} {', '.join(sorted(answers))}" for name, answers in BRIEF.items())
    rules = [pattern.pattern for pattern in (_NO_SENTENCE, _DIGIT_AT_END, _PIECE, _WORD)]
    sizes = f"{FEW_WORDS} {_LONGEST} {SHORT_WORD}"
    return [*answers, *rules, sizes, *sorted(_CLITICS | _WITH_APOSTROPHE)]


def _few_words(text: str) -> tuple[str, list[str]]:
    """A text without what stands around it, and its words; none where they are many, or no words.

    Code, formulas, addresses, abbreviations and single letters are no words.
    """
    if len(text) > _LONGEST or text.count(" ") > FEW_WORDS:
        return text, []
    text = _DIGIT_AT_END.sub("", text.translate(_APOSTROPHES)).strip(_WRAPPED)
    words = [match.group() for match in islice(_WORD.finditer(text), FEW_WORDS + 1)]
    alone = len(words) == 1 and (len(words[0]) == 1 or is_abbreviation(words[0]))
    return text, [] if alone or len(words) > FEW_WORDS or _NO_SENTENCE.search(text) else words


def _is_brief_answer(text: str, languages: frozenset[str]) -> bool:
    """Whether each part of a text is a brief answer of one and the same other language.

    Two letters without a sentence's end are a symbol or a name as likely: La, Na.
    """
    pieces = [" ".join(_WORD.findall(piece.lower())) for piece in _PIECE.split(text)]
    pieces = [piece for piece in pieces if piece]
    known = [_BY_ANSWER[piece] for piece in pieces if piece in _BY_ANSWER]
    if not known or any(of_piece & languages for of_piece in known):
        return False
    if len("".join(pieces)) < SHORT_WORD and not text.endswith(_ENDS):
        return False
    unknown = [piece for piece in pieces if piece not in _BY_ANSWER and piece not in _ANYWHERE]
    return any(
        all(language in of_piece for of_piece in known)
        and all(piece in COMMON.get(language, ()) for piece in unknown)
        for language in known[0]
    )


def _is_plain(word: str, languages: frozenset[str]) -> bool:
    """Whether a word makes a text one of these languages: no name's particle, and not foreign."""
    stem, contracted, _ = word.partition("'")
    if word in _ONLY_ENGLISH:
        return True
    if word in _ANYWHERE or _foreign_apostrophe(word) or not (contracted or len(word) > SHORT_WORD):
        return False
    return stem not in foreign_words(languages) and has_word(stem, languages)


def _is_strange(text: str, words: list[str], languages: frozenset[str]) -> bool:
    """Whether one of a text's words is in no dictionary of these languages, and no name."""
    if languages == {"English"} and any(map(_foreign_apostrophe, words)):
        return True
    ends = text.endswith(_ENDS)
    for place, word in enumerate(words):
        name = word[0].isupper() and (place > 0 or not ends)
        if not name and not is_abbreviation(word) and not has_word(word.lower(), languages):
            return True
    return False


def _foreign_apostrophe(word: str) -> bool:
    """Whether what stands around the apostrophe of a word is not English: na'am, ng'o."""
    head, *tails = word.split("'")
    if not tails or word.lower() in _WITH_APOSTROPHE:
        return False
    named = head.lower() in ("o", "d", "l", "m", "mc") and tails[0][:1].isupper()
    return not (named and len(tails[0]) > 2) and not all(t.lower() in _CLITICS for t in tails)
