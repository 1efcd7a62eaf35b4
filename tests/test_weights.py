"""What a model's weights may lack, and what they may not."""

import pytest
import torch
from transformers import (
    BertConfig,
    BertLMHeadModel,
    GPT2Config,
    GPT2LMHeadModel,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaModel,
)

from harness.models.checkpoints.weights import check_causal, check_encoder, check_weights
from harness.scorers.justification.scorer import JustificationScorer
from harness.types.errors import HarnessError

SIZE = {
    "vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 32, "max_position_embeddings": 40,
}  # fmt: skip


def saved(model, folder, changed=None):
    from safetensors.torch import load_file, save_file

    model.save_pretrained(folder)
    if changed:
        path = folder / "model.safetensors"
        save_file(changed(load_file(path)), path, {"format": "pt"})
    return folder


def test_masks_that_older_versions_saved_are_no_weights(tmp_path):
    small = GPT2Config(vocab_size=99, n_embd=32, n_layer=1, n_head=2, n_positions=32)
    mask = torch.ones(8, 8).tril().bool()[None, None]
    old = {
        "transformer.h.0.attn.bias": mask,
        "transformer.h.0.attn.masked_bias": torch.tensor(-1e9),
    }
    check_weights(saved(GPT2LMHeadModel(small), tmp_path / "old", lambda w: w | old), "old")
    weight = {"transformer.h.0.attn.masked_bias": torch.ones(32)}
    folder = saved(GPT2LMHeadModel(small), tmp_path / "new", lambda w: w | weight)
    with pytest.raises(HarnessError, match=r"left over: transformer\.h\.0\.attn\.masked_bias"):
        check_weights(folder, "new")


@pytest.mark.parametrize("kind", [RobertaModel, RobertaForMaskedLM])
def test_an_encoder_needs_neither_pooler_nor_head(kind, tmp_path):
    model = kind(RobertaConfig(**SIZE))
    check_encoder(saved(model, tmp_path / "x"), "it")
    base = model if kind is RobertaModel else model.roberta
    base.pooler = None
    check_encoder(saved(model, tmp_path / "y"), "it")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            lambda w: {k: v for k, v in w.items() if "layer.1.output" not in k},
            r"missing: encoder\.layer\.1\.output\.LayerNorm\.bias",
        ),
        (lambda w: {f"model.{k}": v for k, v in w.items()}, "missing: embeddings"),
        (
            lambda w: w | {"roberta.encoder.layer.2.output.dense.bias": torch.ones(32)},
            r"left over: roberta\.encoder\.layer\.2\.output\.dense\.bias",
        ),
        (
            lambda w: w | {"roberta.embeddings.word_embeddings.weight": torch.ones(98, 32)},
            r"of another shape: embeddings\.word_embeddings\.weight",
        ),
    ],
)
def test_an_encoder_without_all_of_its_layers_is_refused_by_name(changed, said, tmp_path):
    model = RobertaForMaskedLM(RobertaConfig(**SIZE, tie_word_embeddings=False))
    folder = saved(model, tmp_path / "x", changed)
    with pytest.raises(HarnessError, match=f"^the option does not hold .*{said}"):
        check_encoder(folder, "the option")


def test_bertscore_is_refused_an_encoder_that_lacks_a_layer(tmp_path):
    folder = saved(
        RobertaModel(RobertaConfig(**SIZE)),
        tmp_path / "x",
        lambda w: {k: v for k, v in w.items() if "layer.1.output" not in k},
    )
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")  # weights are looked at first
    scorer = JustificationScorer(bertscore_model=str(folder))
    said = r"bertscore_model='.*x' does not hold .*missing: encoder\.layer\.1\.output"
    with pytest.raises(HarnessError, match=said):
        _ = scorer._bert


def test_a_model_that_sees_what_comes_after_is_no_language_model(tmp_path):
    torch.manual_seed(0)
    sees = BertLMHeadModel(BertConfig(**SIZE, initializer_range=0.5)).eval()
    with pytest.raises(HarnessError, match="does not write from left to right"):
        check_causal(sees, "bert")
    blind = BertLMHeadModel(BertConfig(**SIZE, initializer_range=0.5, is_decoder=True)).eval()
    check_causal(blind, "bert")
