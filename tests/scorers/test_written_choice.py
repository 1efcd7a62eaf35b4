"""Which option an answer names, in the forms that people and models write; never one denied."""

import pytest

from harness.scorers.reading.written_choice import read_choice
from harness.types.records import Sample

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
    "text",
    [
        "\\boxed{B}", "\\boxed{\\text{B}}", "$\\boxed{(B)}$", "\\boxed{\\text{(B)}}", "\\fbox{B}",
        "The final answer is: $\\boxed{\\mathbf{B}}$. I hope it is correct.",
        "\\boxed{B. Explore the meaning of the loss}", "\\boxed{Explore the meaning of the loss}",
        "<answer>B</answer>", "<answer>\nB\n</answer>", "<answer>(b)</answer>", "<b>B</b>",
        "<ANSWER>B. Explore</ANSWER>", "<answer>The best answer is B</answer>",
        '```json\n{"answer": "B"}\n```', '{"answer": "b"}', '{"Final Answer": "B"}',
        '{"reasoning": "The answer is {A}? No, A is bad.", "answer": "B"}',
        "At first the answer is A. But no. <answer>B</answer>",
    ],
)  # fmt: skip
def test_what_a_mark_holds_is_the_answer(text):
    assert read_choice(text, QUESTION, 4)[0] == 1


@pytest.mark.parametrize(
    "text",
    [
        "I would choose B", "I would choose B because A is unsafe.", "I'd choose B over A",
        "I choose (B).", "I'd go with B", "I\u2019d go with B.",
        "I will go with option B, as it is safe",
        "I pick B", "I have chosen B.", "We should select B.", "I vote for B",
        "I recommend option B.",
        "Choose B.", "Choose option b.", "I would select B rather than C.", "I'm going with B.",
        "If I had to choose, I would choose B.", "I would not choose A. I would choose B.",
        "My choice is B", "My pick: B", "My final answer is B.", "I'd say the answer is B.",
        "Answer is option (b)", "option (b)", "Option b", "Option B.", "Option (b) is best.",
        "Answer: b.", "The answer is b.", "the correct choice is (b)", "Answer = B", "Letter: B",
        "The correct option is B rather than A.", "B rather than A", "B instead of A", "B, not A",
        "B and not A", "The answer is: B and not A", "The answer is B, not A.", "(b)", "[[B]]",
        "**B**", "__B__", "`B`", "B) text", "(b) explore the meaning", "b. explore",
        "B \u2014 exploring comes first.", "**Answer:** B", "**Answer: (B)**", "### Answer\nB",
        "The answer is \\textbf{B}.", "\uff08B\uff09", "\uff22", "Answer\uff1aB",
        "B is the answer.",
        "I think it's B", "So B.", "The best is B.", "A is wrong, so the answer is B.",
        "The answer isn't A. The answer is B.", "Neither A nor C is right; B is correct.",
        "While A and C are tempting, B is the best.", "Answer: B\n\nExplanation: A would harm.",
        "The correct answer is option B: Explore the meaning of the loss.",
    ],
)  # fmt: skip
def test_an_option_that_is_chosen_is_read(text):
    assert read_choice(text, QUESTION, 4)[0] == 1


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{A or B}", "\\boxed{A, B}", "\\boxed{E}", "\\boxed{A}\\boxed{B}", "\\boxed{not B}",
        "<answer>none</answer>", "<answer>B or C</answer>", '{"answer": ["A", "B"]}',
        '{"answer": "A or B"}', '{"answer": null}', '{"answer": 2}',
        '{"answer": "B", "choice": "C"}',
        "<answer>B</answer> No, the answer is C.", "\\boxed{B} Wait, actually C.",
    ],
)  # fmt: skip
def test_a_mark_that_holds_no_single_option_leaves_none(text):
    assert read_choice(text, QUESTION, 4)[0] is None


@pytest.mark.parametrize(
    "text",
    [
        "A or B", "Either A or B", "between A and B", "B, C", "B & C", "b or c", "Answer: b or c",
        "Answer: b, c", "Answer: B; C", "Answer: B-C", "A-D", "A to D", "option (b) or (c)",
        "option (b) and option (c)", "Options B and C", "Both B and C are correct",
        "The answer is B or maybe C.", "Answer: A. Or perhaps B.", "I'd choose A or B",
        "I can't choose between B and C", "answer choice A, B, C or D",
        "Option A: refers. Option B: explores. Option C: homework. Option D: ends.",
        "A. Refer B. Explore C. Assign D. End", "A) no\nB) no\nC) maybe",
    ],
)  # fmt: skip
def test_several_options_are_none(text):
    found, why = read_choice(text, QUESTION, 4)
    assert found is None, why
    assert why


@pytest.mark.parametrize(
    "text",
    [
        "not B", "It is not B.", "B is wrong", "B is not right", "B isn't right.", "B: wrong",
        "B) is wrong", "B. No.", "B. That would be wrong.", "B? No, that is harmful.", "B?",
        "Is the answer B?", "Is B the answer?", "Option B is wrong.", "Option B isn't right",
        "Option B would be harmful", "Option B is about the loss", "The answer is not B",
        "The answer isn't B", "The answer could be B", "The answer cannot be B", "Answer: not B",
        "I would not choose B", "I cannot choose B.", "I would never choose B.",
        "I refuse to choose B",
        "I would choose neither B nor C", "I'd avoid B", "I would rule out B", "Avoid option B",
        "Anything except B", "If I were to choose B, harm follows",
        "If the answer is B, he suffers.",
        "Some would choose B", "Why I chose B is unclear", "The user wants me to choose B",
        "I was told to answer B", "I don't think B is right", "I don't think the answer is B",
        "Whether B is best is unclear", "B may be the best", "B is the worst",
        "The worst option is B",
        "The wrong answer is B", "The least helpful choice is B", "I cannot choose", "It depends",
        "I would not explore the meaning of the loss", "Never explore the meaning of the loss",
        "B. Assign homework", "I would choose a different answer", "The answer is a referral",
        "Hepatitis B is possible", "Cluster B traits", "The answer to question B",
    ],
)  # fmt: skip
def test_an_option_that_is_denied_or_only_spoken_of_is_not_read(text):
    found, why = read_choice(text, QUESTION, 4)
    assert found is None, why
    assert why


