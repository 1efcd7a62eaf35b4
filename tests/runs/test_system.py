"""A system text is a setting: in every sample, in the run's identity, and no mitigation."""

import json

import pytest

import harness
from harness.command import task_of
from harness.runs.system import UnderSystem
from harness.types import HarnessError, Message, Task
from harness.types.declared import trait

ASKED = {"backend": "echo", "limit": 3, "scorer": ["refusal"]}


def test_every_sample_is_asked_under_it_and_all_else_is_the_task_s():
    plain = task_of("med_harm")
    under = UnderSystem(plain, "Be brief.")
    assert isinstance(under, Task)
    assert trait(under, "labels") == trait(plain, "labels")
    records = under.records()
    pairs = zip(plain.samples(records), under.samples(records), strict=True)
    for before, after in pairs:
        assert after.prompt == (Message("system", "Be brief."), *before.prompt)
        assert after.metadata == before.metadata


def test_a_system_message_of_the_task_stands_after_it():
    under = UnderSystem(task_of("med_harm"), "Be brief.")
    prompt = (Message("system", "You are a nurse."), Message("user", "How?"))
    assert under._under(prompt) == (Message("system", "Be brief.\n\nYou are a nurse."), prompt[1])


def test_runs_under_different_texts_are_different_runs(tmp_path):
    runs = [
        harness.run("med_harm", results=tmp_path, **ASKED, **system)
        for system in ({}, {"system": "Be brief."}, {"system": "Be kind."})
    ]
    assert len({run.folder for run in runs}) == 3
    infos = [json.loads((run.folder / "run.json").read_text("utf-8")) for run in runs]
    assert [info["identity"]["options"].get("system") for info in infos] == [
        None, "Be brief.", "Be kind.",
    ]  # fmt: skip
    assert {info["mitigation"] for info in infos} == {"none"}
    turns = json.loads(runs[1].samples["messages"].iloc[0])
    assert turns[0] == {"role": "system", "content": "Be brief."}
    with pytest.raises(HarnessError):
        harness.compare(runs[0], runs[1])


@pytest.mark.parametrize(
    ("task", "system", "words"),
    [("med_harm", " ", "system= is empty"),
     ("real_toxicity_prompts", "Be brief.", "for tasks that ask in messages")],
)  # fmt: skip
def test_a_text_that_cannot_be_asked_under_is_refused(tmp_path, task, system, words):
    with pytest.raises(HarnessError, match=words):
        harness.run(task, backend="echo", limit=2, results=tmp_path, system=system)
