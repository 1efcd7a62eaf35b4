"""Checkpoints that are not whole, or are none of a language model, are refused by name."""

import json
import zipfile

import pytest
import torch

from harness.models.hf.model import HuggingFaceModel
from harness.models.lm_eval import LmEvalModel
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

SHORT = GenerationConfig(max_new_tokens=4)
DRAWN = GenerationConfig(max_new_tokens=4, temperature=1.0)
HELLO = Request("a", (Message("user", "hello"),))


def answers(folder, *requests, settings=SHORT):
    model = HuggingFaceModel(str(folder))
    found = [g for some in model.generate(requests or [HELLO], settings, 0) for g in some]
    return sorted(found, key=lambda generation: generation.sample_id)


def without(*names):
    return lambda weights: {k: v for k, v in weights.items() if k not in names}


OTHER_WEIGHTS = {
    "head": (without("lm_head.weight"), r"missing: lm_head\.weight"),
    "layer": (
        lambda w: {k: v for k, v in w.items() if ".layers.1." not in k},
        r"missing: model\.layers\.1\.input_layernorm\.weight.* and 5 more",
    ),
    "prefix": (
        lambda w: {f"module.{k}": v for k, v in w.items()},
        r"left over: module\.lm_head\.weight.*begin with 'module'.*not its wrapper",
    ),
    "adapter": (
        lambda w: w | {"model.layers.0.self_attn.q_proj.lora_A.weight": torch.ones(4, 32)},
        r"left over: model\.layers\.0\.self_attn\.q_proj\.lora_A\.weight.*merge_and_unload",
    ),
    "value head": (
        lambda w: w | {"v_head.summary.weight": torch.ones(1, 32)},
        r"left over: v_head\.summary\.weight",
    ),
    "shape": (
        lambda w: w | {"lm_head.weight": torch.ones(9, 32)},
        r"of another shape: lm_head\.weight \(\(9, 32\) there, \(262, 32\) in the model\)",
    ),
}


@pytest.mark.parametrize("kind", OTHER_WEIGHTS)
def test_weights_that_are_not_the_model_s_refuse_the_run_by_name(kind, tiny, rewrite, caplog):
    changed, said = OTHER_WEIGHTS[kind]
    folder = rewrite(tiny(), changed)
    with pytest.raises(HarnessError, match=said) as caught:
        answers(folder)
    assert "\n" not in str(caught.value)
    assert "LOAD REPORT" not in caplog.text  # one sentence, not transformers' table


@pytest.mark.parametrize("kind", ["head", "prefix", "shape"])
def test_lm_eval_s_transformers_are_looked_at_as_well(kind, tiny, rewrite):
    changed, said = OTHER_WEIGHTS[kind]
    model = LmEvalModel(str(rewrite(tiny(), changed)), args={"device": "cpu"})
    expected = "lm-eval cannot load" if kind == "shape" else said  # transformers itself refuses it
    with pytest.raises(HarnessError, match=expected):
        list(model.generate([HELLO], SHORT, 0))


def test_weights_that_are_no_numbers_refuse_a_run_by_lm_eval(tiny, rewrite):
    def broken(weights):
        weights["model.norm.weight"][3] = torch.nan
        return weights

    model = LmEvalModel(str(rewrite(tiny(), broken)), args={"device": "cpu"})
    with pytest.raises(HarnessError, match=r"not numbers \(NaN or infinite\): model\.norm\.weight"):
        list(model.generate([HELLO], SHORT, 0))


def test_what_transformers_knows_to_be_tied_or_of_no_use_is_no_fault(tiny, rewrite):
    folder = tiny(tie_word_embeddings=True)
    rewrite(folder, lambda w: w | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8)})
    assert answers(folder)[0].error is None


def test_a_bare_model_with_a_tied_head_is_run_and_said(tiny):
    folder = tiny(tie_word_embeddings=True)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["LlamaModel"]}))
    assert answers(folder)[0].error is None
    assert any("LlamaModel, which has no head" in n for n in HuggingFaceModel(str(folder)).notes)


def adapter(folder):
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (folder / "adapter_model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())


def adapter_alone(folder):
    adapter(folder)
    (folder / "model.safetensors").unlink()
    (folder / "config.json").unlink()


def sharded(folder):
    names = {
        "lm_head.weight": "model-00001-of-00002.safetensors",
        "x": "model-00002-of-00002.safetensors",
    }
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))


def only_gguf(folder):
    (folder / "model.safetensors").rename(folder / "model.gguf")


def of(architecture):
    def change(folder):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"architectures": [architecture]}))

    return change


