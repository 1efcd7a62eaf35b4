"""A guard behind a model: what it lets through, what it draws again, and what it replaces."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.mitigations.agents.agents import Agents
from harness.mitigations.answers.guard import REFUSAL, Guard
from harness.mitigations.prompts.system_prompt import SystemPrompt
from harness.models.echo import EchoModel
from harness.models.hf.model import HuggingFaceModel
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.statistics.means import Mean
from harness.testing import check_mitigation
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Estimand, Metric
from harness.types.mitigations import Stack
from harness.types.records import Generation, Message, Records, Request, Sample, Score
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig

DRAWN = GenerationConfig(n=3, max_new_tokens=6, temperature=1.0)


class Even:
    """1 where the number of characters is even; cannot read what holds a question mark."""

    metrics = MappingProxyType({"even": Metric(0.0, 1.0, Direction.LOWER)})
    identity = MappingProxyType({"scorer": "even"})

    def score(self, samples, generations):
        return [
            [Score.missing("even", "a question")] if "?" in g.text
            else [Score("even", float(len(g.text) % 2 == 0))]
            for g in generations
        ]  # fmt: skip


class Said:
    """Gives each request the answers of a list, one for each time that it is asked."""

    weighs_choices = True
    name = "said"
    identity = MappingProxyType({"model": "said"})

    def __init__(self, *texts):
        self.texts, self.calls = texts, []

    def generate(self, requests, generation, seed):
        for request in requests:
            self.calls.append((request.sample_id, request.indices))
            times = sum(name.split("\x1e")[0] == request.sample_id.split("\x1e")[0]
                        for name, _ in self.calls)  # fmt: skip
            text = self.texts[min(times, len(self.texts)) - 1]
            for index in request.indices:
                if request.choices:
                    yield [Generation(request.sample_id, index, None, "choices", 1, 1, (-1.0,))]
                else:
                    yield [Generation(request.sample_id, index, text, "stop", 5, 2)]


def answers(model, requests, settings=DRAWN):
    return {(a.sample_id, a.index): a for part in model.generate(requests, settings, 0)
            for a in part}  # fmt: skip


def texts(found):
    return {key: answer.text for key, answer in found.items()}


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_guard_that_never_fires_gives_the_unmitigated_texts(random_weights, temperature):
    model = HuggingFaceModel(random_weights())
    settings = replace(DRAWN, temperature=temperature)
    requests = [Request(name, f"Once {name}", (0, 1, 2)) for name in "abc"]
    requests.append(Request("d", "The sky is", choices=(" blue", " red")))
    metric = MappingProxyType({"even": Metric(0.0, 2.0, Direction.LOWER)})
    scorer = type("Never", (Even,), {"metrics": metric, "score": lambda self, s, g: [
        [Score("even", 1.0)] for _ in g]})()  # fmt: skip
    bare = answers(model, requests, settings)
    guarded = answers(Guard(scorer, 2.0, draws=2 * bool(temperature)).wrap(model), requests,
                      settings)  # fmt: skip
    assert {key: replace(answer, noted=None) for key, answer in guarded.items()} == bare


def test_what_is_unsafe_is_replaced_and_what_is_safe_is_not():
    found = answers(Guard(Even(), 1.0).wrap(Said("odd")), [Request("a", "?")])
    assert texts(found) == {("a", 0): "odd"}
    found = answers(Guard(Even(), 1.0).wrap(Said("even")), [Request("a", "?")])
    assert texts(found) == {("a", 0): REFUSAL}
    assert found["a", 0].noted == {
        "replaced": 1.0, "not_read": 0.0, "calls": 1.0, "call_tokens": 7.0
    }  # fmt: skip


def test_a_metric_that_is_better_high_is_unsafe_from_the_threshold_down():
    metric = MappingProxyType({"even": Metric(0.0, 1.0, Direction.HIGHER)})
    scorer = type("High", (Even,), {"metrics": metric})()
    found = answers(Guard(scorer, 0.5).wrap(Said("odd")), [Request("a", "?")])
    assert texts(found) == {("a", 0): REFUSAL}


def test_an_unsafe_answer_is_drawn_again_with_noise_of_its_own_and_every_call_counts():
    model = Said("even", "also", "odd")
    found = answers(Guard(Even(), 1.0, draws=4).wrap(model), [Request("a", "?", (0,))])
    assert texts(found) == {("a", 0): "odd"}
    assert found["a", 0].noted["calls"] == 3
    assert found["a", 0].noted["call_tokens"] == 21
    assert len({name for name, _ in model.calls}) == 3


def test_only_what_was_unsafe_is_drawn_again(random_weights):
    model = HuggingFaceModel(random_weights())
    requests = [Request(name, f"Once {name}", (0, 1, 2)) for name in "abcd"]
    bare = answers(model, requests)
    found = answers(Guard(Even(), 1.0, draws=3).wrap(model), requests)
    kept = {key for key, answer in bare.items() if "?" not in answer.text
            and len(answer.text) % 2}  # fmt: skip
    assert kept
    assert kept < bare.keys()
    assert all(found[key].text == bare[key].text for key in kept)
    assert all(found[key].noted["calls"] > 1 for key in bare.keys() - kept)
    again = answers(Guard(Even(), 1.0, draws=3).wrap(model), requests[::-1])
    one = answers(Guard(Even(), 1.0, draws=3).wrap(model), [replace(requests[1], indices=(2,))])
    assert again == found
    assert one["b", 2] == found["b", 2]


def test_what_cannot_be_read_never_passes():
    model = Said("Why?")
    replaced = answers(Guard(Even(), 1.0).wrap(model), [Request("a", "?")])["a", 0]
    assert replaced.text == REFUSAL
    assert replaced.noted["not_read"] == 1
    failed = answers(Guard(Even(), 1.0, missing="fail").wrap(model), [Request("a", "?")])["a", 0]
    assert failed.text is None
    assert failed.error == "the guard could not read the answer: a question"
    with pytest.raises(HarnessError, match=r"mitigation\.missing='pass' is not one of"):
        Guard(Even(), 1.0, missing="pass")


def test_a_scorer_that_raises_lets_nothing_pass():
    def score(self, samples, generations):
        raise ValueError("boom")

    guard = Guard(type("Broken", (Even,), {"score": score})(), 1.0)
    assert texts(answers(guard.wrap(Said("odd")), [Request("a", "?")])) == {("a", 0): REFUSAL}


def test_a_failure_and_a_withheld_answer_stay_what_they_are():
    model = EchoModel(fail=["a"])
    found = answers(Guard(Even(), 0.0).wrap(model), [Request("a", "one two")])["a", 0]
    assert found.error == "told to fail"


def test_what_is_the_same_each_time_is_not_drawn_again():
    guard = Guard(Even(), 1.0, draws=2).wrap(EchoModel())
    with pytest.raises(HarnessError, match=r"draws=2: at generation.temperature=0 each draw"):
        answers(guard, [Request("a", "?")], GenerationConfig())
    weighed = [Request("a", "?", choices=(" yes", " no"))]  # nothing is written, nor drawn
    assert answers(guard, weighed, GenerationConfig())["a", 0].choice_logprobs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 2.0}, r"threshold=2\.0 is outside the range of even, 0 to 1"),
        ({"threshold": 0.5, "metric": "odd"}, r"metric='odd' is none of the scorer's: even"),
        ({"threshold": 0.5, "draws": -1}, r"draws=-1 must be 0 or more"),
        ({"threshold": 0.5, "refusal": " "}, r"refusal is empty"),
    ],
)
def test_a_wrong_option_is_one_sentence_before_a_model_loads(options, message):
    with pytest.raises(HarnessError, match=message):
        Guard(Even(), **options)


def test_guards_keep_the_contract_of_mitigations():
    check_mitigation(Guard(Even(), 1.0))
    check_mitigation(Guard(Even(), 0.0, missing="fail"))


class Questions:
    """Six texts to be continued."""

    name, version = "questions", "1"
    estimands = (Estimand("even", "even", Mean()),)

    def records(self):
        return Records("starter", [{"n": n} for n in range(6)])

    def samples(self, records):
        return [Sample(f"s{row['n']}", f"Go on {'x' * row['n']}") for row in records.rows]


def plan(results, mitigation, name="guard", **changed):
    given = {
        "task": Questions(), "model": EchoModel(), "scorers": ScorerRegistry({"even": Even()}),
        "generation": GenerationConfig(n=2), "protocol": "fast", "seed": 0, "results": results,
        "options": {},
    }  # fmt: skip
    return Plan(**given | changed, mitigation=mitigation, mitigation_name=name)


def test_the_share_replaced_stands_in_the_tables(tmp_path, no_progress):
    result = run(plan(tmp_path, Guard(Even(), 1.0, refusal="odd")), no_progress)
    rows = {row["name"]: row for row in result.estimates.to_pylist()}
    assert rows["replaced"]["estimate"] == 0.5
    assert rows["calls"]["estimate"] == 1
    assert rows["even"]["estimate"] == 0
    assert rows["replaced"]["validity"] == "read off, not judged"
    noted = pq.ParquetDataset(result.folder / "generations").read().column("noted").to_pylist()
    assert sum(dict(one)["replaced"] for one in noted) == 6
    assert result.info["made_for"] == ["harm", "toxicity"]
    assert result.info["unmeasured"] == 0


def test_a_guarded_run_goes_on_where_it_stopped(tmp_path, no_progress):
    whole = run(plan(tmp_path / "a", Guard(Even(), 1.0)), no_progress)
    run(plan(tmp_path / "b", Guard(Even(), 1.0), limit=2), no_progress)
    resumed = run(plan(tmp_path / "b", Guard(Even(), 1.0)), no_progress)
    assert resumed.estimates.equals(whole.estimates)


def test_a_guarded_run_and_its_base_are_never_one(tmp_path, no_progress):
    bare = run(plan(tmp_path, None, "none"), no_progress)
    guarded = run(plan(tmp_path, Guard(Even(), 1.0)), no_progress)
    other = run(plan(tmp_path, Guard(Even(), 0.9)), no_progress)
    assert len({bare.folder, guarded.folder, other.folder}) == 3


def test_prompts_and_guards_stack_and_calls_within_calls_multiply(tmp_path):
    stack = Stack({
        "outer": Guard(Even(), 1.0, draws=1), "prompt": SystemPrompt("Odd."),
        "inner": Guard(Even(), 1.0, draws=2),
    })  # fmt: skip
    assert stack.reports["calls"].high == 6
    assert stack.made_for == ["harm", "toxicity"]
    model = Said("even", "even", "even", "even", "odd")
    asked = plan(tmp_path, stack, model=model, generation=DRAWN).asked_model
    found = answers(asked, [Request("a", (Message("user", "?"),))])["a", 0]
    assert found.text == "odd"
    assert found.noted["calls"] == 5
    assert len({name for name, _ in model.calls}) == 5
    assert np.isclose(found.noted["call_tokens"], 35)


def test_what_a_guard_further_in_replaced_stays_replaced():
    inner = Guard(Even(), 1.0, refusal="odd").wrap(Said("even"))
    found = answers(Guard(Even(), 1.0).wrap(inner), [Request("a", "?")])["a", 0]
    assert (found.text, found.noted["replaced"]) == ("odd", 1.0)


@pytest.mark.parametrize(
    "mitigation", [Guard(Even(), 1.0), Agents(helper_tokens=4)], ids=["guard", "agents"]
)
def test_what_is_stopped_half_way_ends_in_the_same_tables(tmp_path, no_progress, mitigation):
    whole = run(plan(tmp_path / "a", mitigation), no_progress)

    class Stopping(EchoModel):
        def generate(self, requests, generation, seed):
            for number, part in enumerate(super().generate(requests[:4], generation, seed)):
                yield part
                if number == 0 and len(requests) > 4:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(plan(tmp_path / "b", mitigation, model=Stopping()), no_progress)
    resumed = run(plan(tmp_path / "b", mitigation), no_progress)
    assert resumed.estimates.equals(whole.estimates)
    assert resumed.folder.name == whole.folder.name
