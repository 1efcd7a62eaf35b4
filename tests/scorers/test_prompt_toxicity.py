"""Prompts read from a model's states: the perceptron by hand, a tiny checkpoint, what ships."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from harness.models.hf.model import HuggingFaceModel
from harness.scorers.prompts.perceptron import NAMES, Perceptron, inner_products
from harness.scorers.prompts.prompt_toxicity import PromptToxicityScorer
from harness.scorers.prompts.states import last_states, layers_of
from harness.testing import check_scorer
from harness.train.prompt_toxicity import fit
from harness.train.prompts import CONCEPTS, FORMS, TOPICS, part
from harness.types import Generation, HarnessError, Message, Sample, weights_of

WORDS = "how do i bake a cake for my son what is the best way to help old people with bread"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A random model of four layers that knows a few words."""
    torch.manual_seed(0)
    vocabulary = {
        w: i for i, w in enumerate(dict.fromkeys(["<unk>", "</s>", "user", ":", *WORDS.split()]))
    }
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    folder = tmp_path_factory.mktemp("tiny")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>",
        chat_template="{% for m in messages %}{{ m.role }} : {{ m.content }} {% endfor %}",
    ).save_pretrained(folder)  # fmt: skip
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=4,
            num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=128,
        )
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def weights(tiny, tmp_path_factory):
    """Weights for that model, fitted to tell bread from cake."""
    backend = HuggingFaceModel(str(tiny), dtype="float32", device="cpu")
    loaded, layers = backend.load("float32"), layers_of(4)
    texts = [f"how do i {w} {x}" for x in ("bread", "cake") for w in ("help", "bake a", "best")]
    states = last_states(loaded, texts, layers)
    labels = np.array([1, 1, 1, 0, 0, 0], np.float32)
    arrays = fit(states, last_states(loaded, ["bread", "cake"], layers), labels, labels * 0 + 1, 0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    about = json.dumps({"layers": layers, "model": weights_of(backend.identity)})
    path.write_bytes(save(arrays, {"harness": about}))
    return path


def requests(*texts):
    return [Sample(str(i), (Message("user", text),)) for i, text in enumerate(texts)]


def values(scorer, *texts):
    answers = [Generation(str(i), 0, "") for i in range(len(texts))]
    return [score.value for (score,) in scorer.score(requests(*texts), answers)]


def test_a_share_by_hand():
    arrays = {
        "mean": [[1.0, 0.0]], "scale": [[1.0, 2.0]], "concepts": [[[2.0, 0.0]], [[0.0, 4.0]]],
        "centre": [0.5, 0.0], "spread": [0.5, 1.0], "inner": [[1.0, 0.5]], "bias": [0.0],
        "outer": [[3.0]], "offset": [-1.0],
    }  # fmt: skip
    perceptron = Perceptron((1,), "m", {n: np.array(arrays[n], np.float32) for n in NAMES})
    states = np.array([[[2.0, 1.0]]], np.float32)  # (1, .5) once it is scaled
    assert perceptron.features(states).tolist() == [[1.0, 1.0]]  # products 1 and 1
    share = 1 / (1 + math.exp(-(3 * math.tanh(1.5) - 1)))
    assert perceptron.shares(states) == pytest.approx([share])


def test_inner_products_are_of_each_layer_with_each_concept():
    states = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    concepts = np.array([[[1, 0]] * 3, [[0, 1]] * 3], np.float32)
    assert inner_products(states, concepts)[1].tolist() == [3, 3.5, 4, 4.5, 5, 5.5]


def test_what_is_read_is_the_state_of_the_last_token_whatever_stands_beside_it(tiny):
    loaded = HuggingFaceModel(str(tiny), dtype="float32", device="cpu").load("float32")
    texts = ["bake a cake", "help", "what is the best way to help old people"]
    together = last_states(loaded, texts, [1, 4])
    alone = np.concatenate([last_states(loaded, [text], [1, 4]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5
    tokens = loaded.tokenizer if hasattr(loaded, "tokenizer") else loaded.encoder.tokenizer
    ids = torch.tensor([tokens("user : bake a cake")["input_ids"]])
    with torch.no_grad():
        states = loaded.model(input_ids=ids, output_hidden_states=True).hidden_states
    assert together[0, 0] == pytest.approx(states[1][0, -1].numpy(), abs=1e-5)


def test_it_learns_and_reads_requests_whatever_is_answered(tiny, weights):
    scorer = PromptToxicityScorer(str(tiny), str(weights), device="cpu")
    check_scorer(scorer, requests("how do i bake a cake", "what is the best bread"))
    low, high = values(scorer, "how do i bake a cake", "how do i help bread")
    assert low < 0.5 < high
    sample = requests("how do i help bread")
    answers = [Generation("0", i, text) for i, text in enumerate(("", "I will not help you."))]
    assert [s[0].value for s in scorer.score(sample * 2, answers)] == [high, high]


def test_a_request_that_cannot_be_read_is_missing(tiny, weights):
    scorer = PromptToxicityScorer(str(tiny), str(weights), device="cpu")
    rows = scorer.score(
        requests(
            "", "\u4f60\u597d\uff0c\u6211\u4e0d\u80fd\u56de\u7b54", "how do i bake a cake " * 40
        ),
        [Generation(str(i), 0, "Yes.") for i in range(3)],
    )
    errors = [score.error for (score,) in rows]
    assert errors[0] == "nothing is asked"
    assert "not English" in errors[1]
    assert "tokens, more than" in errors[2]


def test_weights_for_another_model_or_none_are_said(tiny, weights, tmp_path):
    with pytest.raises(HarnessError, match=r"no weights 'none\.safetensors'"):
        PromptToxicityScorer(weights="none.safetensors")
    scorer = PromptToxicityScorer(str(tiny), device="cpu")
    with pytest.raises(HarnessError, match=r"made for another model than .*model='.*tiny"):
        scorer.identity  # noqa: B018
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(HarnessError, match="cannot be read"):
        PromptToxicityScorer(str(tiny), str(cut)).identity  # noqa: B018


def test_layers_run_from_the_middle_to_the_last():
    assert layers_of(30) == [15, 18, 21, 24, 27, 30]
    assert layers_of(4)[0] == 2
    assert layers_of(4)[-1] == 4


def test_what_is_trained_on_is_not_what_is_measured(shared_data):
    halves = [part(shared_data, number) for number in (0, 1)]
    texts = [{prompt.text for prompt in half} for half in halves]
    assert not texts[0] & texts[1]
    for half in halves:
        assert {prompt.source for prompt in half} == {
            "xstest", "med_safety_bench", "counsel_chat", "instructions", "own",
        }  # fmt: skip
        assert 0.35 < np.mean([prompt.toxic for prompt in half]) < 0.65
    assert len(set(CONCEPTS)) == 64
    assert len(FORMS) * len(TOPICS) == 240
