from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

import pyarrow.parquet as pq
import pytest

from harness.command.overrides import with_stacks
from harness.mitigations.prompts.system_prompt import SystemPrompt
from harness.models.echo import EchoModel
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.runs.requests import requests_of
from harness.statistics.means import Mean
from harness.testing import check_mitigation
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Estimand, Metric
from harness.types.mitigations import Stack
from harness.types.plugins import Model
from harness.types.records import Message, Records, Request, Sample, Score
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig


def test_it_stands_before_the_task_s_own():
    prompt = (Message("system", "Be brief."), Message("user", "Why?"))
    changed = SystemPrompt("Be careful.").apply(Request("a", prompt))
    assert changed.prompt[0] == Message("system", "Be careful.\n\nBe brief.")
    assert changed.prompt[1:] == prompt[1:]


def test_text_that_is_continued_has_it_in_front():
    assert SystemPrompt("Be careful.").apply(Request("a", "Once")).prompt == "Be careful.\n\nOnce"


def test_an_empty_one_is_refused():
    with pytest.raises(HarnessError, match=r"mitigation\.text is empty"):
        SystemPrompt(" ").apply(Request("a", "Once"))


def test_a_stack_changes_requests_in_its_order():
    stack = Stack({"a": SystemPrompt("A."), "b": SystemPrompt("B.")})
    assert requests_of(Sample("s", "Once"), (0,), stack)[0].prompt == "B.\n\nA.\n\nOnce"
    assert stack.name == "a+b"


def test_the_order_of_a_stack_is_part_of_its_identity():
    first, second = SystemPrompt("A."), SystemPrompt("B.", keep=True)
    identity = Stack({"a": first, "b": second}).identity
    assert identity == {
        "1.mitigation": "system_prompt", "1.text": "A.",
        "2.mitigation": "system_prompt", "2.text": "B.", "2.keep": "true",
    }  # fmt: skip
    assert identity != Stack({"b": second, "a": first}).identity


def test_a_stack_keeps_a_vendor_s_text_where_one_of_it_does():
    assert Stack({"a": SystemPrompt("A."), "b": SystemPrompt("B.", keep=True)}).keep
    assert not Stack({"a": SystemPrompt("A.")}).keep


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ("mitigation=a", ["mitigation=a"]),
        ("mitigation=[a]", ["mitigation=a"]),
        ("mitigation=[]", ["mitigation=none"]),
        (
            "mitigation=['a', 'b']",
            ["mitigation=none", "+mitigation@mitigations.a=a", "+mitigation@mitigations.b=b"],
        ),
    ],
)
def test_a_list_of_mitigations_becomes_a_group_each(given, arguments):
    assert with_stacks([given, "limit=3"]) == [*arguments, "limit=3"]


@pytest.mark.parametrize("listed", ["a,a", "none,a"])
def test_a_list_that_is_no_stack_is_refused(listed):
    with pytest.raises(HarnessError, match="must list different mitigations"):
        with_stacks([f"mitigation=[{listed}]"])


@dataclass(frozen=True)
class Appended:
    """Puts a text behind each answer."""

    text: str

    @property
    def identity(self):
        return {"mitigation": "appended", "text": self.text}

    def wrap(self, model):
        return Answering(model, self.text)


@dataclass(frozen=True)
class Answering:
    model: Model
    text: str

    name = "answering"

    @property
    def weighs_choices(self):
        return self.model.weighs_choices

    @property
    def identity(self):
        return self.model.identity

    def generate(self, requests, generation, seed):
        for answers in self.model.generate(requests, generation, seed):
            yield [a if a.text is None else replace(a, text=a.text + self.text) for a in answers]


class Hooked:
    """Would change logits."""

    identity: ClassVar = {"mitigation": "hooked"}

    def change_logits(self, logits, contexts):
        return logits


class Idle:
    identity: ClassVar = {"mitigation": "idle"}


class Questions:
    """Three texts to be continued."""

    name = "questions"
    version = "1"
    estimands = (Estimand("length", "length", Mean()),)

    def records(self):
        return Records("starter", [{"n": n} for n in range(3)])

    def samples(self, records):
        return [Sample(f"s{row['n']}", f"Question {row['n']}:") for row in records.rows]


class Length:
    """Counts characters, up to a thousand."""

    metrics = MappingProxyType({"length": Metric(0.0, 1000.0, Direction.LOWER)})
    identity = MappingProxyType({"version": "1"})

    def score(self, samples, generations):
        return [[Score("length", float(len(g.text)))] for g in generations]


def plan_of(tmp_path, mitigation, name="a", **changed):
    given = {
        "task": Questions(),
        "model": EchoModel(),
        "scorers": ScorerRegistry({"length": Length()}),
        "generation": GenerationConfig(),
        "protocol": "fast",
        "seed": 0,
        "results": tmp_path,
        "options": {},
    }
    return Plan(**given | changed, mitigation=mitigation, mitigation_name=name)


def test_a_wrap_answers_for_the_model_and_the_run_keeps_both_identities(tmp_path, no_progress):
    bare = run(plan_of(tmp_path, None, "none"), no_progress)
    wrapped = run(plan_of(tmp_path, Appended(" (B)")), no_progress)
    texts = [
        pq.ParquetDataset(result.folder / "generations").read().column("text").to_pylist()
        for result in (bare, wrapped)
    ]
    assert texts[1] == [f"{text} (B)" for text in texts[0]]
    identity = wrapped.info["identity"]
    assert identity["model"] == bare.info["identity"]["model"]
    assert identity["mitigation"] == {"mitigation": "appended", "text": " (B)"}
    assert wrapped.info["first_prompt"]["given_to"] == "a"
    assert "Prompts stand as mitigation a is given them" in wrapped.info["notes"][0]
    assert not bare.info["notes"]


def test_the_first_of_two_wraps_stands_outermost(tmp_path):
    plan = plan_of(tmp_path, Stack({"a": Appended("a"), "b": Appended("b")}))
    ((answer,),) = plan.asked_model.generate([Request("s", "Once")], GenerationConfig(), 0)
    assert answer.text.endswith("ba")


def test_a_wrap_keeps_the_contract_of_models():
    check_mitigation(Appended(" Take care."))
    check_mitigation(Appended(" Take care."), EchoModel())


def test_a_model_without_hooks_refuses_what_hooks_it(tmp_path):
    with pytest.raises(HarnessError, match=r"Hooked acts inside .*EchoModel .* has no hooks"):
        plan_of(tmp_path, Hooked())
    with pytest.raises(AssertionError, match="checked on a model that has hooks"):
        check_mitigation(Hooked())


def test_a_mitigation_that_acts_nowhere_is_refused(tmp_path):
    with pytest.raises(HarnessError, match="Idle has no method by which it acts"):
        plan_of(tmp_path, Idle())
    with pytest.raises(AssertionError, match="acts by apply, wrap"):
        check_mitigation(Idle())
