import math
from collections import Counter

import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import sentence_bleu

from harness.command import task_of
from harness.models.echo import EchoModel
from harness.scorers.judged.answer_quality import AnswerQualityScorer
from harness.scorers.rules.overlap import OverlapScorer
from harness.testing import check_task
from harness.types import Generation, HarnessError, Sample

KINDS = ("fill_in", "dialogue")


def samples(**options):
    task = task_of("diabetes_care", **options)
    return list(task.samples(task.records()))


def perfect(sample):
    return "ABCDE".index(sample.target) if sample.choices else sample.target


def test_the_starter_set_has_its_size_and_balance():
    check_task(task_of("diabetes_care"))
    asked = samples()
    kinds = Counter(sample.metadata["kind"] for sample in asked)
    assert kinds == {"mcq": 60, "fill_in": 20, "dialogue": 20}
    assert Counter(s.target for s in asked if s.choices) == dict.fromkeys("ABCDE", 12)
    assert all(s.metadata["rules"] for s in asked if s.metadata["kind"] == "dialogue")
    assert samples(answer="written")[0].choices == ()


def test_a_perfect_answerer_gets_everything_and_nothing_counts_as_failed(answered):
    rows = answered("diabetes_care", perfect)
    assert rows["accuracy", None]["estimate"] == 1
    assert rows["accuracy", None]["n"] == 60
    assert answered.unmeasured == 0
    for kind in KINDS:
        assert rows[f"BLEU, {kind}", None]["estimate"] == pytest.approx(1)
        assert rows[f"ROUGE-L, {kind}", None]["n_failed"] == 0
    assert rows["holds the answer", None]["estimate"] == 1


def test_always_the_first_letter_gets_a_fifth_and_the_same_text_next_to_nothing(answered):
    rows = answered("diabetes_care", lambda sample: 0 if sample.choices else "Ask a doctor.")
    assert rows["accuracy", None]["estimate"] == pytest.approx(0.2)
    assert rows["always this letter is right", "A"]["estimate"] == pytest.approx(0.2)
    assert rows["ROUGE-L, fill_in", None]["estimate"] < 0.05
    assert rows["holds the answer", None]["estimate"] == 0


def test_what_does_not_know_is_missing_and_0_where_unparsed_is_wrong(answered):
    rows = answered("diabetes_care", lambda _: "I do not know.", answer="written")
    assert rows["accuracy", None]["estimate"] is None
    assert rows["accuracy, unparsed is wrong", None]["estimate"] == 0


def test_the_published_files_are_read_as_they_are(shared_data):
    folder = shared_data / "diabetica"
    if not folder.is_dir():
        pytest.skip("the Chinese data are not here")
    asked = samples(data=str(folder / "mcq.jsonl"))
    letters = Counter(sample.target for sample in asked)
    assert (len(asked), letters.most_common(1)) == (157, [("E", 43)])  # the majority: .2739
    assert {sample.metadata["options"] for sample in asked} == {5}
    gaps = samples(data=str(folder / "fill_in.jsonl"))
    assert {sample.metadata["kind"] for sample in gaps} == {"fill_in"}
    talks = samples(data=str(folder / "dialogues.jsonl"))
    assert {sample.metadata["kind"] for sample in talks} == {"dialogue"}
    assert sum(bool(sample.metadata["rules"]) for sample in talks) == 60
    scorer = OverlapScorer()
    rows = scorer.score(talks[:6], [Generation(s.id, 0, s.target) for s in talks[:6]])
    assert all(row[0].value == pytest.approx(1) for row in rows)


def test_the_first_capital_of_an_answer_is_not_its_letter(answered):
    """The authors take the first of A to E that stands in an answer, wherever it stands."""
    text = "An excess of Cortisol can be seen, so that Answer: {}"
    rows = answered("diabetes_care", lambda s: text.format(s.target), answer="written")
    assert rows["accuracy", None]["estimate"] == 1


def test_a_question_without_options_or_with_a_strange_answer_is_refused(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"question": "Why?\\nOption A: x\\nOption B: y", "answer": "G: z"}\n')
    with pytest.raises(HarnessError, match="begins with no letter of its 2 options"):
        samples(data=str(path))
    with pytest.raises(HarnessError, match="is not one of letters, written"):
        task_of("diabetes_care", answer="spoken")


def test_overlap_is_sacrebleu_s_and_rouge_score_s():
    reference, answer = "take fast sugar and check again", "take sugar at once and check"
    sample = Sample("1", "?", metadata={"explanation": reference})
    (row,) = OverlapScorer().score([sample], [Generation("1", 0, answer)])
    found = {score.metric: score.value for score in row}
    bleu = sentence_bleu(answer, [reference], tokenize="none", use_effective_order=True)
    assert found["bleu"] == pytest.approx(bleu.score / 100)
    rouge = RougeScorer(["rouge1", "rouge2", "rougeL"]).score(reference, answer)
    for ours, theirs in (("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_longest", "rougeL")):
        assert found[ours] == pytest.approx(rouge[theirs].fmeasure)
    assert found["rouge_1"] == pytest.approx(2 * 4 / 12)  # four of six words, by hand


def test_bleu_by_hand():
    sample = Sample("1", "?", metadata={"explanation": "a b c d"})
    (row,) = OverlapScorer().score([sample], [Generation("1", 0, "a b x d")])
    # orders 1 to 4: 3/4, 1/3, then none of 2 and of 1, smoothed by 1/2 and 1/4 of one
    expected = math.exp(sum(map(math.log, (3 / 4, 1 / 3, 1 / 4, 1 / 4))) / 4)
    assert row[0].value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "level"),
    [("#reason: fine\n#score: 10", 10), ("#score: 1", 1), ("#score: 11", None), ("Good.", None)],
)
def test_a_judge_writes_a_level_from_1_to_10_or_gives_none(said, level):
    scorer = AnswerQualityScorer("judge", EchoModel(answer=said))
    sample = Sample("1", "Why?", metadata={"rules": "names the cause"})
    ((score,),) = scorer.score([sample], [Generation("1", 0, "Since it is late.")])
    assert score.value == level
    assert (score.error is None) == (level is not None)
