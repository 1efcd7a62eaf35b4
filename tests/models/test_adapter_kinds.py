"""Adapters of each kind of peft's, over bases that share weights: merged exactly, or refused."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    T5Config,
    T5ForConditionalGeneration,
)

from harness.models.hf.model import HuggingFaceModel
from harness.types import GenerationConfig, HarnessError, Request

peft = pytest.importorskip("peft")
pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`:UserWarning"),
    pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`:UserWarning"),
]
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
TOKENS = torch.arange(1, 9)[None]


def adapter(network, config, folder):
    """An adapter whose every tensor is random; gives its folder and what peft's own model says."""
    torch.manual_seed(1)
    adapted = peft.get_peft_model(network, config).eval()
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn_like(parameter))
        pair = {"decoder_input_ids": TOKENS} if network.config.is_encoder_decoder else {}
        logits = adapted(input_ids=TOKENS, **pair).logits
    adapted.save_pretrained(folder)
    return folder, logits


def lora(**more):
    return peft.LoraConfig(task_type="CAUSAL_LM", **{"r": 2, "target_modules": ["q_proj"], **more})


def of(kind, **settings):
    made = getattr(peft, f"{kind}Config")
    return made(task_type="CAUSAL_LM", target_modules=["q_proj"], **settings)


def says(model):
    network = model.load("float32").model
    pair = {"decoder_input_ids": TOKENS} if network.config.is_encoder_decoder else {}
    with torch.no_grad():
        return network(input_ids=TOKENS, **pair).logits


def check(folder, logits):
    torch.testing.assert_close(says(HuggingFaceModel(str(folder))), logits, rtol=1e-4, atol=1e-5)


SHARED = {
    "the embedding": lora(target_modules=["embed_tokens"]),
    "the output layer": lora(target_modules=["lm_head"]),
    "both": lora(target_modules=["embed_tokens", "lm_head"]),
    "a head of its own": lora(modules_to_save=["lm_head"]),
    "tokens of its own": lora(trainable_token_indices=[3, 4]),
    "layers that stand twice": lora(layer_replication=[[0, 2], [0, 2]]),
    "a scale of the output layer": peft.IA3Config(
        task_type="CAUSAL_LM", target_modules=["lm_head"], feedforward_modules=[]
    ),
}


@pytest.mark.parametrize("what", SHARED)
def test_what_is_merged_into_one_layer_does_not_change_one_that_shares_its_weight(
    tiny, tmp_path, what
):
    base = AutoModelForCausalLM.from_pretrained(tiny(tie_word_embeddings=True))
    folder, logits = adapter(base, SHARED[what], tmp_path / "adapter")
    check(folder, logits)


def test_layers_that_stand_twice_are_written_by_the_shared_attention(tiny, tmp_path):
    base = AutoModelForCausalLM.from_pretrained(tiny())
    folder, _ = adapter(base, lora(layer_replication=[[0, 2], [0, 2]]), tmp_path / "adapter")
    assert HuggingFaceModel(str(folder)).load("float32").misfit is None


KINDS = {
    "VeRA": of("Vera", r=2),
    "VB-LoRA": of("VBLoRA", vector_length=16, num_vectors=8, r=2),
    "PVeRA": of("Pvera", r=2),
    "UniLoRA": of("UniLora"),
    "OFT": of("OFT", oft_block_size=4),
    "LoKr": of("LoKr", r=2),
    "dropout": lora(lora_dropout=0.5),
}


@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds_say_what_they_say_beside_their_base(tiny, tmp_path, kind):
    base = AutoModelForCausalLM.from_pretrained(tiny())
    check(*adapter(base, KINDS[kind], tmp_path / "adapter"))


@pytest.mark.filterwarnings("ignore::peft.utils.warning.PeftWarning")
def test_a_bias_is_merged_into_a_layer_that_has_none(tiny, tmp_path):
    base = AutoModelForCausalLM.from_pretrained(tiny())
    check(*adapter(base, lora(lora_bias=True), tmp_path / "adapter"))


@pytest.fixture
def plain(tiny, tmp_path):
    base = AutoModelForCausalLM.from_pretrained(tiny())
    return adapter(base, lora(), tmp_path / "adapter")


