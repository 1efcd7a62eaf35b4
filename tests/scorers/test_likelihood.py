"""How likely texts are: to the model under test, and to a reader of what it wrote."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness.models.echo import EchoModel
from harness.models.hf.model import HuggingFaceModel
from harness.scorers.likelihood.perplexity import PerplexityScorer
from harness.scorers.likelihood.text_likelihood import TextLikelihoodScorer
from harness.types.errors import HarnessError
from harness.types.records import Generation, Sample


def weighed(*logprobs, tokens=4, **more):
    return Generation("s", 0, None, "choices", 2, tokens, logprobs, **more)


@pytest.mark.parametrize(
    ("generation", "value", "error"),
    [
        (weighed(-6.0), 1.5, None),
        (weighed(1e-7), 0.0, None),
        (weighed(-6.0, tokens=0), None, "does not say how many tokens"),
        (weighed(-6.0, -7.0), None, "no single text was weighed"),
        (Generation("s", 0, "written"), None, "no single text was weighed"),
    ],
)
def test_a_text_s_loss_is_its_weight_over_its_tokens(generation, value, error):
    ((score,),) = TextLikelihoodScorer().score([Sample("s", "")], [generation])
    assert score.value == value
    assert error is None or error in score.error


def test_an_answer_s_loss_is_that_of_transformers(random_weights):
    folder = random_weights()
    scorer = PerplexityScorer("tiny", HuggingFaceModel(folder))
    prompt, answer = "Once upon a time", " there was a small house by the sea."
    scores = scorer.score(
        [Sample("a", prompt), Sample("b", prompt)],
        [Generation("a", 0, answer), Generation("b", 0, " ")],
    )
    tokenizer, model = (
        kind.from_pretrained(folder) for kind in (AutoTokenizer, AutoModelForCausalLM)
    )
    before, own = (tokenizer(text, return_tensors="pt")["input_ids"] for text in (prompt, answer))
    with torch.no_grad():
        logits = model(torch.cat([before, own], 1)).logits[0, before.shape[1] - 1 : -1]
    loss = torch.nn.functional.cross_entropy(logits, own[0]).item()
    assert scores[0][0].value == pytest.approx(loss, rel=1e-3)
    assert scores[0][0].explanation == f"{own.shape[1]} tokens"
    assert (scores[1][0].value, scores[1][0].error) == (None, "empty answer")


def test_a_reader_that_weighs_nothing_is_refused_before_it_loads():
    with pytest.raises(HarnessError, match=r"reader='echo': EchoModel gives no log-probabilities"):
        PerplexityScorer("echo", EchoModel(weighs_choices=False))


def test_who_reads_is_part_of_what_the_scorer_is():
    one, other = (PerplexityScorer("x", EchoModel(answer=answer)) for answer in ("a", "b"))
    assert one.identity != other.identity
