"""What cannot be done to or beside quantised weights is refused, in one sentence."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM

from harness.models.hf.model import HuggingFaceModel
from harness.types import HarnessError

pytest.importorskip("bitsandbytes")


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_that_cannot_be_computed_beside_quantised_weights_says_so(wide, tmp_path):
    peft = pytest.importorskip("peft")
    for name, config in {
        "dora": peft.LoraConfig(
            task_type="CAUSAL_LM", r=2, target_modules=["q_proj"], use_dora=True
        ),
        "loha": peft.LoHaConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"]),
    }.items():
        base = AutoModelForCausalLM.from_pretrained(wide)
        peft.get_peft_model(base, config).save_pretrained(tmp_path / name)
    with pytest.raises(HarnessError, match=r"in quantised weights \(.*; ask it over plain weights"):
        HuggingFaceModel(str(tmp_path / "dora"), quantize="int8").load("float32")
    with pytest.raises(HarnessError, match=r"in quantised weights \(.* or plain weights"):
        HuggingFaceModel(str(tmp_path / "loha"), quantize="nf4").load("float32")


class Halved:
    """A mitigation that edits one weight."""

    def __init__(self, name):
        self.name = name
        self.identity = {"mitigation": "halved"}
        self.description = "halves a weight"

    def apply(self, request):
        return request

    def change_weights(self, weights):
        return {self.name: weights[self.name] * 0.5}


@pytest.mark.parametrize("quantize", ["int8", "nf4"])
def test_a_mitigation_does_not_edit_rounded_weights_as_if_they_were_plain(wide, quantize):
    model = HuggingFaceModel(str(wide), quantize=quantize)
    with pytest.raises(
        HarnessError, match=r"Halved changes .*, which is quantised; give the model"
    ):
        model.hooked([Halved("model.layers.0.mlp.down_proj.weight")]).load("float32")
    head = model.load("float32").model.lm_head.weight  # it is not rounded
    halved = model.hooked([Halved("lm_head.weight")]).load("float32").model.lm_head.weight
    torch.testing.assert_close(halved, head / 2)


def test_a_method_that_transformers_does_not_know_is_refused_by_name(wide):
    path = wide / "config.json"
    told = json.loads(path.read_text()) | {"quantization_config": {"quant_method": "foo"}}
    path.write_text(json.dumps(told))
    with pytest.raises(HarnessError, match=r"quantised by 'foo', which transformers .* not know"):
        HuggingFaceModel(str(wide)).load("float32")