def checkpoints_inside(folder):
    (folder / "checkpoint-500").mkdir()
    (folder / "config.json").rename(folder / "checkpoint-500" / "config.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (adapter, r"holds an adapter beside its weights .*in a folder of its own.*to ask the base"),
        (
            adapter_alone,
            r"is an adapter (whose|of peft).*adapter_config\.json.*(no|into its) base",
        ),
        (
            sharded,
            r"lacks 1 of the 2 files that model\.safetensors\.index\.json names: model-00002-of",
        ),
        (only_gguf, r"holds GGUF files; give one of them: model=.*model\.gguf"),
        (of("LlamaForSequenceClassification"), r"of LlamaForSequenceClassification .*no text"),
        (of("LlamaForRewardModel"), r"of LlamaForRewardModel .*writes no text"),
        (lambda f: (f / "modules.json").write_text("[]"), "encoder of sentence-transformers"),
        (lambda f: (f / "model_index.json").write_text("{}"), "pipeline of diffusers"),
        (
            lambda f: (f / "config.json").rename(f / "params.json"),
            r"maker's own format \(params\.json\)",
        ),
        (checkpoints_inside, "its folders have; give one of them: checkpoint-500"),
        (
            lambda f: (f / "model.safetensors").rename(f / "weights.safetensors"),
            r"has weights\.safetensors, but neither model\.safetensors nor",
        ),
        (
            lambda f: (f / "model.safetensors").write_text("version https://git-lfs.github.com\n"),
            r"model\.safetensors is a pointer of Git LFS, not the file; .*git lfs pull",
        ),
        (
            lambda f: (f / "tokenizer.json").write_text("version https://git-lfs.github.com\n"),
            r"tokenizer\.json is a pointer of Git LFS",
        ),
        (lambda f: (f / "config.json").write_text("[1]"), r"has no readable config\.json"),
    ],
)
def test_what_is_no_whole_checkpoint_is_said_before_anything_is_loaded(change, said, tiny):
    folder = tiny()
    change(folder)
    for model in (HuggingFaceModel(str(folder)), LmEvalModel(str(folder))):
        with pytest.raises(HarnessError, match=said) as caught:
            _ = model.identity
        assert "\n" not in str(caught.value)


def a_zip(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("header.json", "{}")


@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        ("one.gguf", lambda p: p.write_bytes(b"GGUF\x03"), "is no whole GGUF file"),
        ("one", lambda p: p.write_bytes(b"GGUF\x03"), "is no whole GGUF file"),
        ("a.gguf", lambda p: p.write_bytes(b"PK"), "is named like a GGUF file and does not begin"),
        ("log.eval", a_zip, r"is a log of Inspect's.*harness\.score answers=log\.eval"),
        ("model.zip", a_zip, "is an archive; unpack it"),
        ("model.safetensors", lambda p: p.write_bytes(b"x"), "is a file; give the folder"),
    ],
)
def test_a_file_in_the_place_of_a_folder_is_called_what_it_is(name, write, said, tmp_path):
    write(tmp_path / name)
    with pytest.raises(HarnessError, match=said):
        _ = HuggingFaceModel(str(tmp_path / name)).identity


def test_a_token_beyond_the_embedding_is_said_with_both_numbers_before_anything_is_asked(tiny):
    extra = tiny.tokenizer(["<|extra|>"])
    folder = tiny(extra, rows=len(extra) - 1)
    said = (
        r"its tokenizer has 263 tokens and its embedding 262 rows: .* token 262 \('<\|extra\|>'\)"
    )
    plain, beyond = Request("a", "x"), Request("b", "x<|extra|>")
    assert answers(folder, plain)[0].error is None
    for asked in (beyond, Request("b", "x", choices=("y", "<|extra|>"))):
        with pytest.raises(HarnessError, match=said):
            answers(folder, plain, asked)
        with pytest.raises(HarnessError, match=said):
            list(LmEvalModel(str(folder), args={"device": "cpu"}).generate([asked], SHORT, 0))


def test_an_end_beyond_the_embedding_refuses_where_no_other_can_be_written(tiny):
    tokenizer = tiny.tokenizer(["<|stop|>"], template=None)
    tokenizer.eos_token = "<|stop|>"
    rows = len(tokenizer) - 1
    folder = tiny(tokenizer, rows=rows, eos_token_id=rows)
    with pytest.raises(HarnessError, match=rf"rows: there is none for token {rows} "):
        answers(folder, Request("a", "x"))


def test_padding_beyond_the_embedding_is_no_fault_for_it_is_masked(tiny):
    tokenizer = tiny.tokenizer(["<|pad|>"])
    tokenizer.pad_token = "<|pad|>"
    folder = tiny(tokenizer, rows=len(tokenizer) - 1)
    assert HuggingFaceModel(str(folder)).load("float32").pad == 0


@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("settings", [SHORT, DRAWN], ids=["greedy", "sampled"])
def test_rows_whose_logits_are_no_numbers_fail_and_the_others_do_not(
    ours, value, settings, tiny, rewrite, monkeypatch
):
    # Only what attends to the last byte of the prompt meets the broken row of the embedding.
    def broken(weights):
        weights["model.embed_tokens.weight"][ord("z") - 33] = value
        return weights

    if not ours:
        monkeypatch.setattr(
            "harness.models.hf.loaded.LoadedModel._try_cascade", lambda self: "not tried"
        )
    folder = rewrite(tiny(), broken)
    texts = {"good": "ab", "bad": "abz"}
    asked = [Request(f"{name} text", text) for name, text in texts.items()]
    asked += [Request(f"{name} choice", t, choices=("c", "de")) for name, t in texts.items()]
    found = {g.sample_id: g for g in answers(folder, *asked, settings=settings)}
    assert found["good text"].error is None
    assert found["good choice"].choice_logprobs is not None
    assert found["bad text"].error == (
        "the model's logits are not numbers at token 1 of the answer"
    )
    assert found["bad text"].text is None
    assert found["bad choice"].error == (
        "the model's logits are not numbers where a choice is weighed"
    )


def test_a_revision_of_what_is_here_is_refused_for_nothing_would_read_it(tiny):
    model = HuggingFaceModel(str(tiny()), revision="main")
    with pytest.raises(HarnessError, match=r"backend.revision='main' is of a hub id, and model="):
        _ = model.identity
