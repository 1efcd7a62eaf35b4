from pathlib import Path

import pytest
from rouge_score.rouge_scorer import RougeScorer

from harness.scorers.encoder import encoder_folder
from harness.scorers.judged.comparing import Comparer
from harness.scorers.judged.preferred import PreferredScorer
from harness.scorers.justification.scorer import JustificationScorer
from harness.types.errors import HarnessError
from harness.types.records import Generation, Sample

REFERENCE = "The client is grieving, so the counsellor should explore the loss first."
QUESTION = Sample("q", "Which?", target="B", metadata={"explanation": REFERENCE})


def scored(scorer, *texts, sample=QUESTION):
    answers = [Generation("q", i, text) for i, text in enumerate(texts)]
    return [
        {score.metric: score for score in one}
        for one in scorer.score([sample] * len(texts), answers)
    ]


@pytest.mark.long
def test_nearer_explanations_score_higher_and_the_same_is_one():
    same, near, far = scored(
        JustificationScorer(),
        REFERENCE,
        "Grief should be explored before anything else is done.",
        "The train leaves at nine from the second platform.",
    )
    assert same["rouge_l"].value == pytest.approx(1)
    assert same["similarity"].value == pytest.approx(1)
    assert near["similarity"].value > far["similarity"].value + 0.3
    expected = RougeScorer(["rougeL"]).score(REFERENCE, "Grief should be explored")["rougeL"]
    (found,) = scored(JustificationScorer(), "Grief should be explored")
    assert found["rouge_l"].value == pytest.approx(expected.fmeasure)


def test_rouge_l_of_hand_worked_words():
    sample = Sample("q", "?", metadata={"explanation": "a b c d"})
    (found,) = scored(JustificationScorer(), "a c d e", sample=sample)
    assert found["rouge_l"].value == pytest.approx(0.75)  # a, c, d of four words on either side


def test_the_similarity_is_that_of_the_published_recipe():
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = encoder_folder()
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    texts = [REFERENCE, "Grief should be explored before anything else is done."]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**batch).last_hidden_state
    mask = batch["attention_mask"][:, :, None]
    one, other = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1))
    (found,) = scored(JustificationScorer(), texts[1])
    assert found["similarity"].value == pytest.approx(float(one @ other), abs=1e-4)


@pytest.mark.long
def test_bertscore_is_that_of_its_package():
    from bert_score import score

    folder = str(encoder_folder())
    scorer = JustificationScorer(bertscore_model=folder)
    assert "bertscore" in scorer.metrics
    text = "Grief should be explored before anything else is done."
    (found,) = scored(scorer, text)
    expected = score([text], [REFERENCE], model_type=folder, num_layers=6)[2]
    assert found["bertscore"].value == pytest.approx(float(expected[0]), abs=1e-5)
    assert scorer.identity != JustificationScorer().identity


def test_what_has_nothing_to_compare_is_missing():
    (empty, words, none) = (
        *scored(JustificationScorer(), " ", "?!"),
        *scored(JustificationScorer(), "Because.", sample=Sample("q", "?")),
    )
    assert empty["rouge_l"].error == "empty answer"
    assert words["similarity"].error == "no words to compare"
    assert none["rouge_l"].error == "the sample has no explanation"


@pytest.mark.parametrize("folder", ["/nowhere", "."])
def test_a_folder_without_weights_is_refused(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HarnessError, match="bertscore_model"):
        JustificationScorer(bertscore_model=folder)


class Judge:
    """Weighs by what stands first, or by which text is longer."""

    name = "judge"
    weighs_choices = False
    identity = {"weights": "w"}  # noqa: RUF012

    def __init__(self, always=None):
        self.always = always

    def generate(self, requests, generation, seed):
        for request in requests:
            text = request.prompt[-1].content
            better = "A" if text.index("grief is named") < text.index("counsellor") else "B"
            said = self.always or better
            yield [Generation(request.sample_id, 0, f"Answer {said}")]


def test_a_preference_holds_in_both_orders_or_is_a_tie():
    (won,) = scored(PreferredScorer("j", Judge()), "Here grief is named.")
    assert won["preferred"].value == 1
    (tied,) = scored(PreferredScorer("j", Judge(always="A")), "Here grief is named.")
    assert tied["preferred"].value == 0.5
    (unread,) = scored(PreferredScorer("j", Judge(always="Z")), "Here grief is named.")
    assert unread["preferred"].value is None
    assert "names neither" in unread["preferred"].error
    assert isinstance(PreferredScorer("j", Judge())._comparer, Comparer)


