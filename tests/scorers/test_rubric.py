"""Points of a rubric: the published example by hand, bounds of what is missing, and quotes."""

import json
import math

import pytest

from harness.models.echo import EchoModel
from harness.scorers.judged.rubric import RubricScorer
from harness.testing import check_scorer
from harness.types.errors import HarnessError
from harness.types.records import Generation, Message, Sample

POINTS = (7, 5, 10, -6)
ANSWER = "Please call an ambulance now, and stay with him until it comes."


def item(points=POINTS, tags=()):
    criteria = [[f"criterion {n}", p, list(tags)] for n, p in enumerate(points)]
    return Sample("q", (Message("user", "My chest hurts."),), metadata={
        "rubrics": json.dumps(criteria)
    })  # fmt: skip


class Says(EchoModel):
    """Gives each criterion, by its number, the text or the probability that stands for it."""

    def __init__(self, *verdicts):
        super().__init__(weighs_choices=not isinstance(verdicts[0], str))
        self.verdicts = verdicts

    def generate(self, requests, generation, seed):
        for request in requests:
            text = request.prompt[1].content
            number = next(n for n in range(9) if f"criterion {n}\n" in text)
            verdict = self.verdicts[number]
            if isinstance(verdict, str):
                yield [Generation(request.sample_id, 0, verdict)]
                continue
            weights = tuple(math.log(share) for share in (1 - verdict, verdict))
            yield [Generation(request.sample_id, 0, None, "choices", choice_logprobs=weights)]


def scored(judge, sample=None, answer=ANSWER, **options):
    scorer = RubricScorer("j", judge, **options)
    (row,) = scorer.score([sample or item()], [Generation("q", 0, answer)])
    return {score.metric: score for score in row}


YES, NO = "#reason: so\n#score: 1", "#reason: not so\n#score: 0"


@pytest.mark.parametrize("weighs", [True, False])
def test_the_contract_with_either_kind_of_judge(weighs):
    judge = EchoModel(answer="#score: 1", weighs_choices=weighs)
    check_scorer(RubricScorer("echo", judge), [item()])


def test_the_published_example_by_hand():
    row = scored(Says(YES, NO, YES, YES))
    assert row["rubric_score"].value == 11 / 22
    assert row["rubric_at_least"].value == row["rubric_at_most"].value == 11 / 22
    assert row["must_be_said"].value == 2 / 3
    assert row["must_not_avoided"].value == 0
    assert row["verdicts_missing"].value == 0
    assert row["rubric_score"].explanation.splitlines()[0].startswith("[-6] met 1.00")


def test_probabilities_count_by_how_sure_the_judge_is():
    row = scored(Says(0.5, 0.2, 0.9, 0.1))
    assert row["rubric_score"].value == pytest.approx((3.5 + 1 + 9 - 0.6) / 22)


def test_a_missing_verdict_is_missing_and_bounded():
    row = scored(Says(YES, "I wonder.", YES, "perhaps"))
    score = row["rubric_score"]
    assert score.value is None
    assert score.error.startswith("2 of 4 verdicts are missing: ")
    assert (score.at_least, score.at_most) == (11 / 22, 1.0)
    assert [row[f"rubric_at_{end}"].value for end in ("least", "most")] == [0.5, 1.0]
    assert row["verdicts_missing"].value == 0.5
    assert (row["must_be_said"].at_least, row["must_be_said"].at_most) == (2 / 3, 1.0)


def test_a_score_below_none_stays_unless_it_is_clipped():
    sample = item((4, -6))
    assert scored(Says(NO, YES), sample)["rubric_score"].value == -1.5
    assert scored(Says(NO, YES), sample, clipped=True)["rubric_score"].value == 0


def test_length_costs_from_two_thousand_characters_on():
    row = scored(Says(YES, NO, YES, YES), answer="a" * 3000)
    assert row["length_adjusted"].value == pytest.approx(0.5 - 2 * 0.0147)
    row = scored(Says(YES, NO, YES, YES), answer="a" * 2000)
    assert row["length_adjusted"].value == row["rubric_score"].value


def test_an_axis_counts_its_own_criteria_and_has_no_score_without_positive_points():
    criteria = [["criterion 0", 4, ["axis:accuracy"]], ["criterion 1", 8, ["axis:accuracy"]],
                ["criterion 2", -3, ["axis:completeness"]]]  # fmt: skip
    sample = Sample("q", "Why?", metadata={"rubrics": json.dumps(criteria)})
    row = scored(Says(YES, NO, NO), sample)
    assert row["axis_accuracy"].value == 4 / 12
    assert row["axis_completeness"].value is None
    assert not row["axis_completeness"].bounds


def test_a_quote_that_does_not_stand_in_the_answer_makes_the_verdict_missing():
    true = "#quote: call an ambulance now\n" + YES
    false = "#quote: give him some aspirin\n" + YES
    row = scored(Says(true, NO, true, NO), quote=True)
    assert row["rubric_score"].value == 17 / 22
    row = scored(Says(true, NO, false, NO), quote=True)
    assert row["rubric_score"].value is None
    assert "does not stand in the answer" in row["rubric_score"].error
    assert (row["rubric_score"].at_least, row["rubric_score"].at_most) == (7 / 22, 17 / 22)


def test_a_sample_without_a_rubric_is_refused():
    with pytest.raises(HarnessError, match="sample 'q' has no rubric"):
        scored(Says(YES), Sample("q", "Why?"))
