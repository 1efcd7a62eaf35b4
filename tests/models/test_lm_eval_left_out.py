"""What lm-eval's own model of transformers leaves out or changes of what it is asked."""

import logging

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from harness.models.lm_eval import LmEvalModel
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

SYSTEM, USER = Message("system", "Never give doses."), Message("user", "Name a colour.")
PLAIN = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
REFUSES = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    + PLAIN
)
SKIPS = PLAIN.replace("{% for m in messages %}", "{% for m in messages if m['role'] != 'system' %}")
LAST_ONLY = PLAIN.replace("in messages %}", "in messages[-1:] %}", 1)
GREEDY = GenerationConfig(max_new_tokens=2)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A tiny random checkpoint; gives the folder with a chat template put into it."""
    folder = tmp_path_factory.mktemp("tiny")
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({char: i for i, char in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["</s>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=128, bos_token_id=256, eos_token_id=256,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)

    def with_template(template):
        tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
        return LmEvalModel("x", args={"pretrained": str(folder), "device": "cpu"})

    return with_template


def answers(model, *requests):
    return [one for part in model.generate(requests, GREEDY, 0) for one in part]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("template", [REFUSES, SKIPS])
@pytest.mark.parametrize("choices", [(), (" red", " blue")])
def test_a_system_text_that_is_not_in_the_prompt_refuses_the_run(checkpoint, template, choices):
    model = checkpoint(template)
    requests = [Request("plain", (USER,), choices=choices),
                Request("told", (SYSTEM, USER), choices=choices)]  # fmt: skip
    with pytest.raises(HarnessError, match=r"the system message 'Never give doses.' is not in"):
        answers(model, *requests)


@pytest.mark.filterwarnings("ignore")
def test_a_turn_that_is_not_in_the_prompt_refuses_the_run(checkpoint):
    turns = (USER, Message("assistant", "Blue."), Message("user", "Another."))
    with pytest.raises(HarnessError, match="leaves out or changes what was asked: the user mess"):
        answers(checkpoint(LAST_ONLY), Request("a", turns))


@pytest.mark.filterwarnings("ignore")
def test_a_template_that_holds_all_is_asked_and_warnings_of_changes_are_noted(checkpoint):
    model = checkpoint(PLAIN)
    (found,) = answers(model, Request("a", (SYSTEM, USER)))
    assert found.error is None
    assert not model.notes
    with model._warnings.listening():
        logger = logging.getLogger("lm_eval.models.huggingface")
        for length in (300, 400):
            logger.warning("Left truncation applied. Original sequence length was %d", length)
        logger.warning("Device: cpu")
        logging.getLogger("transformers.generation").warning("top_k is not valid, may be ignored")
    assert list(model.notes) == [
        "lm-eval warned: Left truncation applied. Original sequence length was 300",
        "transformers warned: top_k is not valid, may be ignored",
    ]


@pytest.mark.filterwarnings("ignore")
def test_a_choice_without_a_token_of_its_own_fails_instead_of_being_certain(checkpoint):
    model = checkpoint(PLAIN)
    (found,) = answers(model, Request("a", "Answer:", choices=("", "b")))
    assert "no token of its own" in found.error
