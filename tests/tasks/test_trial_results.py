import gzip
import json
import re
from collections import Counter

import pytest
from sklearn.metrics import f1_score
from statsmodels.stats.meta_analysis import effectsize_smd

from harness.command import task_of
from harness.scorers.reading.structured import read_fields
from harness.scorers.rules.choice import ChoiceScorer
from harness.scorers.rules.effects import log_odds_ratio, standardised_mean_difference
from harness.scorers.rules.trial_results import TrialResultsScorer
from harness.testing import check_scorer, check_task
from harness.types.errors import HarnessError
from harness.types.records import Generation, Sample

FIELDS = (
    "intervention_events", "intervention_group_size", "comparator_events", "comparator_group_size",
)  # fmt: skip
TARGET = json.dumps(dict(zip(FIELDS, ("11", "1,525", "x", "0"), strict=True)))
COMMONEST = "accuracy of the commonest label of the outcome type"
SAMPLE = Sample("q", "?", target=TARGET, metadata={"asked": "numbers"})


def samples(**options):
    task = task_of("trial_results", **options)
    return list(task.samples(task.records()))


def scores(text, sample=SAMPLE, **options):
    scorer = TrialResultsScorer(**options)
    (row,) = scorer.score([sample], [Generation("q", 0, text)])
    return {score.metric: score.value for score in row}


@pytest.mark.parametrize("options", [{}, {"ask": "type", "answer": "written"}, {"ask": "numbers"}])
def test_the_contract(options):
    check_task(task_of("trial_results", **options))


def test_the_scorer_s_contract():
    check_scorer(TrialResultsScorer(), [Sample("q", "?", target='{"a_events": "x"}')])


def test_the_starter_set_has_forty_abstracts_and_says_every_number_that_it_asks_for():
    asked = samples(ask="numbers")
    assert Counter(s.metadata["outcome_type"] for s in asked) == {"binary": 20, "continuous": 20}
    words = {
        "Sixty": "30",
        "Eighty": "40",
        "Forty-one": "41",
        "Forty-four": "22",
        "two among": "2",
        "no deep": "0",
    }
    for sample in asked:
        text = sample.prompt[-1].content.split("Outcome:")[0].replace(",", "")
        for value in json.loads(sample.target).values():
            number = re.escape(value.removesuffix(".0"))
            spelt = any(w.casefold() in text.casefold() and n == value for w, n in words.items())
            assert value == "x" or spelt or re.search(rf"(?<![\d.]){number}\b|thirty", text), value
    assert sum("x" in json.loads(s.target).values() for s in asked) >= 6


def test_fields_are_read_as_models_write_them():
    for text in (
        "```yaml\nintervention:\n  events: 11\n  group_size: 1525\ncomparator:\n"
        "  events: x\n  group_size: 0\n```",
        "Here it is: {'intervention': {'Events': '11 patients', 'n': 1,525},\n"
        " 'control': {'events': N/A, 'sample size': 0,}}",
        "intervention:\n- events: 11 (0.7%)\n- group_size: 1 525\n\ncomparator:\n"
        "- events: not reported\n- group_size: 0\n\nThat is all: good luck.",
    ):
        values = scores(text)
        assert values["exact_match"] == values["parsed_fields"] == 1, text
        assert values["unknown"] == 1
        assert values["unknown_wrongly"] == 0


def test_a_worked_example_is_shown_in_the_form_that_is_asked_for():
    asked = samples(ask="numbers", shots=1)
    for sample in (asked[0], asked[-1]):
        shown, answer, _ = sample.prompt
        names = json.loads(sample.target)
        read = read_fields(answer.content, names)
        assert list(read) == list(names)
        assert list(read.values()).count("x") == 1
        assert shown.content.split("Outcome:")[0] not in {
            s.prompt[-1].content.split("Outcome:")[0] for s in asked
        }
    assert len(samples(ask="numbers", shots=0)[0].prompt) == 1


