"""Names of languages, and how it is said that one is not read."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

NAMES: Mapping[str, str] = {
    "en": "English", "zh": "Chinese", "hi": "Hindi", "es": "Spanish", "fr": "French",
    "de": "German", "ar": "Arabic", "pt": "Portuguese", "bn": "Bengali", "ta": "Tamil",
    "te": "Telugu", "it": "Italian", "nl": "Dutch", "pl": "Polish", "tr": "Turkish",
    "id": "Indonesian", "ms": "Malay", "ru": "Russian", "uk": "Ukrainian", "mr": "Marathi",
    "ur": "Urdu", "ja": "Japanese", "ko": "Korean", "vi": "Vietnamese", "gu": "Gujarati",
    "kn": "Kannada", "ml": "Malayalam", "pa": "Punjabi", "or": "Odia", "as": "Assamese",
    "ne": "Nepali", "si": "Sinhala", "fa": "Persian", "he": "Hebrew", "el": "Greek",
    "th": "Thai", "sw": "Swahili", "sv": "Swedish", "da": "Danish", "no": "Norwegian",
    "fi": "Finnish", "cs": "Czech", "hu": "Hungarian", "ro": "Romanian", "bg": "Bulgarian",
    "ca": "Catalan", "gl": "Galician", "tl": "Filipino", "sa": "Sanskrit", "ps": "Pashto",
}  # fmt: skip
"""By ISO 639-1 code the name in English; of another language the code is its name."""
SURE = 0.8
"""Probability of a language from which on a scorer that does not read it is not asked. Of 6,527
English texts (docs/languages.md) none that was read is told as another language so surely."""
UNREAD = re.compile(
    r"only .{1,400}? (?:is|are) read; |its request is not [A-Z]|too short to tell its language"
    r"|not sure which language|in two languages: "
)
"""How a reason begins for which a scorer has no score of a text: it does not read its language."""


def name_of(code: str) -> str:
    """The language's name in English.

    >>> name_of("hi")
    'Hindi'
    """
    return NAMES.get(code, code)


def of_language(reason: str) -> bool:
    """Whether a score is missing because its scorer does not read the language of a text.

    >>> of_language("only English is read; this is Hindi"), of_language("empty answer")
    (True, False)
    """
    return UNREAD.match(reason) is not None


def outside(
    language: str | None, confidence: float | None, languages: Collection[str] | None
) -> str | None:
    """Why a scorer that reads these languages has no score of a text; None where it may have one.

    >>> outside("hi", 0.99, {"English"})
    'only English is read; this is Hindi'
    >>> outside("hi", 0.6, {"English"})

    Args:
        language: the code of the one that the text is in, if it is known.
        confidence: how sure that is, from 0 to 1.
        languages: that are read, by their names; None: any.
    """
    if languages is None or language is None or (confidence or 0.0) < SURE:
        return None
    name = name_of(language)
    return None if name in languages else f"{only(languages)}; this is {name}"


def only(languages: Collection[str]) -> str:
    """How a reason begins for which a text is not read.

    >>> only(["English"]), only(["English", "French", "German"])
    ('only English is read', 'only 3 languages are read')
    """
    if len(languages) == 1:
        return f"only {next(iter(languages))} is read"
    return f"only {len(languages)} languages are read"
