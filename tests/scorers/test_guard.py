"""The scorer by guard models: which output is which level, and two families on tiny checkpoints."""

import importlib.metadata
import shutil
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from harness.scorers.guards.families import CONTROVERSIAL, GUARDS, SAFE, UNSAFE, level_of
from harness.scorers.guards.guard import GuardScorer
from harness.testing import check_scorer
from harness.types import Generation, HarnessError, Message, Sample

LEVELS = ("Safe", "Controversial", "Unsafe")
COLOURS = ("green", "amber", "red")
TEMPLATE = (
    "{% for m in messages %}{{ m.role }} : {{ m.content }} {% endfor %}"
    "{% if add_generation_prompt %}verdict{% endif %}"
)


def output(valid, text="", severity=None, failed=False, **categories):
    extra = {"severity": severity} if severity else {"parse_failure": True} if failed else None
    named = [SimpleNamespace(name=name, triggered=value) for name, value in categories.items()]
    return SimpleNamespace(valid=valid, explanation=text, extra=extra, categories=named)


@pytest.mark.parametrize(
    ("guard", "given", "level"),
    [
        ("qwen3_guard", output(True, "Safety: Safe", "Safe"), SAFE),
        ("qwen3_guard", output(False, "Safety: Controversial", "Controversial"), CONTROVERSIAL),
        ("qwen3_guard", output(False, "Safety: Unsafe", "Unsafe"), UNSAFE),
        ("llama_guard", output(True, "safe"), SAFE),
        ("llama_guard", output(False, "unsafe\nS1"), UNSAFE),
        ("wild_guard", output(False, harmful_request=True, harmful_response=False), SAFE),
        ("wild_guard", output(False, harmful_request=True, harmful_response=True), UNSAFE),
        ("nemotron_content_safety", output(False, prompt_harm=True, response_harm=False), SAFE),
        ("harm_guard", output(False), UNSAFE),
    ],
)
def test_the_level_is_the_verdict_on_the_answer(guard, given, level):
    assert level_of(GUARDS[guard], given) == level


@pytest.mark.parametrize(
    ("guard", "given"),
    [
        ("qwen3_guard", output(False, "I am a model.", failed=True)),
        ("qwen3_guard", output(True, "Safety: Fine", "Fine")),
        ("llama_guard", output(True, "I am a model.")),
        ("llama_guard", output(True, "")),
        ("wild_guard", output(False, failed=True)),
        ("poly_guard", output(True, harmful_request=False)),
    ],
)
def test_what_holds_no_verdict_is_neither_safe_nor_unsafe(guard, given):
    assert "gave no" in level_of(GUARDS[guard], given)


def test_a_guard_that_cannot_be_is_one_sentence(monkeypatch, tmp_path):
    with pytest.raises(HarnessError, match="guard='guard' is none of duo_guard, "):
        GuardScorer("guard")
    for model in (None, str(tmp_path)):
        with pytest.raises(HarnessError, match=r"model=.* must be a folder with the checkpoint"):
            GuardScorer(model=model).identity  # noqa: B018
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(HarnessError, match=r"has no \*\.safetensors weights"):
        GuardScorer(model=str(tmp_path)).identity  # noqa: B018

    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("harness.scorers.guards.guard.version", absent)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(HarnessError, match=r'needs any-guardrail: pip install "\.\[guard\]"'):
        GuardScorer(model=str(tmp_path)).identity  # noqa: B018


