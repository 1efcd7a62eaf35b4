# ruff: noqa: RUF001 - Chinese punctuation looks like ours
"""BLEU and chrF++ of rewritten texts, each and all together, against sacrebleu."""

import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sacrebleu import corpus_bleu, corpus_chrf, sentence_bleu, sentence_chrf

from harness.scorers.rewriting.rewrite_overlap import RewriteOverlapScorer
from harness.statistics import CorpusOverlap
from harness.statistics.corpus import MEASURES, bleu, chrf
from harness.testing.contracts import check_statistic
from harness.types import Direction, Generation, HarnessError, Metric, Sample

SHARE = Metric(0.0, 1.0, Direction.HIGHER)


def overlaps(pairs, language="zh"):
    """What the scorer leaves of pairs of answer and reference, by metric."""
    facts = ({"text": "?", "reference": reference, "language": language} for _, reference in pairs)
    of = [Sample("1", "?", metadata=fact) for fact in facts]
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


def test_a_measure_that_is_none_is_refused():
    with pytest.raises(HarnessError, match="'METEOR' is not one of BLEU, chrF"):
        CorpusOverlap("METEOR")
