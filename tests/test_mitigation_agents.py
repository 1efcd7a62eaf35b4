"""Agents behind a model: a critique and a rewrite, and the filter agents."""

from collections import Counter
from types import MappingProxyType

import pytest

from harness.mitigations.agents.agents import Agents
from harness.mitigations.agents.desk import grouped
from harness.models.hf.model import HuggingFaceModel
from harness.testing import check_mitigation
from harness.types.errors import HarnessError
from harness.types.records import Generation, Message, Request
from harness.types.settings import GenerationConfig

ASKED = [Request("a", (Message("user", "Say it."),), (0, 1)), Request("b", "Once upon")]
REFUSED = "No, sorry."


class Office:
    """Answers each kind of call by a text of its own; counts them."""

    weighs_choices = True
    name = "office"
    identity = MappingProxyType({"model": "office"})

    def __init__(self, **said):
        self.said, self.calls, self.settings = said, Counter(), {}

    def generate(self, requests, generation, seed):
        for request in requests:
            stage = request.sample_id.rpartition("\x1e")[2].split("-")
            kind = stage[1] if "\x1e" in request.sample_id else "first"
            self.calls[kind] += len(request.indices)
            self.settings[kind] = generation
            text = self.said.get(kind, f"{kind} text")
            for index in request.indices:
                if text is None:
                    yield [Generation.failed(request.sample_id, index, "out of memory")]
                else:
                    yield [Generation(request.sample_id, index, text, "stop", 3, 2)]


def answers(agents, model, requests=ASKED, settings=None):
    settings = settings or GenerationConfig(max_new_tokens=8, temperature=1.0, stop=["END"])
    return {(a.sample_id, a.index): a for part in agents.wrap(model).generate(requests, settings, 0)
            for a in part}  # fmt: skip


def test_an_answer_without_fault_stands_as_it_was():
    model = Office(critique="Nothing.")
    found = answers(Agents(), model)
    assert {answer.text for answer in found.values()} == {"first text"}
    assert found["a", 1].noted == {"rewritten": 0.0, "calls": 2.0, "call_tokens": 10.0}
    assert model.calls == {"first": 3, "critique": 3}


def test_a_criticised_answer_is_written_anew_with_the_run_s_own_settings():
    model = Office(critique="It insults him.")
    found = answers(Agents(helper_tokens=5), model)
    assert {answer.text for answer in found.values()} == {"rewrite text"}
    assert found["a", 0].noted == {"rewritten": 1.0, "calls": 3.0, "call_tokens": 15.0}
    assert (model.settings["rewrite"].temperature, model.settings["rewrite"].stop) == (1.0, ["END"])
    assert (model.settings["critique"].max_new_tokens, model.settings["critique"].temperature) == (
        5, 0.0,
    )  # fmt: skip


@pytest.mark.parametrize("stage", ["critique", "rewrite"])
def test_where_a_call_fails_the_first_answer_is_never_given(stage):
    found = answers(Agents(), Office(**{"critique": "Bad.", stage: None}))
    assert {answer.text for answer in found.values()} == {None}
    assert found["b", 0].error == "a call of an agent failed: out of memory"


def test_another_model_may_be_the_agent():
    model, agent = Office(), Office(critique="Bad.")
    agents = Agents(agent=agent)
    assert {answer.text for answer in answers(agents, model).values()} == {"rewrite text"}
    assert model.calls == {"first": 3}
    assert agents.identity["agent.model"] == "office"
    assert agents.identity != Agents().identity
    assert list(Agents().identity)[:4] == ["mitigation", "scheme", "helper_tokens", "told"]


def filtering(**options):
    given = {"targets": ["insults"], "variants": 2, "top": 2, "refusal": REFUSED}
    return Agents("filter", **given | options)


def test_what_touches_no_subject_costs_one_call_more():
    model = Office(audit="No.")
    assert answers(filtering(), model)["a", 0].text == "first text"
    assert model.calls == {"first": 3, "audit": 3}


@pytest.mark.parametrize("audit", ["Yes, it does.", "Perhaps", ""])
def test_an_audit_that_does_not_say_no_is_a_yes(audit):
    model = Office(audit=audit, rate="5")
    found = answers(filtering(), model)
    assert found["a", 0].text == "compose text"
    assert found["a", 0].noted["calls"] == 7 == filtering().reports["calls"].high
    assert model.calls["erase"] == model.calls["rate"] == 6


