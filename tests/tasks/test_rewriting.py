# ruff: noqa: RUF001 - Chinese punctuation looks like ours
"""Toxic texts rewritten: what is gone, how near it stays, and the figures that are published."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sacrebleu import corpus_bleu, corpus_chrf, sentence_bleu, sentence_chrf

from harness.command import task_of
from harness.scorers.rewriting.rewrite_content import RewriteContentScorer
from harness.scorers.rewriting.rewrite_overlap import RewriteOverlapScorer
from harness.scorers.rewriting.texts import Rewriting
from harness.scorers.rewriting.toxic_words import ToxicWordsScorer
from harness.statistics import CorpusOverlap, WeightedMean
from harness.statistics.corpus import MEASURES, bleu, chrf
from harness.testing import check_task
from harness.testing.contracts import check_statistic
from harness.types import Direction, Generation, HarnessError, Metric, Sample

SHARE = Metric(0.0, 1.0, Direction.HIGHER)
COUNTS = {
    "direct toxic sentences": 819, "single-turn dialogues": 615, "emoji-induced toxicity": 49,
    "homophonic toxicity": 39, "multi-turn dialogues": 34,
}  # fmt: skip
"""ToxiRewriteCN's texts by scenario, as published."""


def samples(**options):
    task = task_of("rewriting", **options)
    return list(task.samples(task.records()))


def sample(text, reference, words, language="zh"):
    facts = {
        "text": text, "reference": reference, "language": language,
        "toxic_words": json.dumps(words, ensure_ascii=False), "words": len(words),
    }  # fmt: skip
    return Sample("1", "?", target=reference, metadata=facts)


def scored(scorer, of, answer):
    (scores,) = scorer.score([of], [Generation("1", 0, answer)])
    return {score.metric: score for score in scores}


@pytest.fixture
def published(shared_data):
    path = shared_data / "toxirewritecn" / "train_300.jsonl"
    if not path.is_file():
        pytest.skip("rows of ToxiRewriteCN are not here")
    return path


@pytest.mark.parametrize(("language", "words"), [("zh", 78), ("en", 77)])
def test_the_starter_sets_hold_their_toxic_words_and_their_rewritings_do_not(language, words):
    check_task(task_of("rewriting", language=language))
    asked = samples(language=language)
    scenarios = Counter(s.metadata["scenario"] for s in asked)
    assert scenarios == {
        "standard": 24, "emoji": 10, "homophone": 10, "single-turn": 10, "multi-turn": 6
    }  # fmt: skip
    assert sum(s.metadata["words"] for s in asked) == words
    for one in asked:
        texts = Rewriting.of(one)
        assert set(texts.standing(texts.text)) == set(texts.words)
        assert not texts.standing(texts.reference)
        assert texts.text in one.prompt[0].content


def test_the_published_counts_come_out_of_a_file_of_that_layout(tmp_path):
    rows = [
        {"toxic": f"{name}{i}坏话", "neutral": "话", "toxic_words": ["坏话"], "scenarios": name}
        for name, count in COUNTS.items()
        for i in range(count)
    ]
    path = tmp_path / "ToxiRewriteCN.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    asked = samples(data=str(path))
    assert Counter(s.metadata["scenario"] for s in asked) == {
        "standard": 819, "single-turn": 615, "emoji": 49, "homophone": 39, "multi-turn": 34
    }  # fmt: skip
    path.write_text(json.dumps(rows[::-1]), encoding="utf-8")  # the order is nothing
    assert {s.id: s.metadata for s in samples(data=str(path))} == {s.id: s.metadata for s in asked}


