from harness.generating import Joined
from harness.types import Generation, Sample

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
