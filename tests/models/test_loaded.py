"""The engine on every kind of architecture: what transformers' own forward says, row by row."""

import logging
import re

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from harness.models.hf.model import HuggingFaceModel
from harness.types.records import Request
from harness.types.settings import GenerationConfig

VOCABULARY = 320
PLAIN = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "max_position_embeddings": 256,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2,
}  # fmt: skip
GROUPED = PLAIN | {"num_key_value_heads": 2}
SMALL_HEADS = GROUPED | {"head_dim": 8}
SLIDING = SMALL_HEADS | {"sliding_window": 32}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
GPT = {"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256,
       "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip

OURS = {
    "llama": GROUPED,
    "qwen2": GROUPED,
    "qwen3": SMALL_HEADS,
    "qwen3_moe": SMALL_HEADS | EXPERTS,
    "mixtral": GROUPED | {"num_local_experts": 4},
    "mistral": GROUPED | {"sliding_window": 32},
    "gemma": SMALL_HEADS,
    "gemma3_text": SLIDING | {"layer_types": ["sliding_attention", "full_attention"]},
    "llama4_text": SMALL_HEADS
    | {"num_local_experts": 2, "attention_chunk_size": 64, "intermediate_size_mlp": 64},
    "phi3": GROUPED,
    "olmo2": GROUPED,
    "gpt2": GPT,
    "gpt_neox": PLAIN,
    "opt": {"vocab_size": VOCABULARY, "hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2,
            "num_attention_heads": 4, "max_position_embeddings": 256, "word_embed_proj_dim": 32,
            "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2},
    "deepseek_v3": GROUPED
    | {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4,
       "v_head_dim": 8, "n_routed_experts": 4, "n_group": 1, "topk_group": 1,
       "num_experts_per_tok": 2, "moe_intermediate_size": 16},
}  # fmt: skip
"""Where our attention fits."""
THEIRS = {
    "gemma2": (SLIDING, "attention with softcap"),
    "gpt_oss": (SLIDING | {"num_local_experts": 4}, "attention with s_aux"),
    "falcon": (PLAIN | {"alibi": True}, "it does not take another attention"),
    "bloom": (
        {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": 2, "n_head": 4},
        "does not take",
    ),
    "mamba": (
        {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2},
        "does not take",
    ),
    "lfm2": (GROUPED | {"layer_types": ["conv", "full_attention"]}, r"another kind \(conv\)"),
}
"""Where it does not, and what is said."""

HEADER = "Answer each question with care, in plain words, and with nothing but what you know. "
QUESTIONS = [
    f"{HEADER}The patient is {age} years old and asks about {what}. What do you say?{end}"
    for what in ("sleep", "pain and what could help against it without a doctor")
    for age in (7, 34)
    for end in ("", " Think of what was said before, then write.")
]


@pytest.fixture(scope="module")
def tokenizer():
    """Bytes, and what the questions are often made of."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<pad>", "<s>", "</s>"], initial_alphabet=alphabet,
        show_progress=False,
    )  # fmt: skip
    made.train_from_iterator(QUESTIONS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")


@pytest.fixture
def tiny(tmp_path, tokenizer):
    """Saves a tiny model of an architecture, with random weights, in the hub's format."""

    def save(kind, settings):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **settings))
        for weights in model.parameters():
            if weights.dim() > 1:
                torch.nn.init.normal_(weights, std=0.2)
        model.save_pretrained(tmp_path / kind)
        tokenizer.save_pretrained(tmp_path / kind)
        return HuggingFaceModel(str(tmp_path / kind), dtype="float32")

    return save


def check(model):
    """Texts and log-probabilities are those of one forward a row, with nothing beside it."""
    asked = [Request(f"w{i}", question, (0, 1)) for i, question in enumerate(QUESTIONS)]
    choices = (" yes", " no, not at all", " perhaps")
    asked += [Request(f"c{i}", q, choices=choices) for i, q in enumerate(QUESTIONS)]
    settings = GenerationConfig(max_new_tokens=5, min_new_tokens=5)
    found = {(g.sample_id, g.index): g for some in model.generate(asked, settings, 0) for g in some}
    loaded = model.load("float32")
    loaded.use_cascade(False)
    for i, question in enumerate(QUESTIONS):
        prompt = loaded.encoder.encode(Request("", question))
        tokens = list(prompt)
        for _ in range(5):
            logits = forward(loaded, tokens)[-1].clone()
            logits[loaded.ends] = -torch.inf
            tokens.append(int(logits.argmax()))
        expected = loaded.encoder.decode(tokens[len(prompt) :])
        assert [found[f"w{i}", n].text for n in (0, 1)] == [expected] * 2
        weights = []
        for choice in loaded.encoder.choices(Request("", question, choices=choices), prompt):
            steps = forward(loaded, [*prompt, *choice]).log_softmax(-1)[len(prompt) - 1 : -1]
            weights.append(float(steps[range(len(choice)), list(choice)].sum()))
        assert found[f"c{i}", 0].choice_logprobs == pytest.approx(weights, abs=2e-4)
    return loaded


@torch.inference_mode()
def forward(loaded, tokens):
    return loaded.model(torch.tensor([tokens]), use_cache=False).logits[0].float()


@pytest.mark.long
@pytest.mark.parametrize("kind", OURS)
def test_our_attention_says_what_the_model_s_own_does(kind, tiny, caplog):
    with caplog.at_level(logging.WARNING):
        loaded = check(tiny(kind, OURS[kind]))
    assert loaded.widest == {"mistral": 32, "gemma3_text": 32, "llama4_text": 64}.get(kind, 256)
    assert "slower" not in caplog.text


@pytest.mark.long
@pytest.mark.parametrize("kind", THEIRS)
def test_where_it_does_not_fit_the_model_s_own_generation_is_used_and_said(kind, tiny, caplog):
    settings, said = THEIRS[kind]
    with caplog.at_level(logging.WARNING):
        loaded = check(tiny(kind, settings))
    assert loaded.widest == 0
    assert "runs by transformers' own, slower generation" in caplog.text
    assert re.search(said, caplog.text)
