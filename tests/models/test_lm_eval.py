from importlib.util import find_spec

import numpy as np
import pytest
from lm_eval.api.model import LM
from lm_eval.api.registry import MODEL_REGISTRY, register_model

from harness.models.hf.model import HuggingFaceModel
from harness.models.lm_eval import LmEvalModel
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

CHAT = (Message("user", "Name a colour."),)
GREEDY = GenerationConfig(max_new_tokens=12)
SAMPLED = GenerationConfig(max_new_tokens=4, temperature=1.0)


def answers(model, requests, settings=GREEDY, seed=0):
    found = [one for part in model.generate(requests, settings, seed) for one in part]
    return sorted(found, key=lambda one: (one.sample_id, one.index))


@pytest.fixture(scope="module")
def theirs(random_weights):
    return LmEvalModel(random_weights())


@pytest.mark.parametrize("bundled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_same_weights_give_the_same_texts_and_weights_as_our_engine(random_weights, bundled):
    name = "smollm2" if bundled else random_weights()
    theirs, ours = LmEvalModel(name), HuggingFaceModel(name)
    requests = [
        Request("a", CHAT),
        Request("b", "The capital of France is"),
        Request("c", CHAT, choices=(" red", " a deep blue")),
        Request("d", "", choices=("He is.", "She was.")),
    ]
    for their, our in zip(answers(theirs, requests), answers(ours, requests), strict=True):
        assert (their.text, their.finish_reason) == (our.text, our.finish_reason)
        their_weights, our_weights = their.choice_logprobs, our.choice_logprobs
        if their.sample_id == "c" and not bundled:
            # lm-eval weighs the line's end before an answer with each choice: here it is improbable
            their_weights, our_weights = (np.diff(one) for one in (their_weights, our_weights))
        assert their_weights == pytest.approx(our_weights, abs=2e-3)
        assert their.choice_greedy == our.choice_greedy
    assert theirs.identity["weights"] == ours.identity["weights"]


def test_what_lm_eval_would_shorten_fails(theirs):
    requests = [
        Request("long", "word " * 2000),
        Request("long choice", "word " * 2000, (0,), ("a",)),
    ]
    assert [one.error for one in answers(theirs, requests)] == [
        "the prompt of 2001 tokens leaves no room in a context of 1024",
        "the prompt of 2001 tokens is longer than a context of 1024",
    ]  # fmt: skip


@pytest.fixture
def odd():
    """A model of lm-eval's that answers some requests only."""

    @register_model("odd-for-test")
    class Odd(LM):
        def __init__(self, batch_size=1, pretrained=None, lost="lost"):
            super().__init__()
            self.lost = lost

        def generate_until(self, requests):
            if any(self.lost in request.args[0] for request in requests):
                raise ConnectionError("went away")
            return ["fine"] * len(requests)

        def loglikelihood(self, requests):
            raise NotImplementedError("no probabilities here")

        loglikelihood_rolling = loglikelihood

    yield
    MODEL_REGISTRY._objs.pop("odd-for-test", None)


def test_a_request_that_raises_costs_the_others_nothing(odd):
    model = LmEvalModel("x", type="odd-for-test", chunk=2)
    found = answers(model, [Request(name, name) for name in ("a", "b lost", "c", "d")])
    assert [one.text for one in found] == ["fine", None, "fine", "fine"]
    assert found[1].error == "ConnectionError: went away"
    assert found[0].finish_reason == "unknown"  # this model cannot say


def test_a_model_that_answers_nothing_ends_the_run(odd):
    model = LmEvalModel("x", type="odd-for-test", args={"lost": ""})
    with pytest.raises(HarnessError, match="answers nothing: ConnectionError: went away"):
        answers(model, [Request(str(number), "a") for number in range(9)])


def test_what_a_type_cannot_do_is_said_before_anything_is_asked(odd):
    with pytest.raises(HarnessError, match="does not: no probabilities here"):
        answers(LmEvalModel("x", type="odd-for-test"), [Request("a", "b", choices=("c",))])
    with pytest.raises(HarnessError, match="takes no seed"):
        answers(LmEvalModel("x", type="odd-for-test"), [Request("a", "b")], SAMPLED)
    chat = LmEvalModel("x", type="local-chat-completions", args={"base_url": "http://127.0.0.1:9"})
    for request, said in (
        (Request("a", CHAT, choices=("b",)), "gives no log-probabilities"),
        (Request("a", "b"), "takes only messages"),
        (Request("a", (*CHAT, Message("assistant", "It"))), "begins the model's answer"),
    ):
        with pytest.raises(HarnessError, match=said):
            answers(chat, [request])
    assert not chat.weighs_choices


def test_a_server_that_is_not_there_ends_the_run():
    args = {"base_url": "http://127.0.0.1:9/v1/chat/completions", "max_retries": 1}
    model = LmEvalModel("x", type="local-chat-completions", args=args)
    with pytest.raises(HarnessError, match="local-chat-completions answers nothing: Connection"):
        answers(model, [Request(str(number), CHAT) for number in range(4)])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"type": "hff"}, "'hff' is none of lm-eval's: .*vllm"),
        ({"args": {"auth_token": "s3cret"}}, "args.auth_token would be written into results"),
        ({"args": {"header": {"a": "b"}}}, "args.header would be"),
        ({"chunk": 0}, "chunk=0 must be at least 1"),
    ],
)
def test_wrong_options_are_said(options, said):
    with pytest.raises(HarnessError, match=said) as raised:
        _ = LmEvalModel("smollm2", **options).identity
    assert "s3cret" not in str(raised.value)


def test_a_model_that_cannot_be_loaded_is_said():
    with pytest.raises(HarnessError, match=r"cannot load backend.type=hf of model '/no/where'"):
        answers(LmEvalModel("x", args={"pretrained": "/no/where"}), [Request("a", "b")])
    if find_spec("vllm"):
        return
    with pytest.raises(HarnessError, match=r"cannot load .*=vllm"):
        answers(LmEvalModel("smollm2", type="vllm"), [Request("a", "b")])


def test_the_name_in_tables_is_the_model_that_is_run():
    assert LmEvalModel("smollm2", args={"pretrained": "a/b"}).name == "a/b"
    assert LmEvalModel("c", type="openai-completions", args={"pretrained": None}).args == {
        "model": "c"
    }
