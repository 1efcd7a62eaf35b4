"""Conversations: automata, scripts, and answerers that keep or break one rule each."""

from itertools import pairwise

import numpy as np
import pytest
import yaml

from harness.models.echo import EchoModel
from harness.runs.dialogues import LOST
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.scorers.rules.guidance_dialogue import GuidanceDialogueScorer
from harness.testing import check_task
from harness.types.errors import HarnessError
from harness.types.records import Generation
from tasks.counseling_dialogue import STARTER, CounselingDialogue
from tasks.counseling_dialogue.automaton import hearings_of, persona_of


def test_the_contract():
    check_task(CounselingDialogue())


def people():
    task = CounselingDialogue()
    list(task.samples(task.records()))
    return task._people


def test_there_are_personas_of_all_topics_and_levels():
    found = people()
    assert len(found) >= 12
    assert min(len(persona.states) for persona in found.values()) >= 8
    assert {p.topic for p in found.values()} == {"stress", "anxiety", "depression", "grief", "crisis"}
    assert {p.crisis for p in found.values()} == {0, 1, 2, 3}
    for persona in found.values():
        risks = [state.risk for state in persona.states.values()]
        assert any(risks) == (persona.crisis > 0)
        assert len(persona.branches) >= 2 * len(persona.states) - 4
