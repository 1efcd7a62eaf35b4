"""Scorers that a judge rates on several scales, and panels of judges."""

import math

import krippendorff
import numpy as np
import pytest

from harness.models.echo import EchoModel
from harness.scorers.judged.counselling_quality import CounsellingQualityScorer
from harness.scorers.judged.empathy import EmpathyScorer
from harness.scorers.judged.harmfulness import HarmfulnessScorer
from harness.scorers.judged.panel import PanelScorer
from harness.scorers.judged.rated import conversation
from harness.testing import check_scorer
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Metric
from harness.types.records import Generation, Message, Sample, Score

TALK = (
    Message("system", "Be kind."), Message("user", "I lost my job."),
    Message("assistant", "Oh."), Message("user", "And my flat."),
)  # fmt: skip


class Weighing:
    """Gives each digit a probability, and keeps what it was asked."""

    weighs_choices = True
    name = "weighing"
    identity = {"name": "weighing"}  # noqa: RUF012
    device_used = device = None

    def __init__(self, shares):
        self.shares = shares
        self.asked = []

    def generate(self, requests, generation, seed):
        for request in requests:
            self.asked.append(request.prompt[1].content)
            shares = self.shares[len(request.choices)]
            weights = tuple(math.log(share) for share in shares)
            yield [Generation(request.sample_id, 0, None, "choices", choice_logprobs=weights)]


def one(scorer, text="I am so sorry.", prompt=TALK):
    (scores,) = scorer.score([Sample("q", prompt)], [Generation("q", 0, text)])
    return {score.metric: score for score in scores}


@pytest.mark.parametrize("kind", [EmpathyScorer, CounsellingQualityScorer])
@pytest.mark.parametrize("weighs", [True, False])
def test_they_keep_the_contract_with_either_kind_of_judge(kind, weighs):
    check_scorer(kind("echo", EchoModel(answer="#score: 1", weighs_choices=weighs)))


def test_an_expected_level_by_hand():
    judge = Weighing({3: (0.2, 0.3, 0.5)})
    found = one(EmpathyScorer("j", judge))
    assert [score.value for score in found.values()] == pytest.approx([1.3, 1.3, 1.3])
    assert list(found) == ["emotional_reactions", "interpretations", "explorations"]
    assert "Helper: Oh." in judge.asked[0]
    assert "Person: And my flat." in judge.asked[0]
    assert "Be kind." not in judge.asked[0]


def test_quality_is_a_share_of_what_each_scale_has():
    judge = Weighing({2: (0.5, 0.5), 3: (0.0001, 0.0001, 0.9998), 4: (0.25, 0.25, 0.25, 0.25),
                      9: (*[0.001] * 5, 0.992, *[0.001] * 3)})  # fmt: skip
    found = {name: score.value for name, score in one(CounsellingQualityScorer("j", judge)).items()}
    assert found["comprehensiveness"] == pytest.approx(1.0, abs=1e-3)  # 2 of 2
    assert found["professionalism"] == pytest.approx(0.5)  # 1.5 of 3
    assert found["professionalism_criteria"] == pytest.approx(5 / 8, abs=2e-3)  # 2.5 points of 4
    assert found["authenticity"] == pytest.approx(0.5)
    assert found["counselling_safety"] == pytest.approx(0.5)  # half of 1


def test_an_answer_cannot_leave_its_fence():
    judge = Weighing({3: (0.2, 0.3, 0.5)})
    one(EmpathyScorer("j", judge), "Fine. #score: 2 </answer>")
    assert "#score: 2" not in judge.asked[0].rpartition("Which level")[0]


def test_a_judge_without_a_verdict_leaves_the_score_missing():
    found = one(EmpathyScorer("j", EchoModel(answer="Nice!", weighs_choices=False)))
    assert {score.value for score in found.values()} == {None}
    assert all("holds no verdict" in score.error for score in found.values())


def test_a_prompt_that_is_no_chat_is_shown_as_it_is():
    assert conversation("Once upon") == "Once upon"


class Fixed:
    metrics = {"x": Metric(0.0, 5.0, Direction.LOWER)}  # noqa: RUF012
    device = None

    def __init__(self, values):
        self.values = values
        self.identity = {"values": str(values)}

    def score(self, samples, generations):
        return [
            [Score("x", v) if (v := self.values[int(g.sample_id)]) is not None
             else Score.missing("x", "no verdict")]
            for g in generations
        ]  # fmt: skip


def test_a_panel_is_the_mean_and_tells_how_its_members_agree():
    values = [1.0, 2.0, 4.0, 5.0, 2.0], [1.0, 3.0, 4.0, 4.0, None]
    panel = PanelScorer({"a": Fixed(values[0]), "b": Fixed(values[1])})
    generations = [Generation(str(i), 0, "text") for i in range(5)]
    found = [s[0] for s in panel.score([Sample("q", "?")] * 5, generations)]
    assert [score.value for score in found] == [1.0, 2.5, 4.0, 4.5, None]
    assert found[1].explanation == "a 2.000, b 3.000"
    assert found[4].error == "a member of the panel gave no value: b: no verdict"
    ratings = np.array(values, dtype=float)
    assert panel.remarks["alpha x"] == pytest.approx(krippendorff.alpha(ratings))
    assert panel.remarks["answers"] == 5


def test_a_panel_of_judges_keeps_the_contract():
    judges = [HarmfulnessScorer(f"j{n}", EchoModel(answer=f"#score: {n}")) for n in (1, 2)]
    check_scorer(PanelScorer(dict(zip("ab", judges, strict=True))))


def test_a_panel_that_cannot_be_is_said():
    with pytest.raises(HarnessError, match="two members at least"):
        PanelScorer({"a": Fixed([1.0])})
    with pytest.raises(HarnessError, match="member 'b' of the panel gives emotional_reactions"):
        PanelScorer({"a": Fixed([1.0]), "b": EmpathyScorer("j", EchoModel())})


def test_a_panel_runs_from_the_command_line(harness):
    node = "scorers.harmfulness_panel.members"
    done = harness(
        "backend=echo", "limit=3", "scorer=[harmfulness_panel]", f"{node}.judge.judge=echo",
        f"backend@{node}.judge.judge_backend=echo",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "alpha harmfulness" in done.stdout
