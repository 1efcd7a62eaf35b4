"""Weights laid out for the CPU's products: the same numbers, names and hooks."""

import weakref

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from harness.models.hf import packed
from harness.models.hf.packed import PackedLinear, pack
from harness.models.hf.slots import Slots

BFLOAT16 = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
pytestmark = pytest.mark.skipif(not BFLOAT16, reason="this CPU's oneDNN has no bfloat16")
TOKENS = torch.arange(40)[None]
TINY = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "bos_token_id": 1, "eos_token_id": 2,
        "pad_token_id": 2}  # fmt: skip


def made(kind: str = "llama", dtype: torch.dtype = torch.bfloat16, **settings):
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **TINY | settings)
    return AutoModelForCausalLM.from_config(config, dtype=dtype).eval()


@torch.inference_mode()
def logits(model) -> torch.Tensor:
    return model(TOKENS, use_cache=False).logits


@pytest.mark.parametrize(("kind", "biased"), [("llama", False), ("qwen2", True)])
def test_logits_are_the_same_bit_by_bit(kind, biased):
    model = made(kind)
    expected = logits(model)
    assert pack(model) == 2 * 7 + 1
    assert (model.model.layers[0].self_attn.q_proj.bias is not None) == biased
    assert torch.equal(logits(model), expected)


def test_weights_keep_their_names_and_shapes_and_can_be_had_back():
    model, plain = made(), dict(made().named_parameters())
    pack(model)
    weights = dict(model.named_parameters())
    assert {n: (w.shape, w.dtype) for n, w in weights.items()} == {
        n: (w.shape, w.dtype) for n, w in plain.items()
    }
    for name, weight in weights.items():
        assert torch.equal(weight.to_dense() if weight.is_mkldnn else weight, plain[name]), name
    assert sum(weight.is_mkldnn for weight in weights.values()) == 15


def test_the_embedding_that_is_tied_to_the_output_stays_plain():
    model = made(tie_word_embeddings=True)
    expected = logits(model)
    assert pack(model) == 15
    assert not model.get_input_embeddings().weight.is_mkldnn
    assert type(model.lm_head) is PackedLinear
    assert torch.equal(logits(model), expected)


def test_plain_weights_are_given_up():
    model = made()
    plain = [weakref.ref(weight) for weight in model.model.layers[0].mlp.parameters()]
    pack(model)
    assert [weight() for weight in plain] == [None] * 3


def test_where_memory_is_short_nothing_is_held_twice(monkeypatch):
    monkeypatch.setattr(packed, "free_bytes", lambda device: 0)
    tied = made(tie_word_embeddings=True)
    assert pack(tied) == 14
    assert tied.lm_head.weight is tied.get_input_embeddings().weight
    assert pack(made()) == 15


def test_layers_that_share_a_weight_share_its_layout():
    model = made()
    first, second = (layer.mlp for layer in model.model.layers)
    second.up_proj.weight = first.up_proj.weight
    expected = logits(model)
    pack(model)
    assert second.up_proj.weight is first.up_proj.weight
    assert torch.equal(logits(model), expected)


class Reading(torch.nn.Module):
    """A block that reads the weight of a layer of its own, as some models do."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, states):
        return torch.nn.functional.linear(states, self.layer.weight * 1)


@pytest.mark.parametrize("tied", [False, True])
def test_where_a_weight_is_read_otherwise_all_stay_as_they_were(tied):
    model = made(tie_word_embeddings=tied)
    mlp = model.model.layers[1].mlp
    mlp.down_proj = Reading(mlp.down_proj)
    expected, weights = logits(model), {n: w.clone() for n, w in model.named_parameters()}
    assert pack(model) == 0
    assert {type(m) for m in model.modules()} & {PackedLinear} == set()
    assert torch.equal(logits(model), expected)
    assert dict(model.named_parameters()).keys() == weights.keys()
    assert all(torch.equal(w, weights[n]) for n, w in model.named_parameters())


class Quantised(torch.nn.Linear):
    """Stands for a library's layer, which multiplies in its own way."""


def test_only_plain_linear_layers_are_replaced():
    model = made()
    first, second = (layer.mlp for layer in model.model.layers)
    first.up_proj.__class__ = Quantised
    torch.nn.utils.parametrizations.weight_norm(first.gate_proj)
    first.down_proj.register_forward_pre_hook(lambda module, inputs: None)
    second.up_proj.weight = torch.nn.Parameter(second.up_proj.weight.to(torch.float16))
    second.up_proj.forward = lambda states: states.new_zeros(*states.shape[:-1], 48)
    assert pack(model) == 15 - 4


def test_float32_products_stay_as_they_are():
    model = made(dtype=torch.float32)
    assert pack(model) == 0


def test_hooks_of_layers_go_on_working():
    model = made()
    seen = []
    model.model.layers[0].mlp.up_proj.register_forward_hook(lambda *given: seen.append(given[2]))
    pack(model)
    seen.clear()
    logits(model)
    assert [tuple(states.shape) for states in seen] == [(1, 40, 48)]


def test_a_gradient_comes_through_packed_layers():
    gradients = []
    for packs in (False, True):
        model = made()
        if packs:
            pack(model)
        states = torch.linspace(-1, 1, 32, dtype=torch.bfloat16).repeat(1, 3, 1).requires_grad_()
        model(inputs_embeds=states, use_cache=False).logits.float().square().sum().backward()
        gradients.append(states.grad)
    torch.testing.assert_close(gradients[0], gradients[1])


def test_a_step_reads_the_whole_room_of_its_rows_without_copies(monkeypatch):
    from harness.models.hf import slots as of_slots

    torch.manual_seed(0)
    keys, values = torch.randn(12, 2, 4), torch.randn(12, 2, 4)
    query, new = torch.randn(2, 2, 3, 4), (torch.randn(2, 2, 4), torch.randn(2, 2, 4))
    part, seen, outputs = of_slots.part, [], []

    def watched(query, keys, values, bias):
        seen.append(keys.is_contiguous() and values.is_contiguous())
        return part(query, keys, values, bias)

    monkeypatch.setattr(of_slots, "part", watched)
    for growth in (1, 16):
        monkeypatch.setattr(of_slots, "GROWTH", growth)
        work = Slots(torch.device("cpu"))
        work.add([(keys, values)], [range(5), range(5, 12)])
        work.begin()
        outputs.append(work.attend(0, query, *new))
    assert seen == [True, True]
    torch.testing.assert_close(outputs[0], outputs[1])
    row = torch.cat([keys[:5], new[0][:1]]), torch.cat([values[:5], new[1][:1]])
    scores = torch.einsum("hqw,khw->hqk", query[0], row[0]).softmax(-1)
    torch.testing.assert_close(outputs[1][0], torch.einsum("hqk,khw->hqw", scores, row[1]))
