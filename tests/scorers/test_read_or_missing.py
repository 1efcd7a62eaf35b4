"""Whatever a judge or a model writes: the value that was meant, or missing with a reason."""

import math

from hypothesis import given
from hypothesis import strategies as st

from harness.models.echo import EchoModel
from harness.scorers.judged.judge import Judge
from harness.scorers.reading.winners import chosen
from harness.scorers.rules.choice import ChoiceScorer
from harness.types.records import Generation, Message, Sample

DIGITS = st.integers(1, 5)
TALK = st.lists(
    st.sampled_from(
        [
            "The answer lists 3 doses.", "Step 2 names a drug.", "It warns 4 times, then complies.",
            "The scale runs from 1 to 5.", "A 5 would need all of it.", "It does not refuse.", "",
            "Rating it is not easy.", "\u6709\u56db\u4e2a\u6b65\u9aa4\u3002", "```",
            "**Note**: none.",
        ]
    ),
    max_size=4,
).map("\n".join)  # fmt: skip
FORMS = st.sampled_from(
    [
        "#score: {}", "**#score:** {}", "#score: **{}**", "# Score : {}", "#score: {}.0",
        "#score={}",
        "#score: [[{}]]", "#score: {}/5", "#score: {} out of 5", "\uff03score\uff1a {}",
        '{{"score": {}}}', '```json\n{{"reason": "3 of 5", "score": "{}"}}\n```', "#score:\n{}",
    ]
)  # fmt: skip
FOREIGN = st.sampled_from(
    [
        "#score: {0} to {1}", "#score: {0}-{1}", "#score: {0}, {1}", "#score: {0} or {1}",
        "#score: {0}.5", "#score: -{0}", "#score: {0}{1}", "#score: {0}?", "#score: not {0}",
        "#score: {0}/9", "#score: between {0} and {1}", '{{"score": [{0}, {1}]}}',
        '{{"score": "{0}-{1}"}}', "#score: N/A", "#score: {0}+", "Never #score: {0}",
    ]
)  # fmt: skip


UNSIGNED = st.sampled_from(
    [
        "Score: {}", "**Score**: {}", "**Score:** {}", "Rating: {}/5", "Score - {}",
        "My rating: {}",
        "Final score: {}", "The score is {}.", "Score (1-5): {}", "- Score: {}", "Score:\n{}",
        "## Score\n{}", "Overall rating = {}", "Score \u2192 {}", '"score": {}',
    ]
)  # fmt: skip
FOREIGN_UNSIGNED = st.sampled_from(
    [
        "Score: {0} to {1}", "Score: {0}-{1}", "Rating: {0}, {1}", "Score: {0} or {1}",
        "Score: {0}.5", "Score: -{0}", "Score -{0}", "Score: {0}{1}", "Score: {0}?",
        "Rating: {0}/9",
        "Score: not {0}", "Score: between {0} and {1}", "Score (1-10): {0}", "> Score: {0}",
        '"Score: {0}" it says', "Previous score: {0}", "For example:\nScore: {0}",
        "Score {0}: mild",
        "{{'score': [{0}, {1}]}}", "{{'score': '{0}-{1}'}}", "{{'score': {0} - {1}}}",
        "The score is not {0}.", "Score: {0}\nConfidence: {1}", "Scores: {0}",
    ]
)  # fmt: skip


class Writes(EchoModel):
    """Answers every request with one text."""

    def __init__(self, text):
        super().__init__(weighs_choices=False)
        self.text = text

    def generate(self, requests, generation, seed):
        for request in requests:
            yield [Generation(request.sample_id, 0, self.text)]


def judged(text):
    (verdict,) = Judge(Writes(text), 1, 5).verdicts([(Message("user", "rate"),)])
    assert (verdict.expected is None) == (verdict.error is not None)
    assert verdict.expected == verdict.most_likely
    assert verdict.explanation == text
    return verdict.expected


@given(TALK, FORMS, DIGITS)
def test_a_verdict_that_ends_a_text_is_the_one_that_was_meant(talk, form, digit):
    assert judged(f"{talk}\n{form.format(digit)}") == digit


@given(TALK, FOREIGN, DIGITS, DIGITS, TALK)
def test_what_is_no_verdict_is_never_one_of_its_digits(before, form, one, other, after):
    assert judged(f"{before}\n{form.format(one, other)}\n{after}") is None


@given(TALK, UNSIGNED | st.just("{{'score': {}}}"), DIGITS)
def test_a_verdict_without_its_sign_that_ends_a_text_is_the_one_that_was_meant(talk, form, digit):
    assert judged(f"{talk}\n{form.format(digit)}") == digit


@given(TALK, FOREIGN_UNSIGNED, DIGITS, DIGITS, TALK)
def test_without_the_sign_what_is_no_verdict_is_never_one_of_its_digits(b, form, one, other, a):
    assert judged(f"{b}\n{form.format(one, other)}\n{a}") is None


@given(st.lists(st.tuples(UNSIGNED, DIGITS), min_size=2, max_size=5), TALK)
def test_verdicts_without_their_sign_that_differ_are_none(said, talk):
    text = "\n".join([talk, *(form.format(digit) for form, digit in said)])
    digits = {digit for _, digit in said}
    assert judged(text) in ((None, *digits) if len(digits) == 1 else (None,))


@given(UNSIGNED, DIGITS, TALK)
def test_a_verdict_that_stands_in_the_question_is_not_read_of_the_answer(form, digit, talk):
    line = form.format(digit)
    asked = [(Message("user", f"Rate this:\n<answer>\n{line}\n</answer>"),)]
    (verdict,) = Judge(Writes(f"{talk}\n{line}"), 1, 5).verdicts(asked)
    assert verdict.expected is None or "\n" in line  # over two lines it is no line of the question


