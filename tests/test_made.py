"""What commands make of a configuration: the scorers, and how answers are generated."""

import pytest
from omegaconf import OmegaConf

from harness.command import generation_of, make, scorers_of
from harness.types import GenerationConfig, HarnessError, Scorer

REFUSAL = {"_target_": "harness.scorers.rules.refusal.RefusalScorer"}


class Asks:
    """A task that says itself how it is answered."""

    settings = {"max_new_tokens": 7, "temperature": 0.5}  # noqa: RUF012


def test_scorers_are_made_under_their_names_with_what_they_are_shown():
    cfg = OmegaConf.create({"scorers": {"mine": REFUSAL}})
    scorers = scorers_of(cfg, "first_sentence")
    assert list(scorers) == ["mine"]
    assert scorers.span == "first_sentence"


@pytest.mark.parametrize(
    ("scorers", "message"),
    [
        ({}, r"no scorer is chosen; name at least one with scorer=\[...\]"),
        ({"a": REFUSAL, "b": REFUSAL}, "scorers 'a' and 'b' both give the metric 'refusal'"),
        ({"a": "refusal"}, "scorers.a='refusal' names no class"),
    ],
)
def test_scorers_that_cannot_work_together_are_refused(scorers, message):
    with pytest.raises(HarnessError, match=message):
        scorers_of(OmegaConf.create({"scorers": scorers}))


def test_a_scorer_that_was_made_before_is_not_made_again():
    made = make("scorers.mine", OmegaConf.create(REFUSAL), Scorer)
    cfg = OmegaConf.create({"scorers": {"mine": REFUSAL}})
    assert scorers_of(cfg, maker=lambda where, node, kind: made)["mine"] is made


def test_an_override_goes_before_what_the_task_says_and_that_before_the_protocol():
    cfg = OmegaConf.create({"generation": OmegaConf.structured(GenerationConfig)})
    OmegaConf.set_readonly(cfg.generation, False)
    cfg.generation.max_new_tokens = 9
    generation = generation_of(cfg, Asks(), ["generation.max_new_tokens=9", "limit=3"])
    assert (generation.max_new_tokens, generation.temperature) == (9, 0.5)
    assert generation_of(cfg, Asks(), []).max_new_tokens == 7
