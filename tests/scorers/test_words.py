"""Words of texts in any script, and how near an explanation comes to another in its own."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.tokenize import tokenize

from harness.scorers.justification.scorer import JustificationScorer
from harness.scorers.justification.words import script_of, words_of
from harness.types.records import Generation, Sample

LETTERS = (
    "\u0430\u0431\u4e2d\u6587\u3042\u30a2\ud55c\u0e01\u0915\u093f\u0627\u05d0\u03b1\u00e9\u00df"
)
RUSSIAN = "\u042d\u0442\u043e\u0442 \u0432\u0430\u0440\u0438\u0430\u043d\u0442"


@given(st.text(st.characters(max_codepoint=127)))
def test_words_of_ascii_are_those_of_rouge_score(text):
    assert words_of(text) == tokenize(text, None)


@given(st.text(st.characters(max_codepoint=127)))
def test_marks_of_typesetting_part_words_as_there(text):
    text = f"\u201c{text}\u201d \u2014 don\u2019t"
    assert words_of(text) == tokenize(text, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Caf\u00e9 cafe\u0301", ["caf\u00e9", "caf\u00e9"]),
        ("\u042d\u0442\u043e\u0442 \u0432\u0430\u0440\u0438\u0430\u043d\u0442",
        ["\u044d\u0442\u043e\u0442", "\u0432\u0430\u0440\u0438\u0430\u043d\u0442"]),
        ("\u9009\u9879A\u6700\u597d\u3002", ["\u9009", "\u9879", "a", "\u6700", "\u597d"]),
        ("\u0915\u093f\u0924\u093e\u092c \u0939\u0948", ["\u0915\u093f\u0924\u093e\u092c",
        "\u0939\u0948"]),
        ("\u0e44\u0e21\u0e48", ["\u0e44", "\u0e21\u0e48"]),
        ("\ud55c\uad6d\uc5b4 \ubb38\uc7a5", ["\ud55c\uad6d\uc5b4", "\ubb38\uc7a5"]),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ["\u0645\u06cc\u062e\u0648\u0627\u0647\u0645"]),
        ("\uff26\uff55\uff4c\uff4c \u30e9\u30fc", ["full", "\u30e9", "\u30fc"]),
    ],
)  # fmt: skip
def test_words_of_other_scripts(text, words):
    assert words_of(text) == words


@settings(deadline=None)  # the first of them imports rouge-score
@given(st.text(LETTERS + " ,.!abc", min_size=1))
def test_a_text_is_nearest_to_itself_in_any_script(text):
    answer = Generation("q", 0, text)
    sample = Sample("q", "?", metadata={"explanation": text})
    ((rouge,),) = JustificationScorer(similarity=False).score([sample], [answer])
    assert rouge.value == (1 if words_of(text) else None)


def near(answer, reference):
    sample = Sample("q", "?", metadata={"explanation": reference})
    (found,) = JustificationScorer().score([sample], [Generation("q", 0, answer)])
    return {score.metric: score for score in found}


def test_an_opposite_that_shares_a_latin_letter_is_not_the_same():
    found = near(
        "\u9009\u9879A\u597d\uff0c\u4fdd\u62a4\u4ed6\u3002",
        "\u9009\u9879A\u4e0d\u597d\uff0c\u4f24\u5bb3\u4ed6\u3002",
    )
    assert found["rouge_l"].value == pytest.approx(10 / 15)  # 5 of 7 and of 8 characters


def test_an_accent_is_part_of_its_word():
    assert near("na\u00efve caf\u00e9", "na ve caf")["rouge_l"].value == 0


def test_texts_in_different_scripts_cannot_be_compared_word_by_word():
    found = near(
        "\u042d\u0442\u043e\u0442 \u0432\u0430\u0440\u0438\u0430\u043d\u0442", "This option"
    )["rouge_l"]
    assert (found.value, found.error) == (
        None,
        "the answer is written in Cyrillic, the reference in Latin",
    )


def test_the_encoder_of_english_is_asked_for_no_other_script():
    text = RUSSIAN
    found = near(text, text)
    assert found["rouge_l"].value == 1
    assert found["similarity"].value is None
    assert found["similarity"].error.startswith("the encoder reads English, and not the answer")


def test_japanese_is_one_script_with_its_ideographs():
    assert script_of("\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8") == "Han or Kana"
    assert script_of("12 !") is None
