"""Mitigations inside a model: each kind of hook, on tiny checkpoints."""

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from harness.models.hf.hooks import Hooks
from harness.models.hf.model import HuggingFaceModel
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.statistics.means import Mean
from harness.testing import check_mitigation
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Estimand, Metric
from harness.types.records import Records, Request, Sample, Score
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig

GREEDY = GenerationConfig(max_new_tokens=6)
DRAWN = GenerationConfig(n=2, max_new_tokens=6, temperature=1.0, top_p=0.9)


@pytest.fixture
def tiny(tiny):
    """It is saved once a test: nothing here changes it."""
    return cache(tiny)


class Kind:
    @property
    def identity(self):
        return {"mitigation": type(self).__name__} | {k: str(v) for k, v in vars(self).items()}


@dataclass
class Banned(Kind):
    """A token that is never written, but as the first of an answer."""

    token: int

    def change_logits(self, logits, contexts):
        logits = logits.clone()
        for row, context in enumerate(contexts):
            if context.written:
                logits[row, self.token] = -torch.inf
        return logits


@dataclass
class Steered(Kind):
    """Adds a vector after some layers."""

    layers: tuple[int, ...] = (0,)
    by: float = 2.0

    def change_states(self, states, layer):
        return states + self.by * torch.linspace(-1, 1, states.shape[-1]).to(states)


@dataclass
class ByPrompt(Steered):
    """Adds a vector to what is written after prompts with a high number in one of their tokens."""

    above: float = -10.0
    by_prompt = True

    def prompt_scores(self, states, layer):
        return states[:, 17].float()

    def change_states(self, states, layer, prompt):
        return states + (prompt > self.above).to(states)[:, None] * super().change_states(
            torch.zeros_like(states), layer
        )


@dataclass
class Scaled(Kind):
    """Multiplies the weights of a layer."""

    by: float = 3.0
    name: str = "model.layers.1.mlp.down_proj.weight"

    def change_weights(self, weights):
        return {self.name: weights[self.name] * self.by}


def asked(model, settings=GREEDY, requests=None):
    requests = requests or [
        Request("a", "Once upon a time", tuple(range(settings.n))),
        Request("b", "Once upon", tuple(range(settings.n))),
        Request("c", "The sky is", choices=(" blue", " bleak", " red")),
        Request("d", "The sky is", choices=(" blue", " bl")),
    ]
    return {
        (answer.sample_id, answer.index): answer
        for finished in model.generate(requests, settings, 3)
        for answer in finished
    }


KINDS = {
    "logits": Banned(75), "states": Steered(), "prompt": ByPrompt(layers=(0, 1)),
    "weights": Scaled(),
}  # fmt: skip


@pytest.fixture(params=KINDS)
def mitigation(request, tiny):
    """One of each kind; the banned token is one that the bare model writes."""
    kind = KINDS[request.param]
    if request.param != "logits":
        return kind
    text = asked(HuggingFaceModel(str(tiny())))["a", 0].text
    return Banned(HuggingFaceModel(str(tiny()))._encoder.tokenizer.encode(text)[1])


def test_each_kind_keeps_the_contract(tiny, mitigation):
    check_mitigation(mitigation, HuggingFaceModel(str(tiny())))


def same(one, other):
    assert {key: answer.text for key, answer in one.items()} == {
        key: answer.text for key, answer in other.items()
    }
    for key, answer in one.items():
        if answer.choice_logprobs is not None:
            np.testing.assert_allclose(
                answer.choice_logprobs, other[key].choice_logprobs, rtol=1e-4, atol=1e-4
            )


@pytest.mark.parametrize("settings", [GREEDY, DRAWN], ids=["greedy", "drawn"])
def test_both_ways_to_compute_and_any_batch_give_the_same(tiny, mitigation, settings):
    ours = HuggingFaceModel(str(tiny())).hooked([mitigation])
    answers = asked(ours, settings)
    assert answers != asked(HuggingFaceModel(str(tiny())), settings)
    same(
        answers, asked(HuggingFaceModel(str(tiny()), token_budget=1).hooked([mitigation]), settings)
    )
    loaded = ours.load("float32")
    assert loaded.misfit is None
    loaded.widest = 0  # transformers' own generation takes everything
    same(answers, asked(ours, settings))


def test_a_banned_token_is_not_written_and_has_no_probability(tiny):
    folder = str(tiny())
    encode = HuggingFaceModel(folder)._encoder.tokenizer.encode
    _, second = encode("bl")
    answers = asked(HuggingFaceModel(folder).hooked([Banned(second)]), GREEDY, [
        Request("c", "The sky is", choices=("bl", "bu", "lu")),
    ])  # fmt: skip
    weights = answers["c", 0].choice_logprobs
    assert weights[0] == -np.inf
    assert np.isfinite(weights[1:]).all()


def test_choices_of_no_probability_are_no_answer(tiny):
    requests = [Request("c", "The sky is", choices=("bl", "ul"))]
    second = HuggingFaceModel(str(tiny()))._encoder.tokenizer.encode("l")[0]
    answer = asked(HuggingFaceModel(str(tiny())).hooked([Banned(second)]), GREEDY, requests)["c", 0]
    assert answer.error == "none of the choices has any probability"


