"""Adapters of peft as models: merged into their base, named in the identity, or refused."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from harness.models.checkpoints.adapter import WEIGHTS
from harness.models.hf.model import HuggingFaceModel
from harness.models.vllm.adapters import Adapter, beside, settings_of
from harness.models.vllm.model import VllmModel
from harness.types import GenerationConfig, HarnessError, Request

peft = pytest.importorskip("peft")
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
"""Peft 0.21 asks transformers 5.23 for it."""

KINDS = {
    "lora": {"r": 2, "target_modules": ["q_proj", "down_proj"]},
    "rslora": {"r": 4, "target_modules": "all-linear", "use_rslora": True},
    "dora": {"r": 2, "target_modules": ["v_proj"], "use_dora": True},
    "saved": {"r": 2, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    "patterns": {
        "r": 2,
        "target_modules": ["q_proj", "v_proj"],
        "rank_pattern": {"v_proj": 3},
        "alpha_pattern": {"q_proj": 7},
    },
}


def adapter_of(base, folder, kind="lora", **more):
    """An adapter whose every tensor is random; gives its folder and its logits."""
    network = AutoModelForCausalLM.from_pretrained(base)
    config = peft.LoraConfig(task_type="CAUSAL_LM", **KINDS[kind], **more)
    adapted = peft.get_peft_model(network, config).eval()
    torch.manual_seed(len(kind))
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn_like(parameter))
        logits = adapted(torch.arange(1, 9)[None]).logits
    adapted.save_pretrained(folder)
    return folder, logits


@pytest.fixture
def adapter(tiny, tmp_path):
    return adapter_of(tiny(), tmp_path / "adapter")[0]


def logits_of(model):
    with torch.no_grad():
        return model.load("float32").model(torch.arange(1, 9)[None]).logits


@pytest.mark.parametrize("kind", KINDS)
def test_a_merged_adapter_gives_the_logits_of_peft_s_own_model(tiny, tmp_path, kind):
    folder, logits = adapter_of(tiny(), tmp_path / "adapter", kind)
    torch.testing.assert_close(logits_of(HuggingFaceModel(str(folder))), logits)


def test_an_adapter_whose_logits_are_no_numbers_is_not_taken_for_one_that_merged(tiny, tmp_path):
    folder, _ = adapter_of(tiny(), tmp_path / "adapter")
    tensors = load_file(folder / "adapter_model.safetensors")
    save_file(
        {key: tensor * 1e17 for key, tensor in tensors.items()},
        folder / "adapter_model.safetensors",
    )
    with pytest.raises(HarnessError, match="differ by nan standard deviations"):
        HuggingFaceModel(str(folder)).load("float32")


def test_ia3_is_merged_too(tiny, tmp_path):
    network = AutoModelForCausalLM.from_pretrained(tiny())
    config = peft.IA3Config(
        task_type="CAUSAL_LM", target_modules=["k_proj"], feedforward_modules=[]
    )
    adapted = peft.get_peft_model(network, config).eval()
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "ia3" in name:
                parameter.fill_(0.5)
        logits = adapted(torch.arange(1, 9)[None]).logits
    adapted.save_pretrained(tmp_path / "adapter")
    torch.testing.assert_close(logits_of(HuggingFaceModel(str(tmp_path / "adapter"))), logits)


def test_the_identity_holds_the_base_and_the_adapter(tiny, tmp_path):
    base = tiny()
    weights = HuggingFaceModel(str(base)).identity["weights"]
    identities = {weights}
    for kind in ("lora", "dora"):
        folder, _ = adapter_of(base, tmp_path / kind, kind)
        identity = HuggingFaceModel(str(folder)).identity
        assert identity["weights"].startswith(f"{weights} + adapter sha256:")
        identities.add(identity["weights"])
    assert len(identities) == 3


def test_an_adapter_answers_like_any_model_and_its_base_stays_as_it_was(tiny, tmp_path):
    base = tiny()
    folder, _ = adapter_of(base, tmp_path / "adapter")
    request, settings = Request("a", "Once upon a time"), GenerationConfig(max_new_tokens=8)

    def text(name):
        ((answer,),) = HuggingFaceModel(name).generate([request], settings, 0)
        return answer.text

    before = text(str(base))
    assert text(str(folder)) != before
    assert text(str(base)) == before


def test_base_names_another_place_of_the_base(tiny, tmp_path, adapter):
    logits = logits_of(HuggingFaceModel(str(adapter)))
    shutil.move(tmp_path / "tiny", tmp_path / "moved")
    with pytest.raises(HarnessError, match=r"whose base '.*tiny' is not here; give it with"):
        _ = HuggingFaceModel(str(adapter)).identity
    there = HuggingFaceModel(str(adapter), base=str(tmp_path / "moved"))
    torch.testing.assert_close(logits_of(there), logits)


def test_an_adapter_of_an_adapter_is_merged_after_it(tiny, tmp_path):
    first, _ = adapter_of(tiny(), tmp_path / "first")
    merged = HuggingFaceModel(str(first)).read("float32")[1]
    merged.save_pretrained(tmp_path / "merged")
    second, logits = adapter_of(tmp_path / "merged", tmp_path / "second", "dora")
    shutil.copy(tmp_path / "tiny" / "tokenizer.json", tmp_path / "merged")
    stacked = HuggingFaceModel(str(second), base=str(first))
    torch.testing.assert_close(logits_of(stacked), logits, rtol=1e-4, atol=1e-5)
    assert stacked.identity["weights"].count(" + adapter ") == 2


def test_an_adapter_with_tokens_of_its_own_brings_their_rows(tiny, tmp_path):
    base = tiny()
    tokenizer = tiny.tokenizer(words=("<new>",))
    network = AutoModelForCausalLM.from_pretrained(base)
    network.resize_token_embeddings(len(tokenizer))
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", r=2, target_modules=["q_proj"],
        modules_to_save=["embed_tokens", "lm_head"],
    )  # fmt: skip
    adapted = peft.get_peft_model(network, config).eval()
    ids = torch.tensor([[5, len(tokenizer) - 1, 9]])
    with torch.no_grad():
        expected = adapted(ids).logits
    adapted.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    tokenizer.save_pretrained(tmp_path / "adapter")
    model = HuggingFaceModel(str(tmp_path / "adapter"))
    with torch.no_grad():
        torch.testing.assert_close(model.load("float32").model(ids).logits, expected)
    assert len(model.load("float32").encoder.tokenizer) == len(tokenizer)


def config(folder, **changed):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


def tensors(folder, change):
    path = folder / WEIGHTS
    save_file(change(load_file(path)), path, {"format": "pt"})


def without_one(of):
    return dict(list(of.items())[1:])


def with_one_more(of):
    return {
        **of,
        "base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight": torch.ones(2, 32),
    }


FAULTS = {
    "a missing key": (
        lambda folder, _: tensors(folder, without_one), r"its tensors .* \(missing: .*lora_A"
    ),
    "a key too many": (
        lambda folder, _: tensors(folder, with_one_more), r"left over: .*layers\.7"
    ),
    "another width": (
        lambda folder, tiny: config(
            folder, base_model_name_or_path=str(tiny(name="wide", head_dim=8))
        ), r"is no adapter of '.*wide' \(RuntimeError"
    ),
    "other layers": (
        lambda folder, _: config(folder, target_modules=["query_key_value"]),
        r"is no adapter of '.*tiny' \(NoMatchingPeftModuleError: Target",
    ),
    "a classifier": (lambda folder, _: config(folder, task_type="SEQ_CLS"), "for SEQ_CLS"),
    "a soft prompt": (
        lambda folder, _: config(folder, peft_type="PROMPT_TUNING"), "PROMPT_TUNING, which cannot"
    ),
    "no base": (
        lambda folder, _: config(folder, base_model_name_or_path=None), r"names no base; give it"
    ),
    "a base that is no model": (
        lambda folder, _: config(folder, base_model_name_or_path=str(folder.parent)),
        r"is an adapter whose base cannot be used: model=.*backend\.base=MODEL",
    ),
    "no safetensors": (
        lambda folder, _: (folder / WEIGHTS).rename(folder / "adapter_model.bin"),
        r"without adapter_model\.safetensors \(there: adapter_model\.bin\)",
    ),
    "other weights": (
        lambda folder, _: (folder / "mitigation.yaml").write_text('base_weights: "sha256:0123"\n'),
        r"is an adapter of other weights than those of .*: it was made on sha256:0123",
    ),
    "a card that is cut off": (
        lambda folder, _: (folder / "mitigation.yaml").write_text('base_weights: "sha25'),
        r"has a mitigation\.yaml whose base_weights=\"sha25 cannot be read; copy it anew",
    ),
    "more tokens": (
        lambda folder, tiny: tiny.tokenizer(words=("<a>", "<b>")).save_pretrained(folder),
        r"whose tokenizer has 264 tokens, and its base '.*tiny' has rows for 262",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_one_sentence_before_an_answer(tiny, adapter, fault):
    spoil, sentence = FAULTS[fault]
    spoil(adapter, tiny)
    model = HuggingFaceModel(str(adapter))
    with pytest.raises(HarnessError, match=sentence) as refused:
        list(model.generate([Request("a", "Once")], GenerationConfig(max_new_tokens=2), 0))
    assert "\n" not in str(refused.value)


def test_an_adapter_without_peft_and_the_note_of_one_with_it(adapter, monkeypatch):
    (note,) = HuggingFaceModel(str(adapter)).notes[:1]
    assert note == f"{adapter} is an adapter, merged into {adapter.parent / 'tiny'}."
    monkeypatch.setattr("harness.models.checkpoints.adapter.find_spec", lambda name: None)
    with pytest.raises(HarnessError, match=r"needs peft: pip install 'harness\[mitigate\]'"):
        _ = HuggingFaceModel(str(adapter)).identity


def test_a_base_for_what_is_no_adapter_is_refused(tiny):
    folder = str(tiny())
    with pytest.raises(HarnessError, match=r"is for adapters, and model=.* is none"):
        _ = HuggingFaceModel(folder, base=folder).identity


@pytest.fixture
def vllm_version(monkeypatch):
    monkeypatch.setattr("harness.models.vllm.model._version", lambda: "0")


def test_vllm_is_given_a_lora_adapter_beside_its_base(adapter, tiny, vllm_version):
    model = VllmModel(str(adapter))
    weights = HuggingFaceModel(str(adapter)).identity["weights"]
    assert (model.identity["weights"], model.identity["backend"]) == (weights, "vllm")
    assert model.notes[0] == f"vLLM applies {adapter} beside the weights of {tiny()}."
    assert not any("merged" in note for note in model.notes)
    config(adapter, rank_pattern={"q_proj": 20})
    told = beside(VllmModel(str(adapter))._checkpoint.source)
    assert (told.folder, told.rank) == (adapter, 32)  # the next that vLLM can be set to
    assert settings_of(told) == {
        "enable_lora": True, "max_lora_rank": 32, "lora_target_modules": ["down_proj", "q_proj"],
    }  # fmt: skip
    told.check_weighing("it")
    moved = tiny(name="elsewhere")
    assert VllmModel(str(adapter), base=str(moved)).notes[0].endswith(f"{moved}.")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"peft_type": "IA3"}, "of peft's IA3, and vLLM applies LoRA alone; ask it with"),
        ({"use_dora": True}, "with use_dora=True, which vLLM does not compute; ask it"),
        ({"modules_to_save": ["lm_head"]}, r"with modules_to_save=\['lm_head'\], which vLLM"),
        ({"bias": "all", "lora_bias": True}, "with lora_bias=True, bias=all, which vLLM"),
        ({"init_lora_weights": "pissa"}, "with init_lora_weights=pissa, which vLLM"),
        ({"trainable_token_indices": [1]}, "with trainable_token_indices="),
        ({"r": 1024}, "with r=1024"),
    ],
)  # fmt: skip
def test_what_vllm_would_not_apply_or_not_wholly_is_refused_by_name(
    adapter, vllm_version, changed, sentence
):
    config(adapter, **changed)
    with pytest.raises(HarnessError, match=sentence):
        _ = VllmModel(str(adapter)).identity


def test_vllm_weighs_no_choices_under_an_adapter_of_the_output_layer(tmp_path):
    changed = Adapter(tmp_path, 8, ("lm_head", "q_proj"))
    with pytest.raises(HarnessError, match=r"of the output layer, too, .* backend=hf"):
        changed.check_weighing("it")


def test_vllm_does_not_apply_an_adapter_of_an_adapter(adapter, tmp_path, vllm_version):
    shutil.copytree(adapter, tmp_path / "second")
    config(tmp_path / "second", base_model_name_or_path=str(adapter))
    with pytest.raises(HarnessError, match="is an adapter of an adapter, and vLLM applies one"):
        _ = VllmModel(str(tmp_path / "second")).identity