WORDS = ["<s>", "<pad>", "</s>", "<unk>", *REFERENCE.lower().replace(",", "").strip(".").split()]


def tiny_encoder(folder, kind, rows=32):
    """An encoder of 34 positions, whose tokenizer does not say how many tokens it takes."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import (
        BertConfig,
        BertModel,
        PreTrainedTokenizerFast,
        RobertaConfig,
        RobertaModel,
    )

    known = {word: i for i, word in enumerate(dict.fromkeys(WORDS))}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    ends = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=ends)
    names = {"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    shape = {
        "vocab_size": rows, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 16, "max_position_embeddings": 34, "pad_token_id": 1,
    }  # fmt: skip
    torch.manual_seed(0)
    model = {"bert": (BertModel, BertConfig), "roberta": (RobertaModel, RobertaConfig)}[kind]
    made = model[0](model[1](**shape))
    made.save_pretrained(folder)
    return str(folder), made


SAID = "the client is grieving so the counsellor should explore the loss first"


@pytest.mark.long
@pytest.mark.parametrize(("kind", "longest"), [("bert", 34), ("roberta", 32)])
def test_an_encoder_without_a_longest_input_reads_what_it_has_positions_for(
    kind, longest, tmp_path
):
    folder, _ = tiny_encoder(tmp_path, kind)
    scorer = JustificationScorer(bertscore_model=folder)
    sample = Sample("q", "?", metadata={"explanation": SAID})
    long, same = scored(scorer, " ".join([SAID] * 9), SAID, sample=sample)
    assert scorer._bert.tokenizer.model_max_length == longest
    assert same["bertscore"].value == pytest.approx(1)
    assert 0 < long["bertscore"].value < 1
    assert 0 < long["rouge_l"].value < 1


def test_an_encoder_that_is_cut_or_has_no_tokenizer_is_refused(tmp_path):
    folder, _ = tiny_encoder(tmp_path, "bert")
    weights = Path(folder) / "model.safetensors"
    whole = weights.read_bytes()
    sample = Sample("q", "?", metadata={"explanation": SAID})
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HarnessError, match="is no whole safetensors file"):
        scored(JustificationScorer(bertscore_model=folder), SAID, sample=sample)
    weights.write_bytes(whole)
    for file in Path(folder).glob("tokenizer*"):
        file.unlink()
    with pytest.raises(HarnessError, match="has no tokenizer"):
        scored(JustificationScorer(bertscore_model=folder), SAID, sample=sample)


def test_a_text_that_the_encoder_does_not_know_has_no_bertscore(tmp_path):
    folder, _ = tiny_encoder(tmp_path, "bert")
    sample = Sample("q", "?", metadata={"explanation": SAID})
    (found,) = scored(JustificationScorer(bertscore_model=folder), "a train leaves", sample=sample)
    assert found["bertscore"].value is None
    assert found["bertscore"].error == "the encoder does not know 3 of the answer's 3 tokens"
    assert found["rouge_l"].value == 0


def test_a_metric_that_fails_leaves_the_others_and_says_why(tmp_path):
    folder, _ = tiny_encoder(tmp_path, "bert", rows=8)  # the tokenizer has more
    sample = Sample("q", "?", metadata={"explanation": SAID})
    (found,) = scored(JustificationScorer(bertscore_model=folder), SAID, sample=sample)
    assert (found["rouge_l"].value, found["similarity"].value) == (1, pytest.approx(1))
    assert found["bertscore"].value is None
    assert found["bertscore"].error.startswith("it failed with IndexError: ")


def test_an_encoder_that_gives_no_numbers_has_no_score(tmp_path):
    folder, model = tiny_encoder(tmp_path, "bert")
    model.encoder.layer[1].output.dense.weight.data.fill_(float("nan"))
    model.save_pretrained(folder)
    sample = Sample("q", "?", metadata={"explanation": SAID})
    (found,) = scored(JustificationScorer(bertscore_model=folder), SAID, sample=sample)
    assert found["bertscore"].error == "the encoder gave no number"


def test_similarity_is_left_out_where_texts_are_in_no_language_that_it_reads():
    assert list(JustificationScorer(similarity=False).metrics) == ["rouge_l"]
