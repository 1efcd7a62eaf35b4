import pytest

from harness.models.hf.model import HuggingFaceModel
from harness.types.records import Request
from harness.types.settings import GenerationConfig


@pytest.mark.long
@pytest.mark.parametrize("budget", [None, 64])
def test_the_choice_that_is_written_is_the_one_said_to_be_greedy(budget):
    model = HuggingFaceModel("smollm2", token_budget=budget)
    asked = "The capital of France is"
    (written,) = next(
        iter(model.generate([Request("a", asked)], GenerationConfig(max_new_tokens=3), 0))
    )
    choices = (written.text, " an apple pie", written.text[:3])
    (weighed,) = next(
        iter(model.generate([Request("b", asked, choices=choices)], GenerationConfig(), 0))
    )
    assert weighed.choice_greedy is not None
    assert weighed.choice_greedy[:2] == (True, False)
