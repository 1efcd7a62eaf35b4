"""Plain texts that are weighed, of which perplexity is made."""

import math
from collections import Counter

import pytest

from harness.models.echo import EchoModel
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.scorers.likelihood.text_likelihood import TextLikelihoodScorer
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig
from tasks.neutral_text import NeutralText


class Certain(EchoModel):
    """Gives a text of so many words as many nats."""

    def generate(self, requests, generation, seed):
        for part in super().generate(requests, generation, seed):
            for answer, request in zip(part, requests, strict=False):
                words = len(request.choices[0].split())
                object.__setattr__(answer, "choice_logprobs", (-2.0 * words,))
                object.__setattr__(answer, "tokens", words)
            yield part
            requests = requests[len(part) :]


def test_ten_different_texts_of_each_topic_are_weighed_after_nothing():
    task = NeutralText()
    samples = list(task.samples(task.records()))
    assert set(Counter(s.metadata["topic"] for s in samples).values()) == {10}
    assert len({s.choices for s in samples}) == 60
    assert {s.prompt for s in samples} == {""}


def test_perplexity_is_exp_of_the_loss(tmp_path, no_progress):
    plan = Plan(
        task=NeutralText(), model=Certain(), generation=GenerationConfig(), protocol="fast",
        scorers=ScorerRegistry({"text_likelihood": TextLikelihoodScorer()}), seed=0,
        results=tmp_path, options={},
    )  # fmt: skip
    rows = {(r["name"], r["group"]): r for r in run(plan, no_progress).estimates.to_pylist()}
    assert rows["loss", None]["estimate"] == pytest.approx(2.0)
    for name in ("perplexity", "mean perplexity"):
        assert rows[name, None]["estimate"] == pytest.approx(math.exp(2.0))
    assert rows["loss", "kitchen"]["n"] == 10
