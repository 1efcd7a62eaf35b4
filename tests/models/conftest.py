"""Tiny checkpoints with a chat template and special tokens of the test's own choosing."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TURNS = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
ASSISTANT = "{% if add_generation_prompt %}<|assistant|>{% endif %}"
MARKS = ["<s>", "</s>", "<|user|>", "<|system|>", "<|assistant|>", "<|end|>"]


def write_tokenizer(
    template: str = TURNS + ASSISTANT, special: Sequence[str] = (), words: Sequence[str] = ()
) -> PreTrainedTokenizerFast:
    """Bytes, the marks of turns, more special tokens, and texts that are a token each."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: n for n, letter in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([*MARKS, *special])
    made.add_tokens([AddedToken(word, normalized=False) for word in words])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = template
    return tokenizer


def write_checkpoint(
    folder: Path, tokenizer: PreTrainedTokenizerFast, steps: Sequence[str] = ()
) -> Path:
    """A checkpoint that writes `steps`, each after the one before, which is a token of its own."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=32, num_hidden_layers=1,
            num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=False,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        )
    )  # fmt: skip
    if steps:
        layer, numbers = model.model.layers[0], tokenizer.convert_tokens_to_ids(list(steps))
        with torch.no_grad():
            for weight in (layer.self_attn.o_proj, layer.mlp.down_proj):
                weight.weight.zero_()
            model.model.embed_tokens.weight.zero_()
            model.lm_head.weight.zero_()
            for place, (before, after) in enumerate(pairwise(numbers)):
                model.model.embed_tokens.weight[before, place] = 1
                model.lm_head.weight[after, place] = 3
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_tokenizer() -> Callable[..., PreTrainedTokenizerFast]:
    return write_tokenizer


@pytest.fixture
def tiny_checkpoint(tmp_path: Path) -> Callable[..., Path]:
    """Write a checkpoint by what its tokenizer is and what it writes."""

    def write(steps: Sequence[str] = (), name: str = "tiny", **tokenizer: object) -> Path:
        return write_checkpoint(tmp_path / name, write_tokenizer(**tokenizer), steps)

    return write
