"""Quantised weights: rounded when they are read, or in the checkpoint; named, noted or refused."""

import json
import logging

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from harness.models.checkpoints.quantised import notes_on_quantised, scheme
from harness.models.checkpoints.weights import check_causal
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.quantised import CLAMOUR, moved_by_company
from harness.models.vllm.model import VllmModel
from harness.types import GenerationConfig, HarnessError, Request

bitsandbytes = pytest.importorskip("bitsandbytes")
pytest.importorskip("compressed_tensors")
REQUESTS = [
    Request("a", "Once upon a time"),
    Request("b", "Once upon a night", indices=(0, 1)),
    Request("c", "Once", choices=(" upon", " not")),
]
SETTINGS = GenerationConfig(max_new_tokens=6, n=2, temperature=1.0)


def answers(model, requests=REQUESTS):
    given = {}
    for some in model.generate(requests, SETTINGS, 0):
        given |= {(g.sample_id, g.index): (g.text, g.choice_logprobs) for g in some}
        assert [g.error for g in some] == [None] * len(some)
    return given


@pytest.mark.parametrize("quantize", ["int8", "nf4", "fp4"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_rounded_weights_are_those_of_bitsandbytes_and_run_by_our_attention(wide, quantize, dtype):
    model = HuggingFaceModel(str(wide), quantize=quantize, dtype=dtype)
    loaded = model.load(dtype)
    layer = loaded.model.model.layers[0].mlp.down_proj
    assert type(layer).__module__ == "bitsandbytes.nn.modules"
    assert loaded.misfit is None
    assert loaded.remarks["attention"] == "shared"
    assert len(answers(model)) == 4
    assert model.identity["quantisation"] == f"bitsandbytes {quantize}"
    assert "choices_dtype" not in model.identity


def test_plain_weights_are_read_without_a_word_of_bitsandbytes_whom_peft_imports(wide):
    loggers = [logging.getLogger(name) for name in CLAMOUR]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
    HuggingFaceModel(wide).load("float32")
    assert {logger.level for logger in loggers} == {logging.ERROR}


def test_a_weight_in_8_bits_is_rounded_to_the_largest_of_its_row(wide):
    weight = load_file(wide / "model.safetensors")["model.layers.0.mlp.down_proj.weight"]
    layers = HuggingFaceModel(str(wide), quantize="int8").load("float32").model.model.layers
    held = layers[0].mlp.down_proj.weight
    largest = weight.abs().amax(1, keepdim=True)
    steps = (held.data.float() - weight * 127 / largest).abs()
    assert held.dtype == torch.int8
    torch.testing.assert_close(held.SCB, largest[:, 0], rtol=1e-3, atol=0)
    assert float(steps.max()) < 0.6  # half a step, and what 16 bits leave of a weight


@pytest.mark.parametrize("quantize", ["int8", "nf4"])
def test_weights_that_were_saved_rounded_give_the_same_answers(wide, tmp_path, quantize):
    model = HuggingFaceModel(str(wide), quantize=quantize)
    tokenizer, network = model.read("float32")
    network.save_pretrained(tmp_path / "saved")
    tokenizer.save_pretrained(tmp_path / "saved")
    saved = HuggingFaceModel(str(tmp_path / "saved"))
    assert saved.identity["quantisation"] == f"bitsandbytes {quantize}"
    assert saved.identity["weights"] != model.identity["weights"]
    assert answers(saved) == answers(model)
    assert saved.memory()[0] == pytest.approx(model.memory()[0], rel=0.1)
    assert model.memory()[0] < 0.7 * HuggingFaceModel(str(wide)).memory()[0]
    with pytest.raises(HarnessError, match=r"is quantised already \(bitsandbytes\)"):
        _ = HuggingFaceModel(str(tmp_path / "saved"), quantize="nf4").identity


FORMATS = {
    "W4A16": ("pack-quantized", {"num_bits": 4, "strategy": "group", "group_size": 16}, None),
    "W8A8": ("int-quantized", {"num_bits": 8, "strategy": "channel"}, {"num_bits": 8}),
    "FP8": (
        "float-quantized",
        {"num_bits": 8, "type": "float", "strategy": "channel"},
        {"num_bits": 8, "type": "float"},
    ),
}


def compressed(base, folder, kind):
    """A checkpoint as compressed-tensors saves it, rounded to the nearest; gives its logits."""
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import QuantizationConfig, apply_quantization_config
    from compressed_tensors.quantization.utils import calculate_qparams

    form, weights, states = FORMATS[kind]
    states = states and {**states, "strategy": "token", "dynamic": True}
    group = {"targets": ["Linear"], "weights": weights, "input_activations": states, "format": form}
    config = QuantizationConfig.model_validate(
        {"config_groups": {"all": group}, "ignore": ["lm_head"], "format": form}
    )
    model = AutoModelForCausalLM.from_pretrained(base).eval()
    apply_quantization_config(model, config)
    for module in model.modules():
        if hasattr(module, "weight_scale"):
            rows = module.weight.unflatten(1, (-1, weights.get("group_size", module.in_features)))
            scale, zero = calculate_qparams(
                rows.amin(-1), rows.amax(-1), module.quantization_scheme.weights
            )
            module.weight_scale.data.copy_(scale)
            if hasattr(module, "weight_zero_point"):
                module.weight_zero_point.data.copy_(zero)
            module.quantization_enabled = True
    with torch.no_grad():
        logits = model(torch.arange(1, 30)[None]).logits
    compressor = ModelCompressor.from_pretrained_model(model, quantization_format=form)
    compressor.compress_model(model)
    model.save_pretrained(folder)
    compressor.update_config(folder)
    for file in wide_tokenizer(base):
        (folder / file.name).write_bytes(file.read_bytes())
    return logits


def wide_tokenizer(base):
    return [*base.glob("tokenizer*"), *base.glob("*.jinja")]


@pytest.mark.parametrize("kind", FORMATS)
def test_compressed_tensors_run_as_they_were_made(wide, tmp_path, kind):
    logits = compressed(wide, tmp_path / kind, kind)
    model = HuggingFaceModel(str(tmp_path / kind))
    loaded = model.load("float32")
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(torch.arange(1, 30)[None]).logits, logits)
    assert loaded.misfit is None
    bits = {"W4A16": "W4A16", "W8A8": "W8A8", "FP8": "W8A8"}[kind]
    form = FORMATS[kind][0]
    assert model.identity["quantisation"] == f"compressed-tensors {form} {bits}"
    assert any("rounds its states" in note for note in model.notes) == (kind != "W4A16")
    assert len(answers(model)) == 4


def test_fp8_in_blocks_is_computed_in_plain_numbers_where_no_card_is(wide, tmp_path):
    weights = load_file(wide / "model.safetensors")
    stored = {}
    for name, weight in weights.items():
        if weight.dim() == 2 and "proj" in name:
            scale = weight.abs().max() / 448
            stored[name] = (weight / scale).to(torch.float8_e4m3fn)
            stored[f"{name}_scale_inv"] = scale.reshape(1, 1)
        else:
            stored[name] = weight
    config = json.loads((wide / "config.json").read_text())
    config["quantization_config"] = {
        "quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic",
    }  # fmt: skip
    (tmp_path / "fp8").mkdir()
    for file in wide_tokenizer(wide):
        (tmp_path / "fp8" / file.name).write_bytes(file.read_bytes())
    save_file(stored, tmp_path / "fp8" / "model.safetensors", {"format": "pt"})
    (tmp_path / "fp8" / "config.json").write_text(json.dumps(config))
    model = HuggingFaceModel(str(tmp_path / "fp8"))
    held = model.load("float32").model.model.layers[0].mlp.up_proj.weight
    name = "model.layers.0.mlp.up_proj.weight"
    torch.testing.assert_close(
        held.float(), stored[name].float() * stored[f"{name}_scale_inv"], rtol=1e-2, atol=1e-3
    )
    assert model.identity["quantisation"] == "fp8"
    assert len(answers(model)) == 4


def test_what_stands_beside_a_row_moves_8_bits_and_not_plain_weights(wide):
    rows = [torch.arange(1, 26), torch.arange(200, 220)]
    plain = HuggingFaceModel(str(wide)).load("float32").model
    int8 = HuggingFaceModel(str(wide), quantize="int8").load("float32").model
    assert moved_by_company(plain, rows) < 1e-5
    assert moved_by_company(int8, rows) > 1e-4
    (note,) = notes_on_quantised({}, "int8", "it")
    assert "what stands beside a request moves its numbers" in note


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_stays_beside_quantised_weights(wide, tmp_path):
    peft = pytest.importorskip("peft")
    base = AutoModelForCausalLM.from_pretrained(wide)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"])
    adapted = peft.get_peft_model(base, config)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.fill_(0.5)
    adapted.save_pretrained(tmp_path / "adapter")
    model = HuggingFaceModel(str(tmp_path / "adapter"), quantize="int8")
    bare = HuggingFaceModel(str(wide), quantize="int8").load("float32").model
    layer = model.load("float32").model.model.layers[0].self_attn.q_proj
    states, changed = torch.randn(3, 64), dict(adapted.named_parameters())
    down, up = (
        changed[f"base_model.model.model.layers.0.self_attn.q_proj.lora_{side}.default.weight"]
        for side in "AB"
    )
    with torch.no_grad():
        expected = bare.model.layers[0].self_attn.q_proj(states) + 4 * (states @ down.T) @ up.T
        torch.testing.assert_close(layer(states), expected, rtol=1e-3, atol=1e-3)
    assert "kept beside the quantised weights of" in model.notes[0]
    assert model.load("float32").misfit is None
    assert len(answers(model)) == 4


METHODS = {
    "gptq": ({"bits": 4}, "gptqmodel and optimum: pip install gptqmodel optimum, or give"),
    "awq": ({"bits": 4}, "gptqmodel: pip install gptqmodel, or give"),
    "torchao": ({}, "torchao: pip install torchao, or give"),
    "quanto": ({}, "optimum-quanto: pip install optimum-quanto, or give"),
}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_whose_package_is_missing_is_refused_by_name(wide, method, monkeypatch):
    settings, packages = METHODS[method]
    made = {"quant_method": method, **settings}
    path = wide / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "quantization_config": made}))
    with pytest.raises(HarnessError, match=f"quantised by {method}, which needs {packages}"):
        _ = HuggingFaceModel(str(wide)).identity
    monkeypatch.setattr("harness.models.vllm.model._version", lambda: "0")
    assert VllmModel(str(wide)).identity["quantisation"].startswith(method)  # it has its own