def test_a_config_of_its_base_beside_an_adapter_makes_no_checkpoint_of_it(plain, tmp_path):
    folder, logits = plain
    shutil.copy(tmp_path / "tiny" / "config.json", folder)
    check(folder, logits)
    shutil.copy(tmp_path / "tiny" / "model.safetensors", folder)
    with pytest.raises(HarnessError, match="holds an adapter beside its weights"):
        _ = HuggingFaceModel(str(folder)).identity


def test_an_adapter_of_an_encoder_decoder_model_is_merged(tiny, tmp_path):
    tokenizer = tiny.tokenizer()
    shape = T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=32, num_layers=1, num_heads=2,
        decoder_start_token_id=256, eos_token_id=257, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    T5ForConditionalGeneration(shape).save_pretrained(tmp_path / "t5")
    tokenizer.save_pretrained(tmp_path / "t5")
    config = peft.LoraConfig(task_type="SEQ_2_SEQ_LM", r=2, target_modules=["q", "lm_head"])
    base = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "t5")
    folder, logits = adapter(base, config, tmp_path / "adapter")
    check(folder, logits)


def changed(folder, **values):
    path = folder / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def without_kind(folder):
    told = json.loads((folder / CONFIG).read_text())
    del told["peft_type"]
    (folder / CONFIG).write_text(json.dumps(told))


def cut(folder):
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-8])


def no_number(folder):
    tensors = load_file(folder / WEIGHTS)
    next(iter(tensors.values()))[0, 0] = torch.nan
    save_file(tensors, folder / WEIGHTS)


def once_more(folder):
    shutil.copytree(folder, folder.parent / "second")
    changed(folder.parent / "second", base_model_name_or_path=str(folder))
    changed(folder, base_model_name_or_path=str(folder.parent / "second"))


FAULTS = {
    "a kind to come": (lambda f: changed(f, peft_type="FOO"), "of kind 'FOO', which peft .* newer"),
    "no kind": (without_kind, "that names no peft_type, by which"),
    "a setting to come": (
        lambda f: changed(f, use_more=True), r"with use_more=True \(adapter_config.* newer one"
    ),
    "a setting that is none": (lambda f: changed(f, r=0), "`r` should be a positive integer"),
    "tokens that switch it on": (
        lambda f: changed(f, alora_invocation_tokens=[3]),
        r"LORA with alora_invocation_tokens=\[3\], which cannot be merged",
    ),
    "a start that is lost": (
        lambda f: changed(f, init_lora_weights="lora_ga"), "changed the base as its training began"
    ),
    "cut weights": (cut, "adapter_model.safetensors is no whole safetensors file .* copy it anew"),
    "a pointer": (
        lambda f: (f / WEIGHTS).write_text("version https://git-lfs.github.com/spec/v1\n"),
        "adapter_model.safetensors is a pointer of Git LFS",
    ),
    "no number": (no_number, r"numbers that are not finite \(base_model"),
    "a base that is itself": (
        lambda f: changed(f, base_model_name_or_path=str(f / ".." / "adapter")),
        "whose base .* is, in the end, itself; give its base",
    ),
    "bases in a ring": (once_more, "whose base .* is, in the end, itself"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_merged_says_why_and_blames_no_base(plain, fault):
    folder, _ = plain
    spoil, sentence = FAULTS[fault]
    spoil(folder)
    model = HuggingFaceModel(str(folder))
    with pytest.raises(HarnessError, match=sentence) as refused:
        list(model.generate([Request("a", "Once")], GenerationConfig(max_new_tokens=2), 0))
    assert "\n" not in str(refused.value)


def test_an_adapter_that_says_something_else_once_merged_is_refused(plain, monkeypatch):
    folder, _ = plain
    monkeypatch.setattr("harness.models.hf.adapted._part", spoiling)
    with pytest.raises(HarnessError, match=r"cannot merge into weights: logits then differ by"):
        HuggingFaceModel(str(folder)).load("float32")


def spoiling(adapted):
    """Change a weight between the two readings, as a merge that is not exact would."""
    with torch.no_grad():
        adapted.get_base_model().model.layers[0].mlp.down_proj.weight.mul_(3)
