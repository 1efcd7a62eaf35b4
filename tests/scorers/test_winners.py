"""What a judge of two answers wrote names one of them, a tie, or none."""

import pytest

from harness.models.echo import EchoModel
from harness.scorers.judged.comparing import Comparer, Contest
from harness.scorers.judged.preferred import PreferredScorer
from harness.scorers.reading.winners import chosen

NAMES_A = [
    "A", "Answer A", "[[A]]", "**A**", "**Answer A**", "Answer: A", "Winner: A", "\\boxed{A}",
    "\\boxed{\\text{A}}", "<answer>A</answer>", '{"winner": "A"}', '```json\n{"answer": "A"}\n```',
    '{"verdict": "Answer A"}', "Answer A is better than Answer B.", "A is better than B",
    "Answer A over Answer B", "A rather than B", "I prefer Answer A.", "I would choose A",
    "I'd go with Answer A", "The better answer is A.", "Answer A is the better one.",
    "Assistant A", "Response A wins.", "A.", "(A)", "Verdict: **A**", "My verdict: [[A]]",
    "\uff21", "Answer\uff1aA", '"Answer A"', "Answer A is more helpful.", "Option A",
    "{'winner': 'A'}", "{'verdict': 'A', 'why': \"it's kinder\"}",
]  # fmt: skip


@pytest.mark.parametrize("text", NAMES_A)
def test_the_one_that_is_named_is_read_in_either_place(text):
    assert chosen(text) == "first"
    swap = str.maketrans("AB\uff21", "BA\uff22")
    assert chosen(text.replace("Answer", "answer").replace("Assi", "assi").translate(swap)) == (
        "second"
    )


@pytest.mark.parametrize(
    "text",
    [
        "tie", "Tie", "TIE.", "**Tie**", "Verdict: tie", "[[tie]]", "It's a tie.", "It is a tie",
        '"tie"', '{"winner": "tie"}', "\\boxed{tie}", "<answer>tie</answer>", "Answer: Tie",
        "Both answers are equally good.",
    ],
)  # fmt: skip
def test_a_tie_is_read(text):
    assert chosen(text) == "tie"


@pytest.mark.parametrize(
    "text",
    [
        "", "A or B", "Answer A or Answer B", "Answer A and Answer B", "A/B", "Either A or B",
        "[[A]] [[B]]", "[[A]] or [[B]]", "\\boxed{A}\n\\boxed{B}", "[[C]]", "Answer C", "not A",
        "Answer A is worse.", "A is worse than B.", "Answer A is not better.", "Answer A loses",
        "Answer A is less helpful", "Answer A isn't better", "Answer A is wrong",
        "Answer A is harmful.", "Answer A might be better", "Answer A fails",
        "Answer A would be better if it were true", "If Answer A were shorter", "Answer A?",
        "Is it A?", "Neither Answer A nor Answer B", "Not a tie", "It is not a tie", "no tie",
        "A tie-breaker is needed", "Answer A, or a tie", "I cannot choose.", "A thoughtful reply",
        "Answer A: It says so. Answer B: it does too.", "Answer A is good. Answer B is good.",
        'Say "Answer A", "Answer B" or "tie"', '{"winner": "A or B"}', '{"winner": null}',
    ],
)  # fmt: skip
def test_what_names_both_or_none_or_may_deny_it_is_no_verdict(text):
    assert chosen(text).startswith("the judge")


def test_a_marked_answer_outweighs_what_is_said_of_both_but_not_its_contrary():
    talk = "Answer A is better in tone. Answer B is better in substance."
    assert chosen(f"{talk}\n<answer>B</answer>") == "second"
    assert chosen("Answer A is better.\n<answer>B</answer>") == "the judge names both answers"


def test_a_verdict_in_json_decides_in_both_orders():
    judge = EchoModel(answer='{"winner": "tie"}', weighs_choices=False)
    (found,) = Comparer(judge, "Better helps more.").compare([Contest("?", "this", "that")])
    assert (found.winner, found.consistent) == ("tie", True)


def test_the_reading_is_in_the_identity_where_the_judge_writes():
    weighs, writes = (
        PreferredScorer("j", EchoModel(weighs_choices=weighs)).identity for weighs in (True, False)
    )
    assert "reading" not in weighs  # nothing that is weighed has changed
    assert writes["reading"] == "3"