@pytest.mark.parametrize("backend", [HuggingFaceModel, VllmModel])
def test_without_bitsandbytes_its_weights_are_refused(wide, backend, monkeypatch):
    path = wide / "config.json"
    made = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    path.write_text(json.dumps({**json.loads(path.read_text()), "quantization_config": made}))
    monkeypatch.setattr("harness.models.checkpoints.quantised._is_here", lambda package: False)
    monkeypatch.setattr("harness.models.vllm.model._version", lambda: "0")
    with pytest.raises(HarnessError, match=r"needs bitsandbytes: pip install 'harness\[quantised"):
        _ = backend(str(wide)).identity


def test_a_scheme_that_is_none_is_refused(wide):
    with pytest.raises(HarnessError, match=r"backend\.quantize='int3' is not one of int8, nf4"):
        _ = HuggingFaceModel(str(wide), quantize="int3").identity


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ({"load_in_8bit": True}, "bitsandbytes int8"),
        ({"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
         "bitsandbytes nf4 twice"),
        ({"quant_method": "gptq", "bits": 3}, "gptq 3-bit"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
    ],
)  # fmt: skip
def test_a_scheme_has_a_name(made, named):
    assert scheme({"quantization_config": made}, None) == named
    assert scheme({"text_config": {"quantization_config": made}}, None) == named
    assert scheme({}, None) is None


def test_what_cannot_be_computed_here_is_one_sentence(wide, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("shape '[32, 0]' is invalid for input of size 16\nmore")

    model = AutoModelForCausalLM.from_pretrained(wide)
    monkeypatch.setattr(model, "forward", broken)
    with pytest.raises(
        HarnessError, match=r"cannot be computed on cpu: RuntimeError, shape .* 16$"
    ):
        check_causal(model, "it")