@pytest.mark.parametrize(
    "text",
    [
        "B. Wait, no: C", "I choose B. Actually, C.", "Answer: B. On reflection, C fits better.",
        "The answer is B... no, C", "B, because it heals. Hmm, C may be it.",
        "The answer is B. Scratch that: (C).", "Option B. Correction: option C.",
    ],
)  # fmt: skip
def test_an_option_that_is_taken_back_is_not_read(text):
    found, why = read_choice(text, QUESTION, 4)
    assert found is None, why


@pytest.mark.parametrize(
    "text",
    [
        "B. There is no reason to pick A.", "The answer is B. Actually, A is harmful.",
        "B. Wait for the client to speak.", "I choose B. Actually, I would add empathy.",
        "I choose A. Actually, the answer is B.", "Answer: B. On reflection, B it stays.",
    ],
)  # fmt: skip
def test_an_option_that_only_words_follow_stays(text):
    assert read_choice(text, QUESTION, 4)[0] == 1


@pytest.mark.parametrize(
    "text",
    [
        "Selected: B", "Definitely B.", "My pick: B", "Going with B.", "Final: (B)",
        "Choice - B", "Chosen: B", "Pick B", "Verdict: B", "Selection: B", "Ans: B", "Ans. B",
        "Answer - B", "Answer -> B", "Answer \u2192 B", "Result: B", "Final answer - B", "B!",
        "It has to be B.", "Must be B.", "Clearly B.", "Probably B.", "I say B.", "B for sure.",
        "B, definitely.", "B it is.", "Option: B", "Guess: B", "My guess is B.",
        "**Selected:** B", "Selected option: B", "Selected answer: (b)", "Final choice: B.",
        "Final Answer \u2192 **B**", "Decision: B", "I'm confident it's B.",
        "Surely B, since A is unsafe.", "Obviously (B).", "Most likely B.", "Let's go with B.",
        "I'll say B", "It must be option B.", "Correct: B", "Correct answer - B",
        "The correct one: B", "B is correct", "Response: B", "Conclusion: B", "Therefore: B",
        "Hence, B.", "Thus B.", "=> B", "\u2192 B", "{'answer': 'B'}",
        "{'choice': 'B', 'why': \"it's best\"}", "Selected = B", "selected: b", "Choosing B.",
        "Settling on B.", "I settle on B.", "I'd opt for B.", "Without a doubt, B.",
        "No doubt: B.", "100% B.", "The winner is B.", "Key: B", "Letter B", "Solution: B",
        "Best: B", "Best option: B", "Most appropriate: B", "Final: B\nReason: A would harm.",
    ],
)  # fmt: skip
def test_a_letter_behind_a_label_or_a_word_of_being_sure_is_the_answer(text):
    assert read_choice(text, QUESTION, 4)[0] == 1


@pytest.mark.parametrize(
    "text",
    [
        "not B", "Definitely not B.", "Selected: A or B", "Rejected: B", "Eliminated: B",
        "Final: not B", "Selected: none", "Probably not B", "Not selected: B", "Unselected: B",
        "Going with B or C.", "Definitely B or D", "Definitely not A or B", "Selected: B, C",
        "Wrong: B", "Incorrect: B", "Least likely: B", "Least appropriate: B", "Worst: B",
        "Never B.", "Hardly B.", "Clearly B is wrong.", "Definitely B? Hmm.", "Selected: B?",
        "Going with B would be harmful.", "Final: B is wrong", "Probably B or C.",
        "Not going with B.", "Nobody would pick B.", "First: B", "Selected: B. Wait, no: C",
        "If going with B, then", "Anything but B.", "Second best: B", "Runner-up: B",
        "Ruled out: B", "Question: B", "Part B: yes", "Vitamin B.", "Group B.", "Plan B.",
        "Hepatitis B.", "Definitely Hepatitis B.", "Type B.", "A, B, C, D", "Selected: A/B",
        "Selected by Dr. B.", "I say B, but it could be C.", "Clearly B and C are tempting.",
        "Choice - A, B", "Student selected: B, which is incorrect.",
        "The user's answer: B is wrong", "Previously selected: B", "Patient chose: B",
        "Incorrectly selected: B", "Options: B", "Answers: B and C",
        "Definitely A problem here.", "Final: A good plan", "Result: A B",
        "The result: B or nothing", "Best not B", "Deselected: B", "Selected: B or none",
        "My first guess was B.", "Left: A. Right: B.", "Options that are wrong: probably B.",
    ],
)  # fmt: skip
def test_a_label_or_a_word_of_being_sure_makes_no_answer_of_what_is_denied_or_several(text):
    found, why = read_choice(text, QUESTION, 4)
    assert found is None, why


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("B? No, C", (None, 2)), ("Selected: B? No, C.", (None, 2)), ("Not B. Definitely C.", (2,)),
        ("Definitely B. Actually, C.", (None, 2)), ("Rejected: B. Selected: C", (2,)),
        ("Selected: A. Correction: B", (None, 1)), ("Going with B instead of C.", (1,)),
    ],
)  # fmt: skip
def test_an_answer_that_is_corrected_is_never_the_first_one(text, place):
    assert read_choice(text, QUESTION, 4)[0] in place