def test_unknown_is_never_zero():
    values = scores(TARGET.replace('"0"', '"x"'))
    assert values["exact_match"] == 0
    assert values["fields_equal"] == 3
    assert values["unknown_wrongly"] == 1


@pytest.mark.parametrize(
    "text",
    ["", "I cannot say.", TARGET.replace('"11"', '"10-12"'), TARGET.replace('"11"', '"0.7%"'),
     TARGET.replace('"11"', '"< 11"'), '{"intervention_events": 11}', TARGET[:-4],
     '{"intervention_events": 11, ' + TARGET[1:].replace("11", "12")],
)  # fmt: skip
def test_what_cannot_be_read_is_missing_and_shown_as_wrong_beside_it(text):
    values = scores(text)
    assert values["exact_match"] is None
    assert values["fields_equal"] is None
    wrong = None if not text else 0  # nothing was written: its worst bound alone is wrong
    assert values["exact_match_strict"] == values["fields_equal_strict"] == wrong


def test_effects_are_those_of_a_reference():
    assert log_odds_ratio([10, 50, 20, 50]) == pytest.approx(-0.980829)
    assert log_odds_ratio([0, 10, 2, 10]) == pytest.approx(-1.820747)
    assert log_odds_ratio([0, 10, 0, 10], "drop") is None
    assert log_odds_ratio([11, 10, 2, 10]) is None
    theirs, _ = effectsize_smd(5.0, 2.0, 20, 4.1, 3.0, 24)
    assert standardised_mean_difference([5, 2, 20, 4.1, 3, 24]) == pytest.approx(theirs, rel=1e-3)
    assert standardised_mean_difference([5, 0, 20, 4, 0, 20]) is None


def stored(folder, kind):
    with gzip.open(folder / "rct_extraction" / f"gpt4_{kind}.json.gz") as file:
        return json.load(file)


def mean(scorer, asked, answers):
    columns = zip(*scorer.score(asked, answers), strict=True)
    return {
        metric: [score.value for score in column if score.value is not None]
        for metric, column in zip(scorer.metrics, columns, strict=True)
    }


def test_the_published_numbers_come_out(shared_data):
    rows = stored(shared_data, "binary_outcomes")
    path = shared_data / "rct_extraction" / "gpt4_binary_outcomes.json.gz"
    with pytest.raises(HarnessError, match=r"task\.articles=FILE"):
        samples(data=str(path))
    asked = [
        Sample(str(r["id"]), "?", target=json.dumps({f: str(r[f]) for f in FIELDS})) for r in rows
    ]
    answers = [Generation(str(r["id"]), 0, r["output"]) for r in rows]
    plain = mean(TrialResultsScorer(), asked, answers)
    assert sum(plain["exact_match_strict"]) == sum(plain["exact_match"]) == 112
    assert len(plain["exact_match_strict"]) == 171
    assert len(plain["exact_match"]) == 170  # one answer has two numbers in a field's place
    assert sum(plain["all_unknown"]) == 6
    assert sum(plain["reference_unknown"]) == 72
    assert sum(plain["unknown_wrongly"]) == 37  # 41 with the four fields that cannot be read
    effects = sum(plain["reference_effect"]), sum(plain["effect_computed"])
    assert effects == (141, 124)
    assert sum(plain["effect_error"]) / 124 == pytest.approx(0.1007, abs=5e-5)
    partial = [sum(v >= k for v in plain["fields_equal_strict"]) / 171 for k in (1, 2, 3)]
    assert partial == pytest.approx([0.9415, 0.9298, 0.6959], abs=5e-5)
    typed = mean(TrialResultsScorer("published"), asked, answers)
    partial = [sum(v >= k for v in typed["fields_equal_strict"]) / 171 for k in (1, 2, 3)]
    assert partial == pytest.approx([0.9123, 0.9006, 0.6901], abs=5e-5)
    dropped = mean(TrialResultsScorer(both_zero="drop"), asked, answers)["effect_error"]
    assert (len(dropped), sum(dropped) / 107) == (107, pytest.approx(0.1095, abs=5e-5))


