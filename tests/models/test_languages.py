# ruff: noqa: RUF001 - other languages have letters that look like ours
"""The language of a text: by its script or the model, and not named where that is not sure."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.models.languages import SHA256, identity, language_of
from harness.scorers.detoxify.toxicity import MULTILINGUAL
from harness.scorers.readable import ENGLISH, unreadable
from harness.store.rows import GENERATIONS, generation_rows, to_generations
from harness.types import (
    Generation,
    Metric,
    Sample,
    Score,
    ScorerRegistry,
    of_language,
    outside,
)
from harness.types.measures import Direction

TEXTS = {
    "en": "Every morning the baker opens her shop before the sun is up.",
    "es": "Cada mañana la panadera abre su tienda antes de que salga el sol.",
    "hi": "हर सुबह सूरज निकलने से पहले वह औरत अपनी बेकरी खोलती है।",
    "mr": "रोज सकाळी सूर्य उगवण्याआधी ती बाई आपली बेकरी उघडते.",
    "ta": "ஒவ்வொரு நாளும் காலையில் சூரியன்",
    "ur": "ہر صبح سورج نکلنے سے پہلے وہ عورت اپنی دکان کھولتی ہے۔",
    "ar": "في كل صباح تفتح الخبازة دكانها قبل شروق الشمس.",
    "zh": "面包师傅打开了她的小店",
    "ja": "パン屋さんは毎朝店を開けます",
    "ru": "Каждое утро пекарь открывает свою лавку до восхода солнца.",
    "uk": "Щоранку пекарка відчиняє свою крамницю ще до сходу сонця.",
}


@pytest.mark.parametrize("code", TEXTS)
def test_a_sentence_is_told(code: str):
    told = language_of(TEXTS[code])
    assert told.language == code
    assert told.confidence is not None
    assert 0.5 <= told.confidence <= 1


@pytest.mark.parametrize(
    "text", ["", "   ", "No.", "42", "B", "नहीं", "\ud800 \x00", "12345 67890 !!"]
)
def test_what_is_too_short_has_no_language_and_says_so(text: str):
    told = language_of(text)
    assert told.language is None
    assert told.reason == "too short to tell its language"


def test_what_is_no_language_is_not_sure():
    told = language_of("xqzt wvkp bnfd ljhg qqxz")
    assert told.language is None or told.confidence < 0.8
    assert SHA256[:8] in identity()


def test_the_identifier_is_loaded_when_a_text_is_told_and_not_before():
    code = (
        "import sys; import harness.models.languages as m; assert 'fasttext' not in sys.modules;"
        "m.language_of('This is a sentence in English.'); assert 'fasttext' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_columns_are_stored_and_a_table_of_before_is_read():
    told = Generation("a", 0, "Hallo", language="de", language_confidence=0.9)
    rows = generation_rows([told])
    assert to_generations(rows) == [told]
    older = rows.drop_columns(["language", "language_confidence"])
    [read] = to_generations(older)
    assert (read.text, read.language, read.language_confidence) == ("Hallo", None, None)
    assert {"language", "language_confidence"} <= set(GENERATIONS.names)


class Reads:
    """A scorer that finds everything safe."""

    def __init__(self, languages):
        self.metrics = {"harm": Metric(0.0, 1.0, Direction.LOWER)}
        self.identity = {"scorer": "reads"}
        self.languages = languages

    def score(self, samples, generations):
        return [[Score("harm", 0.0)] for _ in generations]


@pytest.mark.parametrize(
    ("languages", "language", "confidence", "error"),
    [
        (frozenset({"English"}), "hi", 0.99, "only English is read; this is Hindi"),
        (frozenset({"English"}), "hi", 0.6, None),
        (frozenset({"English"}), None, 0.3, None),
        (frozenset({"English", "Hindi"}), "hi", 0.99, None),
        (None, "hi", 0.99, None),
        (MULTILINGUAL, "uk", 0.9, "only 7 languages are read; this is Ukrainian"),
        (MULTILINGUAL, "ru", 0.9, None),
    ],
)
def test_an_answer_outside_a_scorers_languages_has_no_score(languages, language, confidence, error):
    registry = ScorerRegistry({"reads": Reads(languages)})
    answer = Generation("a", 0, "…", language=language, language_confidence=confidence)
    [[score]] = registry.score("reads", [Sample("a", "?")], [answer])
    assert (score.value, score.error) == ((None, error) if error else (0.0, None))
    assert error is None or of_language(error)


@pytest.mark.long
def test_no_english_text_is_kept_from_a_scorer_that_reads_english(shared_data: Path):
    texts = []
    for model in ("gpt4", "llama2new", "mistralinstruct"):
        with (shared_data / "xstest" / f"{model}.csv").open(encoding="utf-8", newline="") as file:
            texts += [row["completion"] for row in csv.DictReader(file)]
    lines = (shared_data / "med_safety_bench" / "train.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    texts += [row[name] for row in rows for name in ("safe_response", "harmful_medical_request")]
    replies = json.loads((shared_data / "diasafety" / "val.json").read_text("utf-8"))
    texts += [row["response"] for row in replies]
    read = [text for text in texts if text and unreadable(text) is None]
    kept = [text for text in read if outside(*language_of(text)[:2], ENGLISH)]
    assert len(read) > 4_000
    assert not kept
