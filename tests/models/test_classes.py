"""Models that are more, or other, than causal ones: of several inputs, and of two parts."""

import pytest
import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
)

from harness.mitigations.decoding.contrastive import Contrastive
from harness.models.hf.model import HuggingFaceModel
from harness.types import GenerationConfig, HarnessError, Message, Request

TEXT = {
    "vocab_size": 262, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16,
    "max_position_embeddings": 256, "bos_token_id": 256, "eos_token_id": 257,
}  # fmt: skip
SIGHT = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "image_size": 28, "patch_size": 14,
}  # fmt: skip
TURNED = {
    **TEXT,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]},
}
EYES = {
    "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 32,
    "patch_size": 14,
}  # fmt: skip
SEEING = {
    "gemma3": lambda: Gemma3ForConditionalGeneration(
        Gemma3Config(text_config=TEXT, vision_config=SIGHT, mm_tokens_per_image=4,
                     image_token_index=5, boi_token_index=6, eoi_token_index=7)
    ),
    "mistral3": lambda: Mistral3ForConditionalGeneration(
        Mistral3Config(text_config={**TEXT, "model_type": "mistral"}, image_token_index=5,
                       vision_config={**SIGHT, "model_type": "pixtral", "head_dim": 8})
    ),
    "qwen2.5-vl": lambda: Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=TURNED, vision_config=EYES)
    ),
    "qwen3-vl": lambda: Qwen3VLForConditionalGeneration(
        Qwen3VLConfig(
            text_config=TURNED, vision_config={**EYES, "deepstack_visual_indexes": [0]}
        )
    ),
}  # fmt: skip
PAIRS = {
    "t5": lambda: T5ForConditionalGeneration(
        T5Config(vocab_size=262, d_model=32, d_kv=16, d_ff=32, num_layers=2, num_heads=2,
                 pad_token_id=0, eos_token_id=257, decoder_start_token_id=0)
    ),
    "bart": lambda: BartForConditionalGeneration(
        BartConfig(vocab_size=262, d_model=32, encoder_layers=1, decoder_layers=2,
                   encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32,
                   decoder_ffn_dim=32, max_position_embeddings=64, pad_token_id=0,
                   bos_token_id=256, eos_token_id=257, decoder_start_token_id=257,
                   init_std=0.1)
    ),
}  # fmt: skip
SETTINGS = GenerationConfig(max_new_tokens=6)
ASKED = [
    Request("a", (Message("user", "Once upon a time"),)),
    Request("b", "Once"),
    Request("c", "Once upon", choices=(" a", "no way")),
]


def saved(made, tokenizer, folder):
    torch.manual_seed(3)
    network = made().eval()
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return network


def answers(model, *requests):
    found = [g for some in model.generate(requests, SETTINGS, 0) for g in some]
    assert [g.error for g in found] == [None] * len(found)
    return {g.sample_id: g.text if g.choice_logprobs is None else g.choice_logprobs for g in found}


@pytest.mark.filterwarnings("ignore:.*int_to_bytes")
@pytest.mark.parametrize("kind", SEEING)
def test_a_model_that_sees_is_asked_in_text_alone(kind, tiny, tmp_path):
    network = saved(SEEING[kind], tiny.tokenizer(), tmp_path / "m")
    model = HuggingFaceModel(str(tmp_path / "m"))
    loaded = model.load("float32")
    assert loaded.misfit is None
    assert loaded.remarks["attention"].startswith("shared")
    loaded.use_cascade(False)
    ids = torch.arange(1, 30)[None]
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(ids).logits, network(input_ids=ids).logits)
    weights = sum(p.numel() for p in loaded.model.parameters())
    assert weights < sum(p.numel() for p in network.parameters())
    assert "it is asked in text alone" in model.notes[0]
    assert len(answers(model, *ASKED)) == 3
    assert HuggingFaceModel(str(tmp_path / "m")).identity == model.identity


@pytest.fixture(params=PAIRS)
def pair(request, tiny, tmp_path):
    """An encoder-decoder model whose tokenizer ends texts; the network, and ours."""
    tokenizer = tiny.tokenizer(processor="$A </s>")
    tokenizer.pad_token = "!"
    network = saved(PAIRS[request.param], tokenizer, tmp_path / request.param)
    return network, HuggingFaceModel(str(tmp_path / request.param))


def test_an_encoder_decoder_model_writes_what_transformers_writes(pair):
    network, model = pair
    texts = answers(model, *ASKED[:2], Request("d", "A prompt that is longer than the others"))
    tokenizer = model.tokenizer
    for sample, prompt in (("b", "Once"), ("d", "A prompt that is longer than the others")):
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        assert ids[0, -1] == tokenizer.eos_token_id  # the encoder reads a text to its end
        with torch.no_grad():
            written = network.generate(
                ids, max_new_tokens=6, do_sample=False, num_beams=1, forced_eos_token_id=None,
                eos_token_id=model.load("float32").ends,
            )  # fmt: skip
        assert texts[sample] == tokenizer.decode(written[0], skip_special_tokens=True)
    assert answers(model, ASKED[1])["b"] == texts["b"]
    assert "a text of its own" in model.notes[0]
    assert "is taken off" not in " ".join(model.notes)
    assert "plain_prompts" not in model.identity
    assert "an encoder reads its prompts" in model.load("float32").remarks["attention"]


def test_an_encoder_decoder_model_is_spread_with_all_that_stands_beside_its_layers(pair):
    _, model = pair
    parted = HuggingFaceModel(model.name, device="cpu,disk", device_memory="80KB,1GB")
    assert answers(parted, ASKED[1]) == answers(model, ASKED[1])
    assert "disk" in parted.device_used


def test_an_encoder_decoder_model_weighs_a_choice_as_an_answer(pair):
    network, model = pair
    tokenizer, start = model.tokenizer, network.config.decoder_start_token_id
    beside = Request("e", "Something longer than that", choices=("x", "yz"))
    weighed = answers(model, ASKED[2], beside)
    for request in (ASKED[2], beside):
        ids = tokenizer(request.prompt, return_tensors="pt")["input_ids"]
        for choice, found in zip(request.choices, weighed[request.sample_id], strict=True):
            own = tokenizer(choice, add_special_tokens=False)["input_ids"]
            own = own[:-1] if own[-1] == tokenizer.eos_token_id else own
            with torch.no_grad():
                given = network(ids, decoder_input_ids=torch.tensor([[start, *own[:-1]]])).logits
            steps = given[0].log_softmax(-1)
            expected = sum(float(steps[n, token]) for n, token in enumerate(own))
            assert found == pytest.approx(expected, abs=1e-4)


def test_no_mitigation_acts_inside_an_encoder_decoder_model(pair):
    _, model = pair
    with pytest.raises(HarnessError, match="encoder-decoder model, in which no mitigation acts"):
        model.hooked([Contrastive()])