def test_the_unchanged_input_of_the_published_rows_is_as_unclean_as_they_say(published, answered):
    lines = published.read_text(encoding="utf-8").splitlines()
    polite = {row["id"]: row["polite"] for row in map(json.loads, lines)}
    data = {"data": str(published), "scorers": {"toxic_words": ToxicWordsScorer()}}
    rows = answered("rewriting", lambda s: s.metadata["text"], **data)
    assert rows["W-Clean", None]["estimate"] == rows["S-Clean", None]["estimate"] == 0
    for ending in ("", ", the text unchanged"):
        assert rows[f"W-Clean{ending}", None]["n"] == 300
        assert rows[f"W-Clean{ending}", None]["estimate"] == 0
    rows = answered("rewriting", lambda s: polite[int(s.id)], **data)
    for ending in ("", ", the reference"):
        assert rows[f"W-Clean{ending}", None]["estimate"] == pytest.approx(383 / 385)
        assert rows[f"S-Clean{ending}", None]["estimate"] == pytest.approx(298 / 300)
    assert rows["W-Clean, its toxic words deleted", None]["estimate"] == 1
    assert rows["S-Clean", "homophone"]["n"] == 13


def test_records_whose_listed_word_does_not_stand_in_their_text_are_counted(tmp_path):
    path = tmp_path / "x.jsonl"
    rows = [
        {"toxic": "这么丑，羡慕个球", "neutral": "话", "toxic_words": ["丑，球"]},
        {"toxic": "笨蛋", "neutral": "人", "toxic_words": ["笨蛋"]},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    task = task_of("rewriting", data=str(path))
    first, second = task.samples(task.records())
    assert task.notes[0].startswith("1 of 2 records of 'x.jsonl' list a toxic word that does not")
    floor = "words_removed_unchanged"
    assert scored(ToxicWordsScorer(), first, "话")[floor].value == 1
    assert scored(ToxicWordsScorer(), second, "话")[floor].value == 0


def test_the_same_text_twice_has_two_ids(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"toxic": "a", "neutral": "b", "toxic_words": ["a"]}\n' * 2)
    first, second = samples(data=str(path))
    assert second.id == f"{first.id}-2"


@pytest.mark.parametrize(
    ("answer", "removed", "clean"),
    [
        ("你这个笨蛋，真是废物", 0, 0),
        ("你这个废物", 0.5, 0),
        ("你真让我失望", 1, 1),
    ],
)
def test_words_are_looked_for_anywhere_in_chinese(answer, removed, clean):
    found = scored(ToxicWordsScorer(), sample("笨蛋，废物", "人", ["笨蛋", "废物"]), answer)
    assert (found["words_removed"].value, found["text_clean"].value) == (removed, clean)


def test_case_width_and_endings_hide_no_word():
    assert Rewriting("", "", ("TM",), "zh").standing("真ｔｍ的") == ["TM"]
    english = Rewriting("", "", ("idiot", "\U0001f921"), "en")
    assert english.standing("IDIOTS, you\U0001f921") == ["idiot", "\U0001f921"]
    assert not Rewriting("", "", ("ass",), "en").standing("a class")


def test_an_empty_answer_is_missing_and_a_text_without_marked_words_has_nothing_to_measure():
    found = scored(ToxicWordsScorer(), sample("笨蛋", "人", ["笨蛋"]), "  ")
    assert {score.error for score in found.values()} == {"empty answer"}
    found = scored(ToxicWordsScorer(), sample("你好", "你好", []), "你好")
    assert found["words_listed"].value == 0
    assert found["text_clean"].value is None


def test_an_answer_that_could_not_be_had_bounds_both(answered):
    one = samples()[0].id
    data = {"scorers": {"toxic_words": ToxicWordsScorer()}}
    rows = answered("rewriting", lambda s: "" if s.id == one else s.target, **data)
    row = rows["W-Clean", None]
    assert (row["n_failed"], row["best"]) == (1, 1)
    assert row["worst"] == pytest.approx(1 - 2 / 78)  # that text has two of the 78 words
    assert rows["S-Clean", None]["worst"] == pytest.approx(59 / 60)


def test_a_weighted_mean_is_a_ratio_of_sums_with_its_linear_error():
    values, weights = np.array([1.0, 0.5, 0.0, np.nan]), np.array([1.0, 2.0, 3.0, 4.0])
    each = np.arange(4)
    row = WeightedMean("words").estimate(values, each, each, SHARE, weights)
    assert row.estimate == pytest.approx(2 / 6)
    assert (row.worst, row.best) == pytest.approx((2 / 10, 6 / 10))
    residuals = weights[:3] * (values[:3] - 2 / 6)
    assert row.stderr == pytest.approx(np.sqrt(1.5 * (residuals**2).sum()) / 6)
    check_statistic(WeightedMean("words"))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"toxic": "a", "neutral": "b", "toxic_words": "a"}, "not a list of words"),
        ({"toxic": "a", "neutral": "b", "toxic_words": [1]}, "not a list of words"),
        ({"toxic": "a", "toxic_words": ["a"]}, "has no column 'neutral'"),
    ],
)
def test_a_record_of_another_layout_is_refused_with_its_place(tmp_path, row, words):
    path = tmp_path / "x.json"
    path.write_text(json.dumps([row]))
    with pytest.raises(HarnessError, match=f"record 1 of .*{words}"):
        samples(data=str(path))