class InPlace(Banned):
    """Writes into what it is given."""

    def change_logits(self, logits, contexts):
        logits[:, self.token] -= 1.0
        return logits


def test_a_hook_that_writes_into_what_it_is_given_changes_nothing_else(tiny):
    requests = [
        Request("c", "The sky is", choices=(" blue", " bleak")),
        Request("d", "The sky is b", choices=("lue", "leak")),
        Request("e", "The sky is", choices=(" blue",)),
    ]
    token = HuggingFaceModel(str(tiny()))._encoder.tokenizer.encode("l")[0]
    model = HuggingFaceModel(str(tiny())).hooked([InPlace(token)])
    together = asked(model, GREEDY, requests)
    for request in requests:
        alone = asked(model, GREEDY, [request])
        same(alone, {key: together[key] for key in alone})


def test_an_answer_is_as_long_as_asked_whatever_a_hook_does(tiny):
    class Ending(Kind):
        def change_logits(self, logits, contexts):
            changed = torch.full_like(logits, -torch.inf)
            changed[:, 257] = changed[:, 40] = 0.0
            changed[:, 257] = 1.0
            return changed

    model = HuggingFaceModel(str(tiny())).hooked([Ending()])
    settings = GenerationConfig(max_new_tokens=6, min_new_tokens=4)
    text = asked(model, settings)["a", 0].text
    assert len(text) == 4
    model.load("float32").widest = 0
    assert asked(model, settings)["a", 0].text == text


def test_hooks_act_in_order(tiny):
    model = HuggingFaceModel(str(tiny()))
    more = Steered(by=0.5), Steered(layers=(1,), by=-1.0)
    assert asked(model.hooked(more)) != asked(model.hooked(more[:1]))
    assert asked(model.hooked([Scaled(2.0), Scaled(0.5)])) == asked(model)


def test_the_bare_model_beside_it_stays_as_it_is(tiny, mitigation):
    bare = HuggingFaceModel(str(tiny()))
    before = asked(bare)
    hooked = bare.hooked([mitigation])
    assert asked(hooked) != before
    assert asked(bare) == before
    assert hooked.identity == bare.identity


@pytest.mark.parametrize(
    ("unfit", "reason"),
    [
        (Steered(layers=(0, 2)), r"Steered has layers=\[0, 2\]: .* from 0 to 1"),
        (Steered(layers=()), r"Steered has layers=\[\]"),
    ],
)
def test_layers_that_there_are_not_are_refused_before_anything_is_loaded(tiny, unfit, reason):
    model = HuggingFaceModel(str(tiny()))
    with pytest.raises(HarnessError, match=reason):
        model.hooked([unfit])
    assert not model._in_use


@pytest.mark.parametrize("config", [{"n_layer": 2}, {"text_config": {"num_hidden_layers": 2}}])
def test_the_number_of_layers_is_read_by_each_of_its_names(config):
    Hooks([Steered(layers=(1,))]).check(config, "m")
    with pytest.raises(HarnessError, match="from 0 to 1 in model='m'"):
        Hooks([Steered(layers=(2,))]).check(config, "m")


class Narrow(Steered):
    def change_states(self, states, layer):
        return states[:, :-1]


class Unfit(Steered):
    def change_states(self, states, layer):
        return states + torch.ones(7)


class Unread(ByPrompt):
    prompt_scores = None


class Nothing(Scaled):
    def change_weights(self, weights):
        return {}


class Strange(Scaled):
    def change_weights(self, weights):
        return {"model.nothing": torch.ones(2)}


class Short(Scaled):
    def change_weights(self, weights):
        return {self.name: weights[self.name][:-1]}


class FewLogits(Kind):
    def change_logits(self, logits, contexts):
        return logits[:, :3]


@pytest.mark.parametrize(
    ("unfit", "reason"),
    [
        (Narrow(), r"Narrow: change_states gave \(1, 31\) for a tensor of shape \(1, 32\)"),
        (Unfit(), r"Unfit: change_states does not fit this model \(RuntimeError"),
        (Unread(), r"Unread: change_states does not fit this model \(TypeError"),
        (Nothing(), "Nothing changes none of the weights"),
        (Strange(), r"'model.nothing' of shape \(2,\); .* has no such weight"),
        (Short(), r"of shape \(31, 32\); .* has \(32, 32\) there"),
        (Scaled(name="lm"), r"change_weights does not fit this model \(KeyError: 'lm'\)"),
        (FewLogits(), r"change_logits gave \(\d, 3\) for"),
    ],
)
def test_a_hook_that_does_not_fit_is_refused_in_one_sentence(tiny, unfit, reason):
    with pytest.raises(HarnessError, match=reason):
        asked(HuggingFaceModel(str(tiny())).hooked([unfit]))


