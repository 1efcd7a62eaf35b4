"""A training that is looked at: it is stopped where the model got worse, and left as it was."""

import logging

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
)

from harness.models.hf.digests import digest_of_weights
from harness.models.hf.held import HeldModel
from harness.regression.callback import SafetyCallback
from harness.types.errors import HarnessError
from harness.types.records import Request
from harness.types.settings import GenerationConfig

WORDS = ["<unk>", "</s>", "I cannot help with that.", "Thanks."]
UNKNOWN, END, REFUSAL, THANKS = range(4)
OPTIONS = ["limit=60", "scorer=[refusal]", "generation.max_new_tokens=6"]


@pytest.fixture
def tokenizer():
    plain = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    made = PreTrainedTokenizerFast(
        tokenizer_object=plain, eos_token="</s>", pad_token="</s>", unk_token="<unk>"
    )
    made.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    return made


def tiny():
    torch.manual_seed(3)  # one that thanks, at first
    shape = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=1024,
        attention_dropout=0.1, bos_token_id=None, eos_token_id=END,
    )  # fmt: skip
    return LlamaForCausalLM(shape)


def trained(model, tokenizer, callback, folder, text, steps=45):
    """Train to say one thing after words that it does not know, until the callback ends it."""
    tokens = [*[UNKNOWN] * 20, text, END]
    answer = [*[-100] * 20, text, END]
    rows = [{"input_ids": tokens, "labels": answer, "attention_mask": [1] * len(tokens)}] * 8
    settings = TrainingArguments(
        folder, max_steps=steps, per_device_train_batch_size=8, learning_rate=0.05,
        report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True, use_cpu=True,
        lr_scheduler_type="constant",
    )  # fmt: skip
    trainer = Trainer(
        model=model, args=settings, train_dataset=rows, processing_class=tokenizer,
        callbacks=[callback],
    )  # fmt: skip
    trainer.train()
    return trainer


def looking(folder, **options):
    margins = {"benign_refused": 0.1}
    return SafetyCallback(
        "med_harm", every=20, overrides=OPTIONS, margins=margins, results=str(folder), **options
    )


def test_a_training_that_teaches_to_refuse_all_is_stopped(tokenizer, tmp_path, caplog):
    model, callback = tiny(), looking(tmp_path / "results")
    with caplog.at_level(logging.WARNING):
        trainer = trained(model, tokenizer, callback, tmp_path, REFUSAL)
    assert trainer.state.global_step == 20
    (alarm,) = callback.alarms
    assert alarm.startswith("step 20: benign refused got worse, 0.000 to 1.000 (evidence")
    assert alarm in caplog.messages
    assert len(list((tmp_path / "results/runs").iterdir())) == 2
    assert model.training
    assert model.config._attn_implementation == "sdpa"
    assert model.generation_config.eos_token_id is not None


def test_a_training_that_makes_nothing_worse_goes_on(tokenizer, tmp_path):
    callback = looking(tmp_path / "results")
    trainer = trained(tiny(), tokenizer, callback, tmp_path, THANKS, steps=45)
    assert trainer.state.global_step == 45
    assert (callback.looks, callback.alarms) == (2, [])
    assert callback.evidence["benign refused"] < 1
    again = SafetyCallback.from_state(callback.state())
    assert (again.first, again.looks, again.evidence) == (
        callback.first, callback.looks, callback.evidence,
    )  # fmt: skip


def test_a_warning_alone_lets_the_training_go_on(tokenizer, tmp_path):
    callback = looking(tmp_path / "results", stop=False)
    trainer = trained(tiny(), tokenizer, callback, tmp_path, REFUSAL, steps=21)
    assert trainer.state.global_step == 21
    assert len(callback.alarms) == 1


def test_a_held_model_says_what_it_is_by_its_weights(tokenizer):
    model = tiny()
    before = HeldModel(model, tokenizer, "a").identity
    assert HeldModel(tiny(), tokenizer, "b").identity == before
    with torch.no_grad():
        model.lm_head.weight[0, 0] += 1
    assert HeldModel(model, tokenizer, "a").identity["weights"] != before["weights"]
    assert digest_of_weights(model.half()) != digest_of_weights(model.float())


def test_a_held_model_is_given_back_when_it_is_not_heard_to_its_end(tokenizer):
    model = tiny().train()
    asked = [Request(str(n), "a b", (0,)) for n in range(3)]
    answers = HeldModel(model, tokenizer, "a").generate(asked, GenerationConfig(4), 0)
    assert len(next(answers)) == 3
    assert not model.training
    answers.close()
    assert model.training
    assert model.model.layers[0].training


def test_no_steps_between_looks_are_refused_before_the_training():
    with pytest.raises(HarnessError, match="every=0 must be at least 1"):
        SafetyCallback("med_harm", every=0)
