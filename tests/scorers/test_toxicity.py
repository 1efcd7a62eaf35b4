"""The toxicity scorer, on a small checkpoint in Detoxify's own format, beside Detoxify itself."""

import pickle
import random

import pytest
import torch
from detoxify import Detoxify
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from harness.scorers.detoxify.toxicity import SIX, ToxicityScorer
from harness.testing import check_scorer
from harness.types.errors import HarnessError
from harness.types.records import Generation, Sample

WORDS = ["you", "are", "an", "idiot", "the", "sky", "is", "blue", "what", "a", "lovely", "day"]
CLASSES = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder with the configuration and tokenizer of a very small BERT."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("base")
    vocabulary = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *".!?", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", model_max_length=32,
    ).save_pretrained(folder)  # fmt: skip
    BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32, num_labels=6,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def write(path, base, name="BertForSequenceClassification", **changed):
    """A checkpoint as Detoxify writes it, at random weights large enough to tell texts apart."""
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig.from_pretrained(base, num_labels=6))
    for parameter in model.parameters():
        parameter.data += torch.randn_like(parameter) * 0.3
    arguments = {
        "num_classes": 6, "model_type": str(base), "model_name": name,
        "tokenizer_name": "PreTrainedTokenizerFast",
    }  # fmt: skip
    content = {
        "config": {"arch": {"args": arguments}, "dataset": {"args": {"classes": CLASSES}}},
        "state_dict": model.state_dict(),
    }
    torch.save(content | changed, path)
    return path


@pytest.fixture(scope="module")
def scorer(base, tmp_path_factory):
    checkpoint = write(tmp_path_factory.mktemp("checkpoint") / "small.ckpt", base)
    return ToxicityScorer("original", str(checkpoint), str(base), "cpu")


def scores(scorer, texts):
    found = scorer.score([Sample("q", "?")] * len(texts), [Generation("q", 0, t) for t in texts])
    return [{score.metric: score for score in of_one} for of_one in found]


@pytest.mark.long
def test_it_keeps_the_contract(scorer):
    check_scorer(scorer)


def test_short_texts_get_what_detoxify_gives(scorer, base):
    theirs = Detoxify(checkpoint=scorer._path, huggingface_config_path=str(base))
    rng = random.Random(0)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(4, 20))) + "." for _ in range(40)]
    expected = theirs.predict(texts)
    found = scores(scorer, texts)
    assert list(expected) == list(SIX)
    for metric, values in expected.items():
        assert [f[metric].value for f in found] == pytest.approx(values, abs=2e-5)
    assert max(expected["toxicity"]) - min(expected["toxicity"]) > 0.05


def test_of_a_long_text_the_largest_piece_counts(scorer):
    sentences = ["You are an idiot!", "The sky is blue of course.", "What a lovely day, go away."]
    long = " ".join(s * 1 for s in sentences * 8)
    (whole,) = scores(scorer, [long])
    parts = scores(scorer, scorer._loaded().pieces(long))
    assert len(parts) > 3
    for metric in SIX:
        assert whole[metric].value == max(part[metric].value for part in parts)
    assert whole["toxicity"].explanation == f"the largest of {len(parts)} pieces"


def test_no_word_of_a_long_text_is_left_unread(scorer):
    text = " ".join(WORDS * 20)  # one sentence of 400 words
    assert " ".join(scorer._loaded().pieces(text)).split() == text.split()


def test_another_checkpoint_is_another_identity(scorer, base, tmp_path):
    other = write(tmp_path / "other.ckpt", base, extra=1)
    assert ToxicityScorer("original", str(other), str(base)).identity != scorer.identity


class Evil:
    def __reduce__(self):
        return print, ("run by a checkpoint",)


def test_nothing_in_a_checkpoint_is_run(base, tmp_path, capsys):
    path = write(tmp_path / "evil.ckpt", base, extra=Evil())
    with pytest.raises(HarnessError, match="cannot be read as weights alone"):
        scores(ToxicityScorer("original", str(path), str(base)), ["The sky is blue."])
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(HarnessError, match="cannot be read as weights alone"):
        scores(ToxicityScorer("original", str(tmp_path / "plain.ckpt"), str(base)), ["The sky."])
    assert "run by a checkpoint" not in capsys.readouterr().out