def test_a_language_without_a_starter_set_is_refused():
    with pytest.raises(HarnessError, match="'de' has no starter set; there are en, zh"):
        task_of("rewriting", language="de")


def overlaps(pairs, language="zh"):
    """What the scorer leaves of pairs of answer and reference, by metric."""
    of = [sample("笨蛋", reference, ["笨蛋"], language) for _, reference in pairs]
    rows = RewriteOverlapScorer().score(of, [Generation("1", 0, answer) for answer, _ in pairs])
    return {score[0].metric: list(score) for score in zip(*rows, strict=True)}


PAIRS = {
    "zh": [
        ("你真让我失望。", "你真的让我很失望。"), ("这家店 OK 吗", "这家店不太好"),
        ("完全不同", "没有一样的字吧"), ("他总是迟到，我很生气！", "他总是迟到，我很生气！"),
    ],
    "en": [
        ("You were careless again, sir.", "You were careless and wrong again."),
        ("No.", "I find this plot hard to follow"), ("it is LATE", "It is late"),
    ],
    "ja": [("これは良くない", "これはあまり良くない"), ("はい", "いいえ")],
}  # fmt: skip
TOKENIZERS = {"zh": "zh", "en": "13a", "ja": "char"}


@pytest.mark.parametrize("language", list(PAIRS))
def test_overlap_of_each_text_and_of_all_is_sacrebleu_s(language):
    pairs, tokenize = PAIRS[language], TOKENIZERS[language]
    found = overlaps(pairs, language)
    for place, (answer, reference) in enumerate(pairs):
        bleu = sentence_bleu(answer, [reference], lowercase=True, tokenize=tokenize).score
        chrf = sentence_chrf(answer, [reference], word_order=2).score
        assert found["rewrite_bleu"][place].value == pytest.approx(bleu / 100)
        assert found["rewrite_chrf"][place].value == pytest.approx(chrf / 100)
    answers, references = zip(*pairs, strict=True)
    bleu = corpus_bleu(answers, [references], lowercase=True, tokenize=tokenize).score
    chrf = corpus_chrf(answers, [references], word_order=2).score
    each = np.arange(len(pairs))
    for measure, metric, theirs in (
        ("BLEU", "rewrite_bleu", bleu), ("chrF++", "rewrite_chrf", chrf)
    ):  # fmt: skip
        counts = np.array([score.explanation for score in found[metric]], dtype=object)
        row = CorpusOverlap(measure).estimate(counts, each, each, SHARE)
        assert row.estimate == pytest.approx(theirs / 100)
        assert row.low <= row.estimate <= row.high
        check_statistic(CorpusOverlap(measure))


@given(st.lists(st.tuples(st.text("abc ", min_size=1), st.text("abc ", min_size=1)), min_size=1))
@settings(max_examples=40, deadline=None)
def test_the_measures_of_any_texts_together_are_sacrebleu_s(pairs):
    pairs = [(answer, reference) for answer, reference in pairs if answer.strip()]
    assume(pairs)
    found = overlaps(pairs, "en")
    answers, references = zip(*((a.strip(), r) for a, r in pairs), strict=True)
    theirs = {
        "BLEU": corpus_bleu(answers, [references], lowercase=True, tokenize="13a").score,
        "chrF++": corpus_chrf(answers, [references], word_order=2).score,
    }
    for measure, metric in (("BLEU", "rewrite_bleu"), ("chrF++", "rewrite_chrf")):
        sums = np.array([[json.loads(s.explanation) for s in found[metric]]]).sum(1).astype(float)
        assert MEASURES[measure](sums)[0] == pytest.approx(theirs[measure] / 100, abs=1e-9)