def test_the_published_outcome_types_come_out(shared_data, tmp_path, estimates_of):
    rows = stored(shared_data, "outcome_type")
    texts = tmp_path / "texts.jsonl"
    names = {str(r["pmcid"]) for r in rows}
    texts.write_text("".join(json.dumps({"pmcid": n, "text": "a report"}) + "\n" for n in names))
    path = shared_data / "rct_extraction" / "gpt4_outcome_type.json.gz"
    task = task_of(
        "trial_results", data=str(path), articles=str(texts), ask="type", answer="written"
    )
    outputs = {f"{r['id']}-type": r["output"] for r in rows}
    found = estimates_of(task, {"choice": ChoiceScorer()}, lambda s: outputs[s.id])
    right = found["outcome type right", "share >= 1", None]
    assert (right["estimate"] * 656, right["n_scored"]) == (pytest.approx(468), 656)
    assert found["said to be", "share", "unknown"]["estimate"] * 656 == pytest.approx(155)
    majority = found["always answering this is right", "share", "continuous"]["estimate"]
    assert majority == pytest.approx(0.7393, abs=5e-5)
    constant = found[COMMONEST, "accuracy of the commonest label", "all"]["estimate"]
    assert constant == pytest.approx(majority)
    truth = [r["outcome_type"] for r in rows]
    said = [{"A": "binary", "B": "continuous"}.get(r["output"][0], "unknown") for r in rows]
    for kind, value in (("binary", 0.7354838710), ("continuous", 0.8358913814)):
        assert found["F1 of the outcome type", "F1", kind]["estimate"] == pytest.approx(value)
        theirs = f1_score(truth, said, labels=[kind], average=None)[0]
        assert theirs == pytest.approx(value)


def answer_unknown(sample):
    if sample.metadata["asked"] == "type":
        return "C"
    return json.dumps(dict.fromkeys(json.loads(sample.target), "x"))


def answer_by_majority(sample):
    return "A" if sample.metadata["asked"] == "type" else sample.target.replace("x", "N/A")


SCORERS = {"choice": ChoiceScorer(), "trial_results": TrialResultsScorer()}


def test_who_is_perfect_has_all_and_who_knows_nothing_the_floor(estimates_of):
    task = task_of("trial_results")
    share = "share >= 1"
    perfect = estimates_of(task, SCORERS, lambda s: s.target)
    for name in ("outcome type right", "exact match", "effect computable", "numbers read"):
        assert perfect[name, share, None]["estimate"] == 1
        assert perfect[name, share, None]["n_failed"] == 0
    assert perfect["error of the log odds ratio", "mean", None]["estimate"] == 0
    assert perfect["macro F1 of the outcome type", "macro F1", "all"]["estimate"] == 1
    unknown = estimates_of(task, SCORERS, answer_unknown)
    assert unknown["exact match", share, None]["estimate"] == 0
    floor = unknown["always answering unknown is an exact match", share, None]["estimate"]
    assert floor == unknown["exact match", share, None]["estimate"]
    assert unknown["effect computable", share, None]["estimate"] == 0
    assert unknown["error of the log odds ratio", "mean", None]["estimate"] is None
    majority = estimates_of(task, SCORERS, answer_by_majority)
    assert majority["outcome type right", share, None]["estimate"] == 0.5
    assert majority["macro F1 of the outcome type", "macro F1", "all"]["estimate"] == pytest.approx(
        1 / 3
    )
    assert majority["exact match", share, None]["estimate"] == 1


def first_numbers(sample):
    """The numbers of the text in the order in which they stand there."""
    if sample.metadata["asked"] == "type":
        return "A"
    text = sample.prompt[-1].content.split("Outcome:")[0].replace(",", "")
    numbers = iter(re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", text))
    return json.dumps({name: next(numbers, "x") for name in json.loads(sample.target)})


def test_the_order_of_the_text_is_no_answer(estimates_of):
    rows = estimates_of(task_of("trial_results"), SCORERS, first_numbers)
    assert rows["exact match", "share >= 1", None]["estimate"] == 0.125
