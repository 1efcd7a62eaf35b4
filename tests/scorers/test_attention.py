"""Attention of a model's last layer: words and ranks by hand, and a tiny checkpoint."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from harness.models.hf.model import HuggingFaceModel
from harness.scorers.prompts.attending import head_attention, tokens_at
from harness.scorers.prompts.attention import AttentionScorer, attended
from harness.testing import check_scorer
from harness.types import Generation, GenerationConfig, HarnessError, Request, Sample

TEXT = "my friends have all left and the evenings are long"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A random model of two layers with four heads that knows the words of a text."""
    torch.manual_seed(0)
    vocabulary = {w: i for i, w in enumerate(dict.fromkeys(["<unk>", "</s>", *TEXT.split()]))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    folder = tmp_path_factory.mktemp("tiny")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>",
        chat_template="{% for m in messages %}{{ m.content }} {% endfor %}",
    ).save_pretrained(folder)  # fmt: skip
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
        )
    ).save_pretrained(folder)  # fmt: skip
    return folder


def scored(scorer, text, explanation):
    sample = Sample("1", "?", metadata={"text": text, "explanation": explanation})
    (scores,) = scorer.score([sample], [Generation("1", 0, "")])
    return {score.metric: score for score in scores}


def weights(model, request):
    ((answer,),) = model.generate([request], GenerationConfig(max_new_tokens=1), 0)
    return answer.choice_logprobs


def places_of(*words):
    ends = np.cumsum([len(word) for word in words]).tolist()
    return list(zip([0, *ends], ends, strict=False))


def test_the_words_of_the_tokens_that_are_attended_to_most():
    tokens = ("I", " slee", "p", " bad", "ly", "!")
    attention = np.zeros((6, 6), np.float32)
    attention[:, [1, 5, 0]] = 0.5, 0.3, 0.2  # column sums 3, 1.8, 1.2
    read = attended(attention, "".join(tokens), places_of(*tokens), top=2)
    assert read.words == {"sleep"}  # a part of a word stands for it, a mark for none
    assert read.rank == 1  # every row is the same
    assert read.spread == pytest.approx(1)
    assert attended(attention, "".join(tokens), places_of(*tokens), top=3).words == {"sleep", "i"}


def test_ranks_by_hand():
    places = places_of("a ", "b ", "c ", "d ")
    whole = attended(np.eye(4, dtype=np.float32), "a b c d ", places, 1)
    assert (whole.rank, whole.spread) == (4, pytest.approx(4))
    half = attended(np.diag([1, 1, 0, 0]).astype(np.float32), "a b c d ", places, 1)
    assert (half.rank, half.spread) == (2, pytest.approx(2))
    tilted = attended(np.diag([3, 1, 0, 0]).astype(np.float32), "a b c d ", places, 1)
    assert tilted.spread == pytest.approx(4 / 27**0.25)  # exp(-(3/4 ln 3/4 + 1/4 ln 1/4))


def test_overlap_is_of_the_marked_words_and_more_than_half_is_covered(tiny):
    scorer = AttentionScorer(str(tiny), top=2, device="cpu")
    first = scored(scorer, TEXT, "left")["attention_recall"].explanation.split(", ")
    assert len(first) == 2
    exactly_half = scored(scorer, TEXT, f"{first[0]} evermore")
    assert exactly_half["attention_recall"].value == 0.5
    assert exactly_half["attention_covered"].value == 0
    assert scored(scorer, TEXT, " ".join(first))["attention_covered"].value == 1


def test_it_is_the_attention_that_transformers_gives_and_the_engine_goes_on(tiny):
    model = HuggingFaceModel(str(tiny), dtype="float32", device="cpu")
    loaded = model.load("float32")
    request = Request("1", TEXT, choices=(" left", " long"))
    before = weights(model, request)
    implementation = loaded.model.config._attn_implementation
    tokens, places = tokens_at(loaded, TEXT)
    assert [TEXT[a:b] for a, b in places] == TEXT.split()
    reference = LlamaForCausalLM.from_pretrained(tiny, attn_implementation="eager").eval()
    with torch.no_grad():
        wanted = reference(torch.tensor([tokens]), output_attentions=True).attentions[-1][0]
    for head in range(4):
        read = head_attention(loaded, tokens, head)
        assert np.abs(read - wanted[head].numpy()).max() < 1e-6
        assert read.sum(1) == pytest.approx(1, abs=1e-5)
    assert loaded.model.config._attn_implementation == implementation
    assert weights(model, request) == before


def test_what_cannot_be_read_is_missing_with_its_reason(tiny):
    scorer = AttentionScorer(str(tiny), device="cpu")
    assert scored(scorer, "", "left")["attention_recall"].error == "the sample has no text"
    unmarked = scored(scorer, TEXT, "")
    assert unmarked["attention_covered"].error == "the sample has no explanation"
    assert unmarked["attention_rank"].value >= 1
    long = scored(scorer, f"{TEXT} " * 7, "left")["attention_rank"]
    assert long.error == "the text has 70 tokens, more than the 64 read"


def test_it_keeps_the_contract(tiny):
    sample = Sample("1", "?", metadata={"text": TEXT, "explanation": "friends left"})
    check_scorer(AttentionScorer(str(tiny), device="cpu"), [sample])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": -1}, r"scorers\.attention\.head=-1 must be 0 or more"),
        ({"top": 0}, r"scorers\.attention\.top=0 must be 1 or more"),
        ({"head": 4}, r"scorers\.attention\.head=4, but the last layer of .* has the heads 0 to 3"),
    ],
)
def test_a_head_that_is_not_there_is_refused(tiny, options, message):
    with pytest.raises(HarnessError, match=message):
        scored(AttentionScorer(str(tiny), device="cpu", **options), TEXT, "left")