class Texts:
    """Six texts to be continued."""

    name = "texts"
    version = "1"
    estimands = (Estimand("length", "length", Mean()),)

    def records(self):
        return Records("starter", [{"n": n} for n in range(6)])

    def samples(self, records):
        return [Sample(f"s{row['n']}", "Once upon a time " * row["n"]) for row in records.rows]


class Length:
    metrics = MappingProxyType({"length": Metric(0.0, 1000.0, Direction.LOWER)})
    identity = MappingProxyType({"version": "1"})

    def score(self, samples, generations):
        return [[Score("length", float(len(g.text)))] for g in generations]


def texts(tmp_path, folder, mitigation, name, progress, limits):
    for limit in limits:
        result = run(
            Plan(
                task=Texts(), model=HuggingFaceModel(str(folder)),
                scorers=ScorerRegistry({"length": Length()}), generation=DRAWN, protocol="fast",
                seed=0, results=tmp_path / name, options={}, limit=limit, mitigation=mitigation,
                mitigation_name="kind",
            ),
            progress,
        )  # fmt: skip
    rows = pq.ParquetDataset(result.folder / "generations").read().to_pylist()
    return result, {(row["sample_id"], row["index"]): row["text"] for row in rows}


def test_a_resumed_run_equals_an_unbroken_one(tiny, tmp_path, no_progress, mitigation):
    folder = tiny()
    result, parts = texts(tmp_path, folder, mitigation, "parts", no_progress, (2, 5, None))
    _, whole = texts(tmp_path, folder, mitigation, "whole", no_progress, (None,))
    assert parts == whole
    identity, bare = result.info["identity"], HuggingFaceModel(str(folder)).identity
    assert (identity["model"], identity["mitigation"]) == (bare, mitigation.identity)
    assert result.info["sessions"][-1]["device"] is not None


def largest(tiny, prompt):
    """The number that decides, of a prompt alone, by transformers' own forward."""
    model = HuggingFaceModel(str(tiny()))
    loaded = model.load("float32")
    tokens = loaded.tokens(Request("x", prompt))[0]
    with torch.inference_mode():
        states = loaded.model(torch.tensor([tokens]), output_hidden_states=True).hidden_states[1]
    return float(states[0, :, 17].max())


@pytest.mark.parametrize("settings", [GREEDY, DRAWN], ids=["greedy", "drawn"])
@pytest.mark.parametrize("ours", [True, False], ids=["ours", "transformers"])
def test_steering_by_prompt_changes_the_answers_of_just_the_prompts_above_it(tiny, settings, ours):
    beginning = "Once upon a time there was a king who had a "
    prompts = [beginning + word for word in ("dog", "cat", "dig", "zebra", "quiz", "fox")]
    decides = [largest(tiny, prompt) for prompt in prompts]
    middle = float(np.sort(decides)[3:5].mean())
    assert min(abs(np.array(decides) - middle)) > 1e-6
    requests = [Request(prompt, prompt, tuple(range(settings.n))) for prompt in prompts]
    requests += [Request(prompt + "?", prompt, choices=(" blue", " bleak")) for prompt in prompts]

    def answers(*mitigations):
        model = HuggingFaceModel(str(tiny())).hooked(mitigations)
        if not ours:
            model.load("float32").widest = 0
        return asked(model, settings, requests)

    bare, gated = answers(), answers(ByPrompt(by=9.0, above=middle))
    for prompt, number in zip(prompts, decides, strict=True):
        for index in range(settings.n):
            changed = gated[prompt, index].text != bare[prompt, index].text
            assert changed == (number > middle)
        logprobs = [x[prompt + "?", 0].choice_logprobs for x in (gated, bare)]
        assert np.allclose(*logprobs, atol=1e-4) == (number <= middle)


def test_the_same_tokens_after_different_prompts_are_weighed_apart(tiny):
    requests = [
        Request("short", "The sky is b", choices=("lue", "leak")),
        Request("long", "The sky is bl", choices=("ue", "eak")),
    ]
    short, long = (largest(tiny, request.prompt) for request in requests)
    model = HuggingFaceModel(str(tiny())).hooked([ByPrompt(by=9.0, above=(short + long) / 2)])
    together = asked(model, GREEDY, requests)
    for request in requests:
        alone = asked(model, GREEDY, [request])
        same(alone, {key: together[key] for key in alone})


def test_what_an_earlier_call_began_with_decides_as_it_did_then(tiny):
    beginning = "Once upon a time there was a king who had a "
    model = HuggingFaceModel(str(tiny())).hooked([ByPrompt(by=9.0, above=-100.0)])
    decides = largest(tiny, beginning)
    ends = [w for w in ("dog", "cat", "dig", "zebra") if largest(tiny, beginning + w) <= decides]
    assert len(ends) >= 2, "the number that decides must stand in what is shared"
    above = ByPrompt(by=9.0, above=decides - 1e-4)
    model = HuggingFaceModel(str(tiny())).hooked([above])
    requests = [Request(word, beginning + word) for word in ends]
    first = asked(model, GREEDY, requests)
    assert len(model.load("float32").beginnings)
    same(first, asked(model, GREEDY, requests))