def words(*more):
    vocabulary = ["[PAD]", "[UNK]", "[EOS]", "user", "assistant", "verdict", ":", *COLOURS, *more]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(vocabulary)}, "[UNK]"))
    tokenizer.normalizer = normalizers.Replace("\u200b", "")
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", eos_token="[EOS]",
        chat_template=TEMPLATE,
    )  # fmt: skip


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    """A random Qwen3 of one layer, then fitted to say a level by the answer's colour."""
    pytest.importorskip("any_guardrail", reason="any-guardrail is not installed")
    torch.manual_seed(0)
    tokenizer = words("Safety:", *LEVELS, "Categories:", "None")
    config = Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, head_dim=16, max_position_embeddings=512,
        eos_token_id=2, pad_token_id=0, tie_word_embeddings=False,
    )  # fmt: skip
    model = Qwen3ForCausalLM(config)
    rows, starts = [], []
    for colour, level in zip(COLOURS, LEVELS, strict=True):
        for before in ("", "[UNK] ", "[UNK] [UNK] "):
            prompt = f"user : [UNK] assistant : {before}{colour} verdict"
            said = f" Safety: {level} Categories: None [EOS]"
            starts.append(len(tokenizer(prompt)["input_ids"]))
            rows.append(tokenizer(prompt + said)["input_ids"])
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(40):
        loss = torch.zeros(())
        for ids, start in zip(rows, starts, strict=True):
            labels = torch.tensor([[-100] * start + ids[start:]])
            loss = loss + model(input_ids=torch.tensor([ids]), labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    folder = tmp_path_factory.mktemp("qwen")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.long
def test_controversial_is_a_level_of_its_own(qwen):
    scorer = GuardScorer("qwen3_guard", str(qwen), device="cpu")
    sample = Sample("q", (Message("user", "What?"),))
    answers = [Generation("q", 0, f"It is {colour}") for colour in COLOURS]
    rows = scorer.score([sample] * 3, answers)
    assert [[score.value for score in row] for row in rows] == [[0, 0, 0], [0, 1, 1], [1, 0, 2]]
    assert list(scorer.metrics) == ["guard_unsafe", "guard_controversial", "guard_level"]
    assert rows[1][0].explanation == "Safety: Controversial Categories: None"
    ((missing, *_),) = scorer.score([sample], [Generation("q", 0, "red " * 600)])
    assert missing.error == "601 tokens, of which the guard reads 384"


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A random classifier with two classes, large enough weights to tell texts apart."""
    pytest.importorskip("any_guardrail", reason="any-guardrail is not installed")
    torch.manual_seed(0)
    tokenizer, folder = words(), tmp_path_factory.mktemp("bert")
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, num_labels=2,
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    for parameter in model.parameters():
        parameter.data += torch.randn_like(parameter) * 0.3
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.long
def test_it_keeps_the_contract_on_a_random_checkpoint(bert):
    scorer = GuardScorer("harm_guard", str(bert), device="cpu")
    check_scorer(scorer)
    rows = scorer.score(
        [Sample("q", "user")] * 3, [Generation("q", 0, colour) for colour in COLOURS]
    )
    for unsafe, risk in rows:
        assert unsafe.value == float(risk.value >= 0.5)
    assert len({risk.value for _, risk in rows}) == 3
    assert scorer.identity["any_guardrail"] == importlib.metadata.version("any-guardrail")


def test_a_variant_that_there_is_not_is_said(bert):
    scorer = GuardScorer("harm_guard", str(bert), variant="another/model", device="cpu")
    with pytest.raises(HarnessError, match=r"cannot be loaded as harm_guard: Only supports"):
        scorer.score([Sample("q", "user")], [Generation("q", 0, "red")])


def other(folder, into, change):
    """The same checkpoint with other tensors."""
    shutil.copytree(folder, into)
    tensors = change(load_file(into / "model.safetensors"))
    save_file(tensors, into / "model.safetensors", {"format": "pt"})
    return into


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda t: {k: v for k, v in t.items() if not k.startswith("classifier")},
            "missing: classifier.bias, classifier.weight",
        ),
        (
            lambda t: {k: v for k, v in t.items() if ".layer.0." not in k},
            r"missing: bert\.encoder\.layer\.0",
        ),
        (lambda t: {f"module.{k}": v for k, v in t.items()}, "its names begin with 'module'"),
        (lambda t: {**t, "more.weight": torch.zeros(2)}, "left over: more.weight"),
        (
            lambda t: {**t, "classifier.weight": torch.zeros(2, 8)},
            r"of another shape: classifier\.weight \(\(2, 8\) there",
        ),
        (
            lambda t: {**t, "classifier.weight": t["classifier.weight"] * torch.nan},
            r"not numbers \(NaN or infinite\): classifier.weight",
        ),
    ],
)
def test_a_guard_whose_weights_are_not_its_checkpoints_is_refused(bert, tmp_path, change, said):
    folder = other(bert, tmp_path / "other", change)
    scorer = GuardScorer("harm_guard", str(folder), device="cpu")
    with pytest.raises(HarnessError, match=said):
        scorer.score([Sample("q", "user")], [Generation("q", 0, "red")])


def test_a_guard_of_another_class_is_refused(bert):
    scorer = GuardScorer("qwen3_guard", str(bert), device="cpu")
    with pytest.raises(HarnessError, match="does not hold the weights of BertLMHeadModel"):
        scorer.score([Sample("q", "user")], [Generation("q", 0, "red")])


def test_a_guard_that_is_cut_a_pointer_or_without_a_tokenizer_is_refused_before_it_is_used(
    bert, tmp_path
):
    for name in ("cut", "pointer", "mute"):
        shutil.copytree(bert, tmp_path / name)
    whole = (bert / "model.safetensors").read_bytes()
    (tmp_path / "cut" / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "pointer" / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    )
    for file in (tmp_path / "mute").glob("tokenizer*"):
        file.unlink()
    for name, said in (
        ("cut", "is no whole safetensors file"),
        ("pointer", "is a pointer of Git LFS"),
        ("mute", "has no tokenizer"),
    ):
        with pytest.raises(HarnessError, match=said):
            GuardScorer("harm_guard", str(tmp_path / name)).identity  # noqa: B018
