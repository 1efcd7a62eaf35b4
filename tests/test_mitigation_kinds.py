"""A stranger's mitigations, one for each place to act, through the contract."""

from dataclasses import dataclass, replace
from types import MappingProxyType

import pytest
import torch

from harness.models.hf.model import HuggingFaceModel
from harness.testing import check_mitigation
from harness.types.measures import Direction, Metric


class Stranger:
    made_for = ("harm",)

    @property
    def identity(self):
        return {"mitigation": type(self).__name__}


class Request(Stranger):
    def apply(self, request):
        if isinstance(request.prompt, str):
            return replace(request, prompt=f"Mind. {request.prompt}")
        first, *rest = request.prompt
        return replace(request, prompt=(replace(first, content=f"Mind. {first.content}"), *rest))


class NextToken(Stranger):
    def change_logits(self, logits, contexts):
        return logits - 5.0 * (torch.arange(logits.shape[-1]) % 2).to(logits)


class Activations(Stranger):
    layers = (0,)

    def change_states(self, states, layer):
        return states + torch.linspace(-2, 2, states.shape[-1]).to(states)


class Weights(Stranger):
    name = "model.layers.1.mlp.down_proj.weight"

    def change_weights(self, weights):
        return {self.name: weights[self.name] * 3.0}


class Answer(Stranger):
    reports = MappingProxyType({"shortened": Metric(0.0, 1.0, Direction.LOWER)})

    def __init__(self, given=1.0):
        self.given = given

    def wrap(self, model):
        return Shortening(model, self.given)


@dataclass(frozen=True)
class Shortening:
    model: object
    given: float | None
    name = "shortening"

    @property
    def weighs_choices(self):
        return self.model.weighs_choices

    @property
    def identity(self):
        return self.model.identity

    def generate(self, requests, generation, seed):
        noted = None if self.given is None else {"shortened": self.given}
        for part in self.model.generate(requests, generation, seed):
            yield [replace(a, text=a.text and a.text[:5], noted=noted) for a in part]


@pytest.mark.parametrize("kind", [Request, NextToken, Activations, Weights, Answer])
def test_a_stranger_s_mitigation_of_each_kind_keeps_the_contract(kind, random_weights):
    check_mitigation(kind(), HuggingFaceModel(random_weights()))


@pytest.mark.parametrize("noted", [None, 2.0])
def test_what_is_reported_must_be_noted_and_in_range(noted):
    with pytest.raises(AssertionError, match=r"shortened=.* is reported, and lies in 0 to 1"):
        check_mitigation(Answer(noted))


def test_aims_are_words():
    class Aimless(Request):
        made_for = (1,)

    with pytest.raises(AssertionError, match="made_for names kinds of columns"):
        check_mitigation(Aimless())
