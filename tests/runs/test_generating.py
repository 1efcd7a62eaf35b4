import pytest

from harness.runs.requests import Joined, stopped
from harness.types.records import Generation, Sample

SAMPLE = Sample("a", "It", choices=(" is", " was", " is"), leads=("He", "", "She"))


def test_choices_that_continue_different_texts_are_one_generation_in_their_order():
    joined = Joined({"a": SAMPLE})
    parts = [
        Generation("a\x1f2", 0, None, "choices", 1, 1, (-3.0,), choice_greedy=(True,)),
        Generation("a\x1f0", 0, None, "choices", 2, 1, (-1.0,), choice_greedy=(False,)),
        Generation("b", 0, "text"),
    ]
    assert list(joined.take(parts)) == [parts[2]]
    (whole,) = joined.take([Generation("a\x1f1", 0, None, "choices", 0, 1, (-2.0,))])
    assert whole.sample_id == "a"
    assert whole.choice_logprobs == (-1.0, -2.0, -3.0)
    assert whole.choice_greedy is None  # one part did not say
    assert (whole.prompt_tokens, whole.tokens) == (3, 3)


def test_a_part_that_failed_fails_the_whole():
    joined = Joined({"a": SAMPLE})
    parts = [Generation("a\x1f0", 0, None, "choices", 2, 1, (-1.0,)) for _ in range(1)]
    parts += [Generation.failed("a\x1f1", 0, "lost"), Generation("a\x1f2", 0, "written")]
    (whole,) = joined.take(parts)
    assert whole.error in ("lost", "its choices were not weighed")
    assert whole.choice_logprobs is None


@pytest.mark.parametrize(
    ("text", "finish", "stops", "cut"),
    [
        ("one.\n\nTwo", "stop", ["\n\n"], ("one.", "stop")),
        ("one, two", "length", ["two", ","], ("one", "stop")),
        ("one, two", "unknown", [","], ("one", "stop")),
        ("one, two", "filtered", [","], ("one", "filtered")),
        ("one, two", "length", [";"], ("one, two", "length")),
        ("one, two", "length", [], ("one, two", "length")),
    ],
)
def test_a_text_ends_before_its_first_stop_string_whatever_the_backend_left(
    text, finish, stops, cut
):
    answer = stopped(Generation("a", 0, text, finish, 1, 2, thinking="hm"), stops)
    assert (answer.text, answer.finish_reason) == cut
    assert (answer.tokens, answer.thinking) == (2, "hm")


def test_what_has_no_text_is_not_cut():
    failed = Generation.failed("a", 0, "lost, alas")
    assert stopped(failed, [","]) is failed