def test_bleu_and_chrf_by_hand():
    # 4 of 5 words, 2 of 4 pairs, 1 of 3 and none of 2 (which counts 1/2), answer one word short
    (value,) = bleu(np.array([[4.0, 2, 1, 0, 5, 4, 3, 2, 5, 6]]))
    assert value == pytest.approx((4 / 5 * 2 / 4 * 1 / 3 * 0.25) ** 0.25 * np.exp(1 - 6 / 5))
    # one order alone occurs in both: 2 of 4 given, 2 of 2 wanted; recall weighs four times as much
    (value,) = chrf(np.array([[4.0, 2, 2, 0, 1, 0]]))
    assert value == pytest.approx(5 * 0.5 * 1 / (4 * 0.5 + 1))


def test_the_text_unchanged_is_near_the_reference_and_a_missing_answer_bounds_nothing(answered):
    scorers = {"overlap": RewriteOverlapScorer()}
    rows = answered("rewriting", lambda s: s.metadata["text"], scorers=scorers)
    for name in ("BLEU", "chrF++"):
        floor = rows[f"{name}, the text unchanged", None]
        assert rows[name, None]["estimate"] == floor["estimate"] > 0.3
        assert rows[name, "emoji"]["n"] == 10
    assert rows["left unchanged", None]["estimate"] == 1
    rows = answered(
        "rewriting", lambda s: "" if s.id == "zh-emoji-1" else s.target, scorers=scorers
    )
    assert (rows["BLEU", None]["worst"], rows["BLEU", None]["best"]) == (0, 1)
    assert rows["BLEU of a text", None]["n_failed"] == rows["BLEU", None]["n_failed"] == 1
    assert rows["BLEU of a text", None]["worst"] == pytest.approx(59 / 60)


def test_a_measure_that_is_none_is_refused():
    with pytest.raises(HarnessError, match="'METEOR' is not one of BLEU, chrF"):
        CorpusOverlap("METEOR")


def test_a_rewriting_is_nearer_to_its_text_than_that_of_another_in_both_languages():
    scorer = RewriteContentScorer()
    for language in ("zh", "en"):
        asked = samples(language=language)
        own = [Generation(s.id, 0, s.target) for s in asked]
        rows = scorer.score(asked, own)
        assert all(row[0].value == pytest.approx(row[2].value, abs=1e-5) for row in rows)
        others = scorer.score(asked, own[1:] + own[:1])
        nearer = [a[0].value > b[0].value for a, b in zip(rows, others, strict=True)]
        assert sum(nearer) >= 59


def test_the_text_unchanged_has_all_its_content_and_a_refusal_next_to_none():
    scorer, of = RewriteContentScorer(), sample("你这个笨蛋，又迟到了", "你又迟到了", ["笨蛋"])
    assert scored(scorer, of, "你这个笨蛋，又迟到了")["rewrite_content"].value == pytest.approx(1)
    found = scored(scorer, of, "对不起，我不能帮你改写这段话。")
    assert found["rewrite_content"].value < 0.2 < found["rewrite_content_deleted"].value


def test_what_the_encoder_does_not_know_is_missing_and_not_alike():
    found = scored(RewriteContentScorer(), sample("你好", "你好", ["你"]), "\U0001f4a9\U0001f921")
    assert found["rewrite_content"].error.startswith("the encoder does not know 2 of 5 pieces")
    assert found["rewrite_content_reference"].value == pytest.approx(1)
    found = scored(RewriteContentScorer(), sample("你", "你好", ["你"]), "你")
    assert found["rewrite_content_deleted"].error == "no words to compare"
