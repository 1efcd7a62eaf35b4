"""Mitigations of the next token on a served model, against a server of ours on loopback."""

import json
import math

import numpy as np
import pytest
from aiohttp import web

from harness.mitigations.decoding.contrastive import Contrastive
from harness.mitigations.decoding.experts import Experts
from harness.mitigations.decoding.gedi import GeDi
from harness.mitigations.decoding.self_debias import SelfDebias
from harness.mitigations.decoding.vocabulary_shift import VocabularyShift
from harness.mitigations.decoding.word_filter import WordFilter
from harness.models.openai.model import ServedModel
from harness.models.openai.stepping import choose
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

GREEDY = GenerationConfig(max_new_tokens=4)
DRAWN = GenerationConfig(n=2, max_new_tokens=4, temperature=1.0, top_p=0.95)


def likely(prompt):
    """The next token's distribution: by whether the text is described as bad, and its last word."""
    if prompt.endswith((" fool", " friend")):
        return {"</s>": 0.7, " and": 0.2}
    bad = prompt.startswith("Bad:")
    return {" fool": 0.7, " friend": 0.1} if bad else {" fool": 0.5, " friend": 0.3, " you": 0.1}


class Server:
    def __init__(self):
        self.bodies = []

    async def answer(self, request):
        body = await request.json()
        self.bodies.append(body)
        weights = {token: math.log(p) for token, p in likely(body["prompt"]).items()}
        choice = {"index": 0, "finish_reason": "length", "text": next(iter(weights)),
                  "logprobs": {"top_logprobs": [weights]}}  # fmt: skip
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        return web.json_response({"id": "1", "object": "text_completion", "created": 1,
                                  "model": "m", "choices": [choice], "usage": usage})  # fmt: skip


@pytest.fixture
def served(serving):
    """A served model and its server."""
    server = Server()
    with serving({"POST /v1/completions": server.answer}) as address:
        yield ServedModel("m", f"{address}/v1", top_logprobs=3, retries=0), server


def written(model, settings=GREEDY, prompts=("You are a",)):
    requests = [Request(prompt, prompt, tuple(range(settings.n))) for prompt in prompts]
    return {
        (answer.sample_id, answer.index): answer.text
        for some in model.generate(requests, settings, 0)
        for answer in some
    }


@pytest.mark.parametrize(
    ("mitigation", "text"),
    [
        (WordFilter(""), " fool"),
        (WordFilter("fool"), " friend"),
        (VocabularyShift("fool\t1.0", 0.0), " fool"),
        (VocabularyShift("fool\t1.0", 1.0), " friend"),  # .5 / e is less than .3
        (SelfDebias(("Bad:",), 0.0), " fool"),
        (SelfDebias(("Bad:",), 10.0), " friend"),  # .5 exp(-10 * .2) is less than .3
        (Contrastive("Bad:", 0.0), " fool"),
        (Contrastive("Bad:", 1.0), " friend"),  # .5 ** 2 / .7 is less than .3 ** 2 / .1
    ],
)
def test_a_token_is_chosen_among_those_that_the_server_lists(served, mitigation, text):
    model, _ = served
    assert written(model.hooked([mitigation])) == {("You are a", 0): text}


def test_it_says_which_share_of_the_probability_it_saw(served):
    model, server = served
    stepping = model.hooked([WordFilter("fool")])
    assert not stepping.notes
    written(stepping)
    assert stepping.remarks["share_of_probability_seen"] == {"mean": 0.9, "least": 0.9}
    assert "they held 0.900 of the probability on average" in stepping.notes[-1]
    assert stepping.identity == {**model.identity, "chosen_among": "3"}
    assert json.dumps(server.bodies[0]).count('"max_tokens": 1') == 1


def test_what_is_drawn_is_keyed_and_a_failure_keeps_its_row(served):
    model, _ = served
    one = written(model.hooked([WordFilter("")]), DRAWN, ("You are a", "He is a"))
    part = written(model.hooked([WordFilter("")]), DRAWN, ("He is a",))
    assert part == {key: text for key, text in one.items() if key in part}
    nothing = model.hooked([WordFilter("fool\nfriend\nyou")])
    ((answer,),) = nothing.generate([Request("a", "You are a")], GREEDY, 0)
    assert answer.text is None
    assert answer.error == "none of the 3 likeliest tokens may be written"


def test_what_needs_insides_or_cannot_be_asked_is_refused_in_one_sentence(served):
    model, _ = served
    with pytest.raises(HarnessError, match=r"GeDi acts inside the model .* backend=hf has its ins"):
        model.hooked([GeDi("a", "b")])
    stepping = model.hooked([WordFilter("fool")])
    chat = [Request("a", (Message("user", "Hi"),))]
    with pytest.raises(HarnessError, match=r"set backend\.continues=true"):
        list(stepping.generate(chat, GREEDY, 0))
    with pytest.raises(HarnessError, match="this task weighs choices"):
        list(stepping.generate([Request("a", "Hi", choices=("a", "b"))], GREEDY, 0))


def test_experts_here_move_what_a_server_lists(tiny):
    folder = str(tiny())
    experts = Experts(anti_expert=folder, alpha=2.0, top_p=1.0)
    tokens, weights = [" a", " b", " c"], np.log([0.5, 0.3, 0.1])
    moved = experts.change_likeliest(tokens, weights, "Once", [])
    own = next(iter(experts._served.values()))
    ((answer,),) = own.generate([Request("a", "Once", choices=tuple(tokens))], GREEDY, 0)
    expected = weights + 2.0 * (weights - np.array(answer.choice_logprobs))
    np.testing.assert_allclose(moved, expected)
    cut = Experts(anti_expert=folder, top_p=0.6).change_likeliest(tokens, weights, "Once", [])
    assert np.isfinite(cut).tolist() == [True, True, False]


def test_a_draw_falls_into_the_nucleus():
    weights = np.log([0.1, 0.6, 0.3])
    settings = GenerationConfig(temperature=1.0, top_p=0.8)
    assert [choose(weights, settings, draw) for draw in (0.0, 0.66, 0.67, 0.999)] == [1, 1, 2, 2]
    top = GenerationConfig(temperature=1.0, top_k=1)
    assert choose(weights, top, 0.999) == 1
    assert choose(np.full(2, -np.inf), top, 0.5) is None