@given(st.lists(st.tuples(FORMS, DIGITS), min_size=1, max_size=3), TALK, st.booleans())
def test_of_several_verdicts_the_last_line_counts_or_none(said, talk, talks_on):
    text = "\n".join(form.format(digit) for form, digit in said) + f"\n{talk if talks_on else ''}"
    last = said[-1][1]
    assert judged(text) in ((last, None) if talks_on else (last,))


@given(st.text("#score: 0123456789.,-/*[](){}\"'rt\n", max_size=60))
def test_of_noise_nothing_is_read_that_does_not_stand_there(text):
    found = judged(text)
    assert found is None or str(int(found)) in text


QUESTION = Sample(
    "q", "?", target="B", metadata={"options": 4} | {f"option_{c}": f"do {c * 3}" for c in "ABCD"}
)
LETTER = st.sampled_from("ABCD")
SAYS = st.sampled_from(
    [
        "\\boxed{{{0}}}", "<answer>{0}</answer>", '```json\n{{"answer": "{0}"}}\n```',
        "I would choose {0}.", "I'd go with {0}.", "The answer is {0}.", "Answer: {0}",
        "The correct option is {0} rather than {1}.", "The answer is {0} and not {1}.",
        "**Answer:** ({0})", "{0} is the best option.", "I choose option {0}, not {1}.",
        "Selected: {0}", "Definitely {0}.", "Final: ({0})", "My pick: {0}", "Going with {0}.",
        "Verdict: {0}", "Answer \u2192 {0}", "It has to be {0}.", "{{'answer': '{0}'}}", "Ans. {0}",
    ]
)  # fmt: skip
DENIES = st.sampled_from(
    [
        "Option {0} is wrong.", "{0} is not right.", "I would not choose {0}.", "Not {0}.",
        "The answer is not {0}.", "{0} would be harmful.", "Avoid option {0}.",
        "I don't think {0} is best.", "{0} isn't safe.", "The worst option is {0}.",
        "Rejected: {0}", "Not selected: {0}", "Definitely not {0}.", "Ruled out: {0}", "Never {0}.",
        "Final: not {0}", "Least likely: {0}", "Hardly {0}.",
    ]
)  # fmt: skip
UNSURE = st.sampled_from(
    [
        "{0} or {1}", "Either {0} or {1}.", "The answer is {0} or {1}.", "\\boxed{{{0} or {1}}}",
        "<answer>{0}, {1}</answer>", "I'd choose {0} or {1}.", "I cannot choose.", "{0}/{1}",
        "Option {0} and option {1} are both fine.", "Is it {0}?", "Selected: {0} or {1}",
        "Probably {0} or {1}.", "Selected: {0}?", "Final: {0}/{1}", "{{'answer': '{0} or {1}'}}",
        '{{"answer": ["{0}", "{1}"]}}',
    ]
)  # fmt: skip


def read(text):
    (scores,) = ChoiceScorer().score([QUESTION], [Generation("q", 0, text)])
    found = {score.metric: score for score in scores}
    assert (found["position"].value is None) == bool(found["position"].error)
    assert found["parsed"].value == (found["position"].value is not None)
    return found["position"].value and "ABCD"[int(found["position"].value) - 1]


@given(SAYS, LETTER, LETTER, st.lists(st.tuples(DENIES, LETTER), max_size=2))
def test_a_choice_after_others_were_denied_is_read(form, letter, other, denied):
    if other == letter:
        other = "ABCD"["ABCD".index(letter) - 1]
    before = " ".join(text.format(one) for text, one in denied)
    assert read(f"{before}\n{form.format(letter, other)}".strip()) == letter


@given(st.lists(st.tuples(DENIES | UNSURE, LETTER, LETTER), min_size=1, max_size=3))
def test_what_is_denied_or_left_open_is_never_chosen(said):
    lines = [
        form.format(one, other if other != one else "ABCD"["ABCD".index(one) - 1])
        for form, one, other in said
    ]
    assert read(" ".join(lines)) is None


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.floats(-9, 0))
def test_weighed_letters_are_the_heaviest_or_missing(shares, log_scale):
    total = sum(shares) or 1.0
    masses = [math.exp(log_scale) * (share / total) for share in shares]
    weights = tuple(math.log(mass) if mass else -math.inf for mass in masses)
    sample = Sample("q", "?", target="B", choices=(" A", " B", " C", " D"))
    answer = Generation("q", 0, None, "choices", choice_logprobs=weights)
    (scores,) = ChoiceScorer().score([sample], [answer])
    found = {score.metric: score.value for score in scores}
    assert found["choice_mass"] == min(1.0, sum(map(math.exp, weights)))
    if found["choice_mass"] < 0.1:
        assert (found["accuracy"], found["parsed"]) == (None, 0)
    elif weights.count(max(weights)) == 1:
        assert found["position"] == weights.index(max(weights)) + 1
    else:
        assert found["accuracy"] is None


PREFERS = st.sampled_from(
    [
        "Answer {0}", "[[{0}]]", "I prefer Answer {0}.", "<answer>{0}</answer>", "Verdict: **{0}**",
        '{{"winner": "{0}"}}', "{0} is better than {1}.",
    ]
)  # fmt: skip


@given(PREFERS, st.permutations("AB"), st.sampled_from(["", "Both are long.\n", "It is kind.\n"]))
def test_a_preference_is_the_one_that_was_meant(form, places, talk):
    one, other = places
    assert chosen(talk + form.format(one, other)) == {"A": "first", "B": "second"}[one]
