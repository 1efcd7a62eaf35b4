import math

import pytest

from harness.scorers.rules.yes_no import YesNoScorer
from harness.testing import check_scorer
from harness.types.records import Generation, Sample

CHOICES = (" yes", " Yes", ' "YES"', " no", " No.")


def scored(weights, choices=CHOICES, floor=None):
    sample = Sample("s", "?", choices=choices)
    answer = Generation(
        "s", 0, finish_reason="choices", choice_logprobs=weights, choice_floor=floor
    )
    (scores,) = YesNoScorer().score([sample], [answer])
    return {score.metric: score for score in scores}


def test_all_spellings_count_and_the_mass_is_said():
    found = scored(tuple(map(math.log, (0.3, 0.1, 0.1, 0.2, 0.05))))
    assert found["yes_no_mass"].value == pytest.approx(0.75)
    assert found["yes"].value == pytest.approx(0.5 / 0.75)
    assert found["yes_logit"].value == pytest.approx(math.log(0.5 / 0.25))
    assert found["yes_lowest"].value == pytest.approx(0.5)
    assert found["yes_highest"].value == pytest.approx(0.75)


def test_tiny_probabilities_keep_their_logit():
    found = scored((-800.0, -801.0, -900.0, -790.0, -795.0))
    expected = math.log(1 + math.exp(-1)) - 10 - math.log(1 + math.exp(-5))
    assert found["yes_logit"].value == pytest.approx(expected)
    assert found["yes_no_mass"].value == 0
    assert (found["yes_lowest"].value, found["yes_highest"].value) == (0, 1)


@pytest.mark.parametrize(
    ("weights", "choices"),
    [
        ((-1.0, -2.0), (" red", " blue")),
        ((-1.0, -math.inf), (" yes", " no")),  # .37: the other may hold more
        ((-1.0,), (" yes",)),
        ((-math.inf, -math.inf), (" yes", " no")),
    ],
)
def test_what_has_no_yes_or_no_is_missing(weights, choices):
    found = scored(weights, choices)
    assert all(score.value is None and score.error for score in found.values())


@pytest.mark.parametrize(
    ("weights", "value", "ends", "bound"),
    [
        ((0.96, 0), 1, (0.96, 1), math.log(0.96 / 0.04)),
        ((0, 0.75), 0, (0, 0.25), math.log(0.25 / 0.75)),
        ((1, 0), 1, (1, 1), 50.0),
    ],
)
def test_a_word_that_is_listed_alone_is_the_decision(weights, value, ends, bound):
    logs = tuple(math.log(p) if p else -math.inf for p in weights)
    found = scored(logs, (" yes", " no"))
    assert found["yes"].value == value
    assert (found["yes_lowest"].value, found["yes_highest"].value) == pytest.approx(ends)
    assert found["yes_no_mass"].value == pytest.approx(max(weights))
    logit = found["yes_logit"]
    assert logit.value is None
    assert (logit.at_least if value else logit.at_most) == pytest.approx(bound)
    assert len(logit.bounds) == 1
    assert logit.error.endswith("is not among the listed probabilities: a bound alone is known")


def test_the_bound_is_by_the_least_likely_token_that_is_listed():
    found = scored((math.log(0.3), -math.inf), (" yes", " no"), math.log(1e-4))
    assert found["yes"].value == 1  # .3 is less than half, and no holds less than 1 / 10,000
    assert found["yes_logit"].at_least == pytest.approx(math.log(0.3 / 1e-4))
    # Each of two spellings that are not listed may hold as much as the least that is.
    found = scored((-math.inf, -math.inf, math.log(0.9)), (" yes", " Yes", " no"), math.log(1e-4))
    assert found["yes"].value == 0
    assert found["yes_logit"].at_most == pytest.approx(-math.log(0.9 / 2e-4))
    # What is left of the probability may be less than that.
    found = scored((math.log(0.99), -math.inf), (" yes", " no"), math.log(0.05))
    assert found["yes_logit"].at_least == pytest.approx(math.log(0.99 / 0.01))
    assert scored((math.log(0.04), -math.inf), (" yes", " no"), math.log(0.05))["yes"].value is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Yes.", 1), (" **No**, for", 0), ("yes-man", None), ("Nobody", None), ("I say yes", None),
        ("Yes or no?", None), ("Yes/no", None), ("Yes and no.", None), ("No, yes.", None),
        ("Yes?", None), ("No doubt about it", None), ("Yes, they should.", 1), ("No\nYes", None),
    ],
)  # fmt: skip
def test_a_written_answer_is_read_at_its_beginning(text, value):
    (scores,) = YesNoScorer().score([Sample("s", "?")], [Generation("s", 0, text)])
    found = {score.metric: score for score in scores}
    assert found["yes"].value == value
    assert found["yes_logit"].value is None


def test_the_contract():
    check_scorer(YesNoScorer())
