import json

import numpy as np
import pytest

from harness.scorers.reading.written_spans import read_spans
from harness.scorers.rules.spans import KINDS, SpansScorer
from harness.statistics import SpanMeasure
from harness.types import Direction, Generation, Metric, Sample

TEXT = "Rash, then fever after penicillin; the fever passed when penicillin was stopped."
RASH, FEVER, DRUG = ["effect", 0, 4], ["effect", 11, 16], ["drug", 23, 33]
SHARE = Metric(0.0, 1.0, Direction.HIGHER)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("drug: penicillin\neffect: rash\neffect: fever", [DRUG, RASH, FEVER]),
        ("Drugs: penicillin\nAdverse events: Rash, fever", [DRUG, RASH, FEVER]),
        ('So:\n```json\n{"drugs": ["penicillin"], "effects": ["rash"]}\n```', [DRUG, RASH]),
        ("{'drug': ['penicillin',], 'effect': ['rash', 'fever',]}", [DRUG, RASH, FEVER]),
        ('[{"drug": "penicillin", "effect": "rash"}]', [DRUG, RASH]),
        ("**Drug:** penicillin\n**Side effects:**\n- rash\n- fever", [DRUG, RASH, FEVER]),
        ("drug: penicillin\neffect: none", [DRUG]),
        ("drug: N/A\neffect: N/A", []),
        ("None.", []),
        ("drug: aspirin", [["drug", -1, -1]]),
        ("drug: penicillin\ndrug: penicillin", [DRUG, ["drug", 57, 67]]),
        ("It says that a rash came.", None),
        ("", None),
    ],
)  # fmt: skip
def test_spans_are_read_however_they_are_written(answer, expected):
    spans = read_spans(answer, TEXT, KINDS)
    assert (None if spans is None else [list(span) for span in spans]) == expected


def scored(*answers):
    facts = {"text": TEXT, "spans": json.dumps([RASH, FEVER, DRUG])}
    generations = [Generation("1", i, answer) for i, answer in enumerate(answers)]
    return SpansScorer().score([Sample("1", "?", metadata=facts)] * len(answers), generations)


def test_strict_wants_both_ends_and_lenient_one_character():
    (scores,) = scored("drug: penicillin\neffect: then fever\neffect: cough")
    strict, lenient, *_, invented = scores
    assert json.loads(strict.explanation) == {"drug": [1, 1, 1, 1], "effect": [0, 2, 0, 2]}
    assert json.loads(lenient.explanation) == {"drug": [1, 1, 1, 1], "effect": [1, 2, 1, 2]}
    assert (strict.value, lenient.value) == pytest.approx((1 / 3, 2 / 3))
    assert invented.value == pytest.approx(1 / 3)


def seqeval_like(gold, given):
    """Micro precision, recall and F1 of whole spans, each of a sentence once, as in seqeval."""
    both = sum(
        len(set(map(tuple, g)) & set(map(tuple, p))) for g, p in zip(gold, given, strict=True)
    )
    precision, recall = both / sum(map(len, given)), both / sum(map(len, gold))
    return precision, recall, 2 * precision * recall / (precision + recall)


def test_over_sentences_they_are_seqeval_s_micro_averages():
    answers = ["drug: penicillin\neffect: rash", "effect: rash\neffect: then fever", "none"]
    given = [[DRUG, RASH], [RASH, ["effect", 6, 16]], []]
    rows = scored(*answers)
    explained = np.array([[row[0].explanation] for row in rows], dtype=object)
    expected = seqeval_like([[RASH, FEVER, DRUG]] * 3, given)
    for measure, value in zip(("precision", "recall", "F1"), expected, strict=True):
        table = SpanMeasure(measure).compare(explained, {}, np.arange(3), SHARE)
        assert table["all"].estimate == pytest.approx(value), measure
    assert table["drug"].estimate == pytest.approx(0.5)  # one of one given, one of three right


def test_an_answer_that_cannot_be_read_widens_the_bounds():
    explained = np.array([[scored("drug: penicillin")[0][0].explanation], [None]], dtype=object)
    row = SpanMeasure("precision").compare(explained, {}, np.arange(2), SHARE)["all"]
    assert (row.estimate, row.worst, row.best, row.n_failed) == (1, 0, 1, 1)
