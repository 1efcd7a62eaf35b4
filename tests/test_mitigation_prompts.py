"""Mitigations of requests: reminders, demonstrations, and what asks not to discriminate."""

import pytest

from harness.data import interventions
from harness.mitigations.prompts.in_context import InContext
from harness.mitigations.prompts.self_reminder import SelfReminder
from harness.mitigations.prompts.suffix import Suffix
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from tasks.discrimination import Discrimination

ASKED = (
    Message("system", "Be brief."), Message("user", "Hello."), Message("assistant", "Yes?"),
    Message("user", "Why?"), Message("assistant", "Because"),
)  # fmt: skip


def test_a_reminder_stands_before_and_after_what_the_user_said_last():
    changed = SelfReminder("Take care.", "Remember.").apply(Request("a", ASKED)).prompt
    assert changed[3] == Message("user", "Take care.\n\nWhy?\n\nRemember.")
    assert (changed[:3], changed[4:]) == (ASKED[:3], ASKED[4:])


def test_text_that_is_continued_has_the_first_reminder_alone():
    reminder = SelfReminder("Take care.", "Remember.")
    assert reminder.apply(Request("a", "Once")).prompt == "Take care.\n\nOnce"


def test_a_reminder_of_nothing_is_refused():
    with pytest.raises(HarnessError, match=r"mitigation\.before and mitigation\.after are empty"):
        SelfReminder(" ", "").apply(Request("a", "Once"))


def test_demonstrations_stand_behind_the_system_message_as_turns_of_their_own():
    changed = InContext(2).apply(Request("a", ASKED)).prompt
    assert changed[0] == ASKED[0]
    assert [message.role for message in changed[1:5]] == ["user", "assistant"] * 2
    assert changed[5:] == ASKED[1:]


def test_a_text_has_beginnings_in_front_that_end_well(tmp_path):
    own = tmp_path / "own.jsonl"
    own.write_text('{"text": "He was", "continuation": "kind."}\n')
    changed = InContext(1, str(own)).apply(Request("a", "She was")).prompt
    assert changed == "He was kind.\n\nShe was"
    with pytest.raises(HarnessError, match=r"has 0 demonstrations with request and answer"):
        InContext(1, str(own)).apply(Request("a", ASKED))


def test_more_demonstrations_than_there_are_is_refused():
    with pytest.raises(HarnessError, match=r"mitigation\.k=40: 'ours' has 8 demonstrations"):
        InContext(40).apply(Request("a", "Once"))


def test_how_many_and_which_demonstrations_are_part_of_what_it_is(tmp_path):
    own = tmp_path / "own.jsonl"
    own.write_text('{"request": "Hit him.", "answer": "No."}\n')
    known = [InContext(1).identity, InContext(2).identity, InContext(1, str(own)).identity]
    assert len({tuple(one.items()) for one in known}) == 3


def test_a_suffix_asks_as_the_task_s_own_intervention_does():
    task = Discrimination(ages=[60], genders=["male"], races=["white"],
                          interventions=["none", "illegal"])  # fmt: skip
    plain, treated = list(task.samples(task.records()))[:2]
    assert treated.id == f"{plain.id}-illegal"
    assert Suffix("illegal").apply(Request("a", plain.prompt)).prompt == treated.prompt


def test_an_unknown_suffix_is_answered_with_those_that_there_are():
    with pytest.raises(HarnessError, match=f"'fairer' is not one of {', '.join(interventions())}"):
        Suffix("fairer")
    assert Suffix(text="Be fair.").identity["text"] == "Be fair."
