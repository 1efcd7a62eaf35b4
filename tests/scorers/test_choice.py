import math

import pytest

from harness.scorers.reading.written_choice import read_choice
from harness.scorers.rules.choice import ChoiceScorer
from harness.testing import check_scorer
from harness.types.errors import HarnessError
from harness.types.records import Generation, Sample

QUESTION = Sample(
    "q",
    "Which?",
    target="B",
    metadata={
        "options": 4,
        "option_A": "Refer the client to a physician",
        "option_B": "Explore the meaning of the loss",
        "option_C": "Assign homework",
        "option_D": "End the session",
    },
)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("A", "A"), ("(A", "A"), ("A.", "A"), ("b", "B"), ("**C**", "C"), ("B) Explore", "B"),
        ("C: Assign homework", "C"), ("A because of risk", "A"), ("B. A client needs rest.", "B"),
        ("Answer: B because it is", "B"), ("answer: (c)", "C"), ("Answer:C", "C"),
        ("The answer is (C).", "C"), ("The answer is\n\n(B)", "B"),
        ("The correct answer is: A) Refer", "A"), ("I think that option (C) fits.", "C"),
        ("D is the best choice", "D"), ("Answer: A is the safest", "A"),
        ("A is tempting, but the final answer: **D**", "D"),
        ("Option A is wrong. The correct option is D", "D"),
        ("Neither A nor B. The answer is C.", "C"), ("C, as it is safest. A is not safe.", "C"),
        ("I would choose to explore the meaning of the loss.", "B"),
        ("The best answer is B.\n\nThe answer is C.", "C"),
    ],
)  # fmt: skip
def test_a_choice_is_read_however_it_is_written(text, letter):
    found, why = read_choice(text, QUESTION, 4)
    assert found == "ABCD".index(letter), why


@pytest.mark.parametrize(
    "text",
    [
        "None of the above", "I'm sorry, but I can't help with that.", "Not B",
        "A client in distress needs care", "Answer: A person would refer", "A and B", "B/C",
        "(A) and (B) are both fine", "A, B and C are all wrong", "The answer is A or B",
        "The answer is not A but C", "As an AI, I cannot choose.", "E", "Answer: F",
        "Refer the client to a physician or end the session", "1", "\u4f60\u597d",
    ],
)  # fmt: skip
def test_what_chooses_nothing_or_two_is_not_read(text):
    found, why = read_choice(text, QUESTION, 4)
    assert found is None, why
    assert why


def scores(text=None, weights=None, sample=QUESTION):
    answer = Generation("q", 0, text, choice_logprobs=weights)
    (found,) = ChoiceScorer().score([sample], [answer])
    return {score.metric: score.value for score in found}


def test_right_wrong_and_unparsed_are_three_things():
    assert scores("B")["accuracy"] == scores("B")["accuracy_strict"] == 1
    assert scores("D")["accuracy"] == scores("D")["accuracy_strict"] == 0
    unread = scores("Hm.")
    assert (unread["accuracy"], unread["accuracy_strict"], unread["parsed"]) == (None, 0, 0)
    assert (unread["target_position"], unread["chance"]) == (2, 0.25)


def test_the_offset_goes_round_the_end():
    assert [scores(letter)["offset"] for letter in "ABCD"] == [3, 0, 1, 2]
    assert [scores(letter)["position"] for letter in "ABCD"] == [1, 2, 3, 4]


def test_the_heaviest_letter_is_chosen_and_its_share_said():
    weighed = Sample("q", "?", target="C", choices=(" A", " B", " C"))
    answer = Generation("q", 0, choice_logprobs=tuple(map(math.log, (0.1, 0.2, 0.5))))
    (found,) = ChoiceScorer().score([weighed], [answer])
    assert found[0].value == 1
    assert found[0].explanation == "C, p=0.625 of the 0.800 that the letters hold"
    tie = scores(weights=(-1.0, -1.0, -3.0), sample=weighed)
    assert (tie["accuracy"], tie["parsed"]) == (None, 0)


WEIGHED = Sample("q", "?", target="B", choices=(" A", " B", " C", " D"))


def weighed(*masses, sample=WEIGHED, **options):
    weights = tuple(math.log(mass) if mass else -math.inf for mass in masses)
    answer = Generation("q", 0, None, "choices", choice_logprobs=weights)
    (found,) = ChoiceScorer(**options).score([sample], [answer])
    return {score.metric: score for score in found}


def test_letters_without_mass_are_no_answer_and_the_mass_is_said():
    found = weighed(5e-7, 1e-6, 4e-7, 1e-7)  # a model that would write <think> first
    for metric in ("accuracy", "accuracy_strict", "position", "offset"):
        assert found[metric].value is None
        assert found[metric].error == "the letters hold 2e-06 of the probability, less than 0.1"
    assert found["parsed"].value == 0
    assert found["choice_mass"].value == pytest.approx(2e-6)


def test_the_mass_stands_beside_every_weighed_answer_and_beside_no_written_one():
    found = weighed(0.1, 0.2, 0.3, 0.1)
    assert (found["accuracy"].value, found["choice_mass"].value) == (0, pytest.approx(0.7))
    assert scores("B")["choice_mass"] is None
    assert scores("B")["accuracy"] == 1


def test_the_floor_is_an_option_and_in_the_identity():
    assert weighed(0.01, 0.03, 0, 0, floor=0)["accuracy"].value == 1
    assert weighed(0.1, 0.3, 0, 0, floor=0.5)["accuracy"].value is None
    assert ChoiceScorer().identity != ChoiceScorer(floor=0).identity
    with pytest.raises(HarnessError, match=r"scorers.choice.floor=2 must be from 0 to 1"):
        ChoiceScorer(floor=2)


def test_choices_that_are_texts_have_no_floor():
    texts = Sample("q", "?", target="B", choices=(" refer the client", " explore the loss"))
    found = weighed(1e-9, 2e-9, sample=texts)
    assert (found["accuracy"].value, found["choice_mass"].value) == (1, pytest.approx(3e-9))


@pytest.mark.parametrize("weights", [(math.nan, -1.0, -2.0, -3.0), (-1.0, -2.0), (0.5, -1, -1, -1)])
def test_weights_that_are_no_probabilities_of_the_choices_are_no_answer(weights):
    answer = Generation("q", 0, None, "choices", choice_logprobs=weights)
    (found,) = ChoiceScorer().score([WEIGHED], [answer])
    assert found[0].value is None
    assert "are no probabilities of 4 choices" in found[0].error


@pytest.mark.parametrize("target", [None, "E", "yes"])
def test_a_sample_without_a_letter_to_hit_is_missing(target):
    sample = Sample("q", "?", target=target, metadata={"options": 4})
    assert set(scores("B", sample=sample).values()) == {None}


def test_the_contract():
    check_scorer(ChoiceScorer(), [QUESTION])
