import pytest

from harness.models.checkpoints.check_rendered import check_rendered, lost_turns, written_after
from harness.types.errors import HarnessError


def turns(*pairs):
    return [{"role": role, "content": content} for role, content in pairs]


ASKED = turns(("system", "Be brief."), ("user", " Why?\n"))


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("<s>Be brief.</s><u>Why?</u>", []),
        ("<u>Be brief.\n\nWhy?</u>", []),  # merged into the user's turn: it is asked
        ("<u>Why?</u>", [0]),
        ("<s>Be brief.</s><u></u>", [1]),
        ("<s>BE BRIEF.</s><u>Why?</u>", [0]),
    ],
)
def test_a_message_that_the_prompt_does_not_hold_is_lost(text, lost):
    assert lost_turns(ASKED, text) == lost


def test_a_message_that_stands_in_another_needs_a_place_of_its_own():
    asked = turns(("system", "Why?"), ("user", "Why? Say why."))
    assert lost_turns(asked, "<u>Why? Say why.</u>") == [0]
    assert lost_turns(asked, "<s>Why?</s><u>Why? Say why.</u>") == []


def test_an_empty_message_cannot_be_lost():
    assert lost_turns(turns(("system", " "), ("user", "Why?")), "Why?") == []


def test_a_prompt_that_lacks_a_message_is_refused_with_its_words():
    with pytest.raises(HarnessError, match=r"t leaves out .* the system message 'Be brief\.' is"):
        check_rendered(ASKED, "<u>Why?</u>", "t")


def test_what_a_template_wrote_after_the_messages():
    assert written_after(ASKED, "<s>Be brief.</s><u>Why?</u><a><think>") == "</u><a><think>"
    begun = [*ASKED, *turns(("assistant", "It is (B"))]
    text = "<s>Be brief.</s><u>Why?</u><a><think>It is (B"
    assert written_after(begun, text) == "</u><a><think>"
    assert written_after(turns(("user", "a <think> b")), "<u>a <think> b</u>") == "</u>"
