"""Files of llama.cpp as models: converted once, cleaned by a command, their tokens checked."""

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize

from harness.models.converted import converted_root
from harness.models.gguf.checked import COUNT, check_tokens, texts
from harness.models.gguf.file import parts_of
from harness.models.gguf.tokens import by_merges, by_scores, tokenizer_of
from harness.models.hf.model import HuggingFaceModel
from harness.runs.cache.copies import copies, remove
from harness.types import GenerationConfig, HarnessError, Message, Request

PLAIN, CONTROL = 1, 3
MERGES = ["Ġ t", "h e", "Ġt he", "1 2", "12 3"]
SETTINGS = GenerationConfig(max_new_tokens=4)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


def tokens_of():
    """A byte-level vocabulary with a few merges, then marks."""
    from harness.models.gguf.tokens import _letters

    letters = list(_letters())
    joined = [merge.replace(" ", "") for merge in MERGES]
    marks = ["<s>", "</s>", "<|user|>", "<|end|>", "<|assistant|>"]
    kinds = [PLAIN] * (256 + len(joined)) + [CONTROL] * len(marks)
    return [*letters, *joined, *marks], kinds


TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def network(vocabulary):
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(2)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary, hidden_size=64, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
            rms_norm_eps=1e-5, initializer_range=0.3, tie_word_embeddings=False,
        )
    ).eval()  # fmt: skip


NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}  # fmt: skip
OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def turned(weight, heads):
    """Rows of queries and keys as llama.cpp has them: halves of a head in turn."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, -1)


def write_gguf(path, model, kind=GGMLQuantizationType.F32, parts=0, pre="smollm"):
    """A model as llama.cpp's own converter writes it, in parts of so many tensors."""
    tokens, kinds = tokens_of()
    writer = GGUFWriter(path, "llama", split_max_tensors=parts)
    writer.add_block_count(2)
    writer.add_context_length(256)
    writer.add_embedding_length(64)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(tokens.index("<s>"))
    writer.add_eos_token_id(tokens.index("</s>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    for name, weight in model.state_dict().items():
        array = weight.numpy()
        inner = name.removesuffix(".weight")
        if inner in OUTER:
            named = OUTER[inner]
        else:
            layer, _, part = inner.removeprefix("model.layers.").partition(".")
            named = f"blk.{layer}.{NAMES[part]}"
            if part.endswith(("q_proj", "k_proj")):
                array = turned(array, 4 if part.endswith("q_proj") else 2)
        if array.ndim == 2 and kind != GGMLQuantizationType.F32:
            writer.add_tensor(f"{named}.weight", quantize(array, kind), raw_dtype=kind)
        else:
            writer.add_tensor(f"{named}.weight", np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def saved(tmp_path):
    model = network(len(tokens_of()[0]))
    return write_gguf(tmp_path / "tiny.v1.gguf", model), model


def logits_of(model, dtype="float32"):
    with torch.no_grad():
        return model.load(dtype).model(torch.arange(1, 30)[None]).logits.float()


def test_a_file_gives_the_logits_of_the_model_in_it(saved):
    path, network = saved
    model = HuggingFaceModel(str(path))
    with torch.no_grad():
        expected = network(torch.arange(1, 30)[None]).logits
    torch.testing.assert_close(logits_of(model), expected, rtol=1e-4, atol=1e-4)
    asked = [Request("a", (Message("user", "the 123"),)), Request("b", " the", choices=("1", "2"))]
    given = [g for some in model.generate(asked, SETTINGS, 0) for g in some]
    assert [g.error for g in given] == [None, None]
    assert model.rendered(asked[0]) == "<|user|>the 123<|end|><|assistant|>"
    identity = HuggingFaceModel(str(path)).identity
    assert identity["weights"].startswith("gguf:")
    assert (identity["dtype"], identity) == ("float32", model.identity)


@pytest.mark.parametrize(
    ("kind", "dtype", "error"),
    [
        (GGMLQuantizationType.Q8_0, "float32", 0.15),
        (GGMLQuantizationType.Q4_0, "float32", 1.0),
        (GGMLQuantizationType.F16, "float16", 0.05),
        (GGMLQuantizationType.BF16, "bfloat16", 0.3),
    ],
)
def test_rounded_weights_are_the_numbers_that_they_stand_for(saved, tmp_path, kind, dtype, error):
    path, network = saved
    rounded = HuggingFaceModel(str(write_gguf(tmp_path / "rounded.gguf", network, kind)))
    assert rounded.identity["dtype"] == dtype
    assert rounded.identity["weights"] != HuggingFaceModel(str(path)).identity["weights"]
    assert kind.name in rounded.notes[0]
    with torch.no_grad():
        expected = network(torch.arange(1, 30)[None]).logits
    moved = (logits_of(rounded, dtype) - expected).square().mean().sqrt() / expected.std()
    assert 0 < float(moved) < error


def test_a_split_file_is_one_model_whichever_part_is_given(saved, tmp_path):
    whole, network = saved
    write_gguf(tmp_path / "split.gguf", network, parts=7)
    parts = sorted(tmp_path.glob("split-*.gguf"))
    assert [part.name for part in parts] == [f"split-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    first, last = (HuggingFaceModel(str(parts[n])) for n in (0, -1))
    torch.testing.assert_close(logits_of(last), logits_of(HuggingFaceModel(str(whole))))
    assert first.identity == last.identity
    assert len(list(converted_root().glob("gguf-*-1"))) == 2
    assert not list(converted_root().glob("*.gguf"))
    parts[1].unlink()
    with pytest.raises(HarnessError, match=r"of which split-00002-of-00003\.gguf is not beside it"):
        parts_of(parts[0])


@pytest.mark.parametrize("left", [-200, 0.5, 30, 4])
def test_a_file_that_is_cut_is_refused_as_such(saved, left):
    path, _ = saved
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * left) if isinstance(left, float) else left])
    with pytest.raises(HarnessError, match=r"^model='.* is no whole GGUF file .* copy it anew"):
        _ = HuggingFaceModel(str(path)).identity
    assert not copies()


def test_parts_that_are_not_those_of_one_file_are_refused(saved, tmp_path):
    write_gguf(tmp_path / "split.gguf", saved[1], parts=7)
    first, second, third = sorted(tmp_path.glob("split-*.gguf"))
    whole, other = third.read_bytes(), second.read_bytes()
    third.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HarnessError, match=r"split-00003-of-00003\.gguf' is no whole GGUF file"):
        _ = HuggingFaceModel(str(first)).identity
    third.write_bytes(other)
    with pytest.raises(HarnessError, match=r"which split-00002-of-00003\.gguf holds too"):
        _ = HuggingFaceModel(str(first)).identity
    beyond = tmp_path / "split-00009-of-00003.gguf"
    beyond.write_bytes(whole)
    with pytest.raises(HarnessError, match="is named as part 9 of 3"):
        _ = HuggingFaceModel(str(beyond)).identity
    assert not list(converted_root().glob("*.gguf"))