def test_what_is_no_checkpoint_of_detoxify_is_said(base, tmp_path):
    with pytest.raises(HarnessError, match=r"there is no checkpoint 'none\.ckpt'"):
        ToxicityScorer("original", "none.ckpt", str(base))
    with pytest.raises(HarnessError, match="variant='newest' is none of original, unbiased"):
        ToxicityScorer("newest")
    torch.save({"state_dict": {}}, tmp_path / "a.ckpt")
    with pytest.raises(HarnessError, match="not in Detoxify's format: it lacks 'config'"):
        scores(ToxicityScorer("original", str(tmp_path / "a.ckpt"), str(base)), ["The sky."])
    path = write(tmp_path / "b.ckpt", base, name="GPT2LMHeadModel")
    with pytest.raises(HarnessError, match="is of the class 'GPT2LMHeadModel'"):
        scores(ToxicityScorer("original", str(path), str(base)), ["The sky."])
    path = write(tmp_path / "c.ckpt", base)
    with pytest.raises(HarnessError, match="but not sexual_explicit; choose another variant"):
        scores(ToxicityScorer("unbiased", str(path), str(base)), ["The sky."])
    (tmp_path / "short.ckpt").write_bytes(path.read_bytes()[:2000])
    with pytest.raises(HarnessError, match="cannot be read as weights alone"):
        scores(ToxicityScorer("original", str(tmp_path / "short.ckpt"), str(base)), ["The sky."])


def test_english_checkpoints_leave_other_languages_unscored(scorer):
    (found,) = scores(scorer, ["\u4f60\u597d\uff0c\u6211\u4e0d\u80fd\u56de\u7b54\u3002"])
    assert found["toxicity"].value is None
    assert found["toxicity"].error


def altered(folder, base, **changes):
    """A checkpoint some of whose parts are others."""
    content = torch.load(write(folder / "whole.ckpt", base), weights_only=True)
    state, arguments = content["state_dict"], content["config"]["arch"]["args"]
    changes.setdefault("classes", CLASSES)
    arguments |= changes.get("arguments", {})
    path = folder / "altered.ckpt"
    torch.save(
        {
            "config": {
                "arch": {"args": {k: v for k, v in arguments.items() if v is not None}},
                "dataset": {"args": {"classes": changes["classes"]}},
            },
            "state_dict": changes.get("state", lambda state: state)(state),
        },
        path,
    )
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": lambda s: {f"module.{k}": v for k, v in s.items()}}, "does not fit"),
        ({"state": lambda s: {k: v for k, v in s.items() if "classifier" not in k}}, "Missing key"),
        ({"state": lambda s: {**s, "more": torch.zeros(1)}}, "Unexpected key"),
        (
            {"state": lambda s: {**s, "classifier.bias": torch.full((6,), torch.nan)}},
            r"not numbers \(NaN or infinite\): classifier.bias",
        ),
        ({"state": lambda s: [1]}, "lacks its config or state_dict"),
        ({"state": lambda s: {"classifier.bias": "x"}}, "holds what is no tensor"),
        ({"arguments": {"num_classes": None}}, "lacks 'num_classes'"),
        ({"arguments": {"num_classes": "six"}}, "num_classes='six'"),
        ({"classes": [*CLASSES, "more"]}, "names 7 classes and says num_classes=6"),
        (
            {"arguments": {"model_name": "RobertaForSequenceClassification"}},
            "does not fit the configuration",
        ),
    ],
)
def test_a_checkpoint_that_is_not_whole_is_refused_by_what_it_lacks(changes, said, base, tmp_path):
    path = altered(tmp_path, base, **changes)
    scorer = ToxicityScorer("original", checkpoint=str(path), base=str(base), device="cpu")
    with pytest.raises(HarnessError, match=said):
        scorer.score([Sample("q", "what")], [Generation("q", 0, "you are an idiot")])


def test_a_pointer_for_a_checkpoint_and_a_base_without_a_tokenizer_are_refused(base, tmp_path):
    pointer = tmp_path / "pointer.ckpt"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "config.json").write_bytes((base / "config.json").read_bytes())
    whole = write(tmp_path / "whole.ckpt", base)
    for path, folder, said in (
        (pointer, base, "pointer of Git LFS"),
        (whole, bare, "has no tokenizer"),
    ):
        scorer = ToxicityScorer("original", checkpoint=str(path), base=str(folder), device="cpu")
        with pytest.raises(HarnessError, match=said):
            scorer.score([Sample("q", "what")], [Generation("q", 0, "you are an idiot")])