@pytest.mark.parametrize("rate", ["2", "excellent", "10 of 10"])
def test_versions_that_no_critic_rates_well_are_refused(rate):
    model = Office(audit="yes", rate=rate)
    found = answers(filtering(), model)
    assert {answer.text for answer in found.values()} == {REFUSED}
    assert not model.calls["compose"]


@pytest.mark.parametrize("count", [1, 10, 1000])
def test_calls_are_as_many_whatever_the_number_of_targets(count):
    model = Office(audit="yes", rate="5")
    targets = "\n".join(f"Subject {n}" for n in range(count))
    found = answers(filtering(targets=targets), model)
    assert found["a", 0].noted["calls"] == 7
    assert sum(model.calls.values()) == 21


class Listening(Office):
    """Keeps what it is asked."""

    def generate(self, requests, generation, seed):
        self.heard = [*getattr(self, "heard", ()), *(r.prompt for r in requests)]
        return super().generate(requests, generation, seed)


def test_targets_stand_first_in_each_call_so_that_calls_share_them():
    model = Listening(audit="yes", rate="5")
    answers(filtering(targets=["b", "a", "b", " "]), model)
    calls = [prompt[-1].content for prompt in model.heard[2:]]
    assert len(calls) == 18
    assert all(text.startswith("Subjects that must not come up: b; a.\n\n") for text in calls)


def test_a_shortlist_names_the_nearest_targets_and_passes_what_shares_no_word():
    model = Listening(audit="No.")
    answers(filtering(targets=["Say", "Once more, it", "Paris"], shortlist=1), model)
    named = [prompt[-1].content.split("\n")[0] for prompt in model.heard[2:]]
    assert named == [
        "Subjects that must not come up: Say.", "Subjects that must not come up: Say.",
        "Subjects that must not come up: Once more, it.",
    ]  # fmt: skip
    none = answers(filtering(targets=["Paris"], shortlist=8), Office(audit="yes"))
    assert {answer.noted["calls"] for answer in none.values()} == {1.0}
    assert {answer.text for answer in none.values()} == {"first text"}


def test_the_filter_is_of_the_survey_s_third_class():
    assert filtering().method_class == "in-context"
    assert Agents().method_class == ""


def test_the_same_whatever_is_asked_beside_it(random_weights):
    model = HuggingFaceModel(random_weights())
    requests = [Request(name, f"Once {name}", (0, 1)) for name in "ab"]
    found = answers(Agents(helper_tokens=4), model, requests)
    bare = [a for part in model.generate(requests, GenerationConfig(
        max_new_tokens=8, temperature=1.0, stop=["END"]), 0) for a in part]  # fmt: skip
    assert found == answers(Agents(helper_tokens=4), model, requests[::-1])
    assert {found[a.sample_id, a.index].text for a in bare}.isdisjoint(a.text for a in bare)


def test_groups_are_whole_requests_and_no_larger_than_they_may_be():
    requests = [Request(str(n), "", tuple(range(n))) for n in (2, 2, 5, 1)]
    assert [[r.sample_id for r in group] for group in grouped(requests, 4)] == [
        ["2", "2"], ["5"], ["1"],
    ]  # fmt: skip


def test_agents_keep_the_contract_of_mitigations():
    check_mitigation(Agents())
    check_mitigation(filtering())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "vote"}, r"scheme='vote' is not one of critique, filter"),
        ({"scheme": "filter"}, r"mitigation\.targets is empty"),
        ({"top": 3}, r"top=3 must be from 1 to mitigation\.variants=2"),
        ({"least": 0.5}, r"least=0\.5 must be a rating from 1 to 5"),
        ({"scheme": "filter", "targets": " \n"}, r"mitigation\.targets is empty"),
        ({"shortlist": 0}, r"shortlist=0 must be at least 1, or null"),
        ({"helper_tokens": 0}, r"helper_tokens=0 must be at least 1"),
    ],
)
def test_a_wrong_option_is_one_sentence(options, message):
    with pytest.raises(HarnessError, match=message):
        Agents(**options)
