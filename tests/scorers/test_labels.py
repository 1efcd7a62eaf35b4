import math

import pytest

from harness.scorers.reading.written_labels import read_label, read_labels
from harness.scorers.rules.labels import LabelsScorer
from harness.testing import check_scorer
from harness.types import Generation, HarnessError, Sample

YES = ["no", "yes"]
LEVELS = ["minimal", "mild", "moderate", "severe"]
OUTCOMES = ["none", "emergency visit", "hospital stay", "emergency visit and hospital stay"]
DIMENSIONS = ["physical", "emotional", "social", "spiritual"]


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("Yes", YES, "yes"),
        ("**No.**", YES, "no"),
        ("Answer: yes", YES, "yes"),
        ("Yes, the person is clearly stressed and has no rest.", YES, "yes"),
        ('Here it is:\n```json\n{"label": "Severe"}\n```', LEVELS, "severe"),
        ("{'label': 'severe',}", LEVELS, "severe"),
        ("<answer>mild</answer>", LEVELS, "mild"),
        ("The severity is moderate, not severe.", LEVELS, "moderate"),
        ("The author shows signs of mild depression.", LEVELS, "mild"),
        ("emergency visit and hospital stay", OUTCOMES, "emergency visit and hospital stay"),
        ("Answer: hospital_stay", OUTCOMES, "hospital stay"),
        # what names none, or more than one, is no answer
        ("It is mild or moderate.", LEVELS, None),
        ("mild or moderate", LEVELS, None),
        ("Yes and no.", YES, None),
        ("There is no sign of it.", YES, None),
        ("N/A", LEVELS, None),
        ("I cannot tell.", YES, None),
        ("It is not severe.", LEVELS, None),
        ("Stress is a part of life.", YES, None),
        ('{"label": "mild"} Answer: severe', LEVELS, None),
    ],
)
def test_an_answer_names_one_label_or_none(text, labels, expected):
    place, why = read_label(text, labels)
    assert (None if place is None else labels[place]) == expected
    assert why


def test_a_label_that_was_cut_off_may_be_another():
    assert read_label("I think emergency visit", OUTCOMES, cut=True)[0] is None
    assert read_label("I think emergency visit", OUTCOMES)[0] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("physical, social", {0, 2}),
        ("- Physical\n- Spiritual", {0, 3}),
        ('["emotional"]', {1}),
        ("{'physical': 1, 'emotional': 0, 'social': 'yes',}", {0, 2}),
        ("physical: no\nsocial: yes", {2}),
        ("Labels: social and emotional, but not physical.", {1, 2}),
        ("none", set()),
        ("Labels: []", set()),
        ("I like trains.", None),
        ("unknown", None),
    ],
)
def test_an_answer_names_a_set_of_labels_or_nothing(text, expected):
    chosen, why = read_labels(text, DIMENSIONS)
    assert (None if chosen is None else set(chosen)) == expected
    assert why


def scores(generation, number=2, labels="no|yes", **metadata):
    sample = Sample("1", "?", metadata={"labels": labels, "label_number": number, **metadata})
    (row,) = LabelsScorer().score([sample], [generation])
    return {score.metric: score for score in row}


def weighed(*shares):
    return Generation("1", 0, choice_logprobs=tuple(map(math.log, shares)))


def test_weights_give_the_likeliest_label_and_how_sure_the_model_is():
    right, wrong = scores(weighed(0.1, 0.3)), scores(weighed(0.3, 0.1))
    assert (right["label"].value, right["label_right"].value) == (2, 1)
    assert right["label_confidence"].value == pytest.approx(0.75)
    assert right["label_mass"].value == pytest.approx(0.4)
    assert wrong["label_confidence"].value == pytest.approx(-0.75)


def test_labels_without_mass_are_no_answer_and_not_even_a_wrong_one():
    row = scores(weighed(0.001, 0.002))
    assert row["label"].value is row["label_right_strict"].value is None
    assert row["label_mass"].value == pytest.approx(0.003)
    assert "less than 0.01" in row["label"].error


def test_what_cannot_be_read_is_missing_and_wrong_in_the_strict_column_alone():
    row = scores(Generation("1", 0, "Who knows?"))
    assert row["label"].value is row["label_right"].value is None
    assert (row["label_strict"].value, row["label_right_strict"].value) == (0, 0)
    assert row["label_parsed"].value == 0
    assert row["label_confidence"].value is None


def test_a_set_is_a_sum_of_powers_of_two():
    row = scores(Generation("1", 0, "b, a"), number=3, labels="a|b", several=True)
    assert (row["label"].value, row["label_right"].value) == (3, 1)
    row = scores(Generation("1", 0, "Hm."), number=0, several=True)
    assert (row["label_strict"].value, row["label_right_strict"].value) == (-1, 0)


def test_the_contract():
    sample = Sample("q", "?", target="no", metadata={"labels": "no|yes", "label_number": 1})
    check_scorer(LabelsScorer(), [sample])
    with pytest.raises(HarnessError, match="floor=2 must be from 0 to 1"):
        LabelsScorer(floor=2)