def test_a_file_without_a_tokenizer_is_refused_as_such(saved, tmp_path):
    writer = GGUFWriter(tmp_path / "mute.gguf", "llama")
    writer.add_tensor("token_embd.weight", np.zeros((2, 2), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(HarnessError, match="holds no tokenizer"):
        _ = HuggingFaceModel(str(tmp_path / "mute.gguf")).identity


def test_it_is_converted_once_and_cleaned_by_a_command(saved):
    path, _ = saved
    model = HuggingFaceModel(str(path))
    assert model.source.folder == HuggingFaceModel(str(path)).source.folder
    written = model.source.folder.stat().st_mtime_ns
    assert HuggingFaceModel(str(path)).source.folder.stat().st_mtime_ns == written
    (copy,) = copies()
    assert (copy.of, copy.name) == (str(path), model.source.folder.name)
    assert copy.bytes > 100_000
    with pytest.raises(HarnessError, match=rf"remove='x' is no converted model; .* {copy.name}"):
        remove("x")
    assert remove("all") == copy.bytes
    assert copies() == []
    assert HuggingFaceModel(str(path)).source.folder.is_dir()


def test_a_tokenizer_cuts_as_the_file_says_and_what_differs_is_said(saved, tmp_path):
    path, network = saved
    model = HuggingFaceModel(str(path))
    assert model.notes[1].endswith(f"{path.name} cuts all of 200 texts as the file says.")
    digits = model.tokenizer("the 123", add_special_tokens=False)["input_ids"]
    words = HuggingFaceModel(str(write_gguf(tmp_path / "words.gguf", network, pre="gpt-2")))
    joined = words.tokenizer("the 123", add_special_tokens=False)["input_ids"]
    assert (len(digits), len(joined)) == (6, 4)  # t he _ 1 2 3, and t he _ 123
    assert "cuts all of 200" in words.notes[1]
    tokens, _ = tokens_of()
    fields = {"model": "gpt2", "pre": "smollm", "tokens": tokens, "merges": MERGES}
    said = check_tokens(words.tokenizer, fields)
    assert said.startswith("cuts 10 of 200 texts otherwise than the file says, '12 ")
    assert "['1', '2', 'Ġ'" in said
    unknown = HuggingFaceModel(str(write_gguf(tmp_path / "unknown.gguf", network, pre="own")))
    assert (
        "is not held against it: how 'gpt2' with cuts 'own' works is not known" in unknown.notes[1]
    )


def test_the_texts_are_two_hundred_and_each_is_another():
    assert len(set(texts())) == COUNT


def test_pairs_are_joined_by_rank_or_by_score():
    vocabulary = {piece: n for n, piece in enumerate(["a", "b", "c", "ab", "bc", "abc"])}
    ranks = {("b", "c"): 0, ("a", "bc"): 1, ("a", "b"): 2}
    assert by_merges("abcab", vocabulary, ranks, [r"\w+"]) == [5, 3]
    assert by_merges("abcab", vocabulary, {}, [r"\w+"]) == [0, 1, 2, 0, 1]
    pieces = ["<0x21>", "\u2581", "a", "b", "\u2581a", "ab"]
    scored = {piece: n for n, piece in enumerate(pieces)}
    assert by_scores("ab a!", scored, [0, -9, -9, -9, -2, -1], prefix=True) == [1, 5, 4, 0]
    assert by_scores("ab a!", scored, [0, -9, -9, -9, -1, -2], prefix=True) == [4, 3, 4, 0]
    assert by_scores("", scored, [0] * 6, prefix=True) == []


def test_a_vocabulary_of_sentencepiece_is_read_as_sentencepiece_reads_it(tmp_path):
    import sentencepiece

    lines = iter(["the nurse said that the patient is well", "who asks whom about what 12"] * 30)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines, model_prefix=str(tmp_path / "of"), vocab_size=300,
        model_type="bpe", byte_fallback=True, minloglevel=2, hard_vocab_limit=False,
    )  # fmt: skip
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "of.model"))
    ids = range(theirs.get_piece_size())
    fields = {
        "model": "llama",
        "tokens": [theirs.id_to_piece(n) for n in ids],
        "scores": [theirs.get_score(n) for n in ids],
    }
    ours = tokenizer_of(fields)
    for text in ("the nurse", "who is well?", "é 12", "asks  whom"):
        assert ours(" ".join(text.split())) == theirs.encode(" ".join(text.split()))


def test_what_transformers_cannot_read_is_one_sentence(tmp_path):
    writer = GGUFWriter(tmp_path / "other.gguf", "unheard-of")
    writer.add_token_list(["a", "b"])
    writer.add_tensor("token_embd.weight", np.zeros((2, 2), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(
        HarnessError, match=r"is a GGUF file that transformers .* cannot read"
    ) as of:
        _ = HuggingFaceModel(str(tmp_path / "other.gguf")).identity
    assert "\n" not in str(of.value)
    assert not copies()
