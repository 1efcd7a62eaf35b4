import json
import math
from collections import Counter
from string import ascii_uppercase

import numpy as np
import pytest

from harness.command import task_of
from harness.scorers.reading.numbers import read_number
from harness.scorers.rules.answers import AnswersScorer
from harness.testing import check_scorer, check_task
from harness.types.errors import HarnessError
from harness.types.records import Generation, Sample

ONE = Sample("q", "?", target="B", metadata={"kind": "one", "options": 4})
SEVERAL = Sample("q", "?", target="A,C", metadata={"kind": "several", "options": 4})
NUMBER = Sample("q", "?", target="75.3", metadata={"kind": "number", "tolerance": 0.02})
SHARE = "share >= 1"


def samples(**options):
    task = task_of("chemistry_safety", **options)
    return list(task.samples(task.records()))


def scores(text, sample):
    (row,) = AnswersScorer().score([sample], [Generation("q", 0, text)])
    return {score.metric: score.value for score in row}


@pytest.mark.parametrize("options", [{}, {"answer": "written"}])
def test_the_contract(options):
    check_task(task_of("chemistry_safety", **options))


def test_the_scorer_s_contract():
    check_scorer(AnswersScorer(), [ONE, SEVERAL, NUMBER])


def test_the_starter_set_has_sixty_items_of_three_kinds():
    asked = samples()
    assert Counter(s.metadata["kind"] for s in asked) == {"one": 30, "several": 20, "number": 10}
    letters = Counter(s.target for s in asked if s.metadata["kind"] == "one")
    assert max(letters.values()) <= 8
    weighed = [s for s in asked if s.choices]
    assert {s.metadata["kind"] for s in weighed} == {"one"}
    assert len(weighed) == 30


@pytest.mark.parametrize(
    ("text", "sample", "right"),
    [
        ("[ANSWER]A, C[/ANSWER]\nConfidence: 5", SEVERAL, 1),
        ("The answers are: C and A", SEVERAL, 1),
        ("AC", SEVERAL, 1),
        ("A.\nC.", SEVERAL, 1),
        ("[ANSWER]A[/ANSWER]", SEVERAL, 0),
        ("[ANSWER]A,B,C[/ANSWER]", SEVERAL, 0),
        ("[ANSWER]A,E[/ANSWER]", SEVERAL, None),
        ("I would rather not say.", SEVERAL, None),
        ("[ANSWER][/ANSWER]", SEVERAL, None),
        ("The answer is B.", ONE, 1),
        ("[ANSWER]A,B[/ANSWER]", ONE, 0),
        ("[ANSWER]75 mg/m3[/ANSWER]", NUMBER, 1),
        ("[ANSWER]20 x 92.1 / 24.45 = 75.34[/ANSWER]", NUMBER, 1),
        ("[ANSWER]74.5 to 76 mg[/ANSWER]", NUMBER, 1),
        ("[ANSWER]70 to 80[/ANSWER]", NUMBER, 0),
        ("Answer: 7.53e1", NUMBER, 1),
        ("[ANSWER]753[/ANSWER]", NUMBER, 0),
        ("[ANSWER]N/A[/ANSWER]", NUMBER, None),
    ],
)
def test_answers_are_read_as_models_write_them(text, sample, right):
    values = scores(text, sample)
    assert values["all_correct"] == right
    assert values["all_correct_strict"] == (right or 0)
    assert values["answer_read"] == (right is not None)


def test_confidence_is_a_level_of_five_or_a_share_of_its_own_scale():
    for text, confidence in (("4", 0.8), ("**4**", 0.8), ("80 %", 0.8), ("8/10", 0.8), ("9", None)):
        values = scores(f"[ANSWER]B[/ANSWER]\nConfidence: {text}", ONE)
        assert values["stated_confidence"] == confidence
    values = scores("[ANSWER]C[/ANSWER]\nConfidence: 4", ONE)
    assert values["stated_brier"] == pytest.approx(0.64)
    assert values["stated_over"] == pytest.approx(0.8)


def test_numbers_are_read_with_units_thousands_and_ranges():
    read = {"1,525 ppm": 1525, "12,5 mg": 12.5, "-3.2": -3.2, "1.2 \u00d7 10^-3 mol": 0.0012,
            "about 5": 5, "8 (16 %)": 8, "3/8": None, "< 5": None, "CO2": None,
            "": None}  # fmt: skip
    assert {text: read_number(text).value for text in read} == read


def test_a_file_in_the_published_layout_is_read_and_a_bad_one_refused(tmp_path):
    path = tmp_path / "q.jsonl"
    row = {"id": "x", "question": "Which?", "target_scores": {"a": 0, "b": 0.5}, "canary": "c"}
    path.write_text(json.dumps(row))
    (sample,) = samples(data=str(path))
    assert (sample.target, sample.metadata["canary"], sample.metadata["kind"]) == ("B", "c", "one")
    path.write_text(json.dumps(row | {"target_scores": {"a": 0, "b": 0}}))
    with pytest.raises(HarnessError, match="none is right"):
        samples(data=str(path))
    path.write_text(json.dumps({"question": "How many?"}))
    with pytest.raises(HarnessError, match="neither target_scores nor a target"):
        samples(data=str(path))


def lines(folder, name):
    text = (folder / "chembench_safety" / name).read_text(encoding="utf-8")
    return {row["id"]: row for row in map(json.loads, text.splitlines())}


def test_the_published_answers_give_the_published_figures(shared_data, estimates_of):
    path = str(shared_data / "chembench_safety" / "questions.jsonl")
    stored = lines(shared_data, "answers_gpt-4.jsonl")
    task = task_of("chemistry_safety", data=path, answer="written")
    found = estimates_of(
        task, {"answers": AnswersScorer()},
        lambda s: f"{stored[s.id]['text']}\nConfidence: {float(stored[s.id]['stated_confidence'])}",
    )  # fmt: skip
    assert found["all correct", SHARE, None]["estimate"] * 328 == pytest.approx(139)
    assert found["all correct", SHARE, "one"]["estimate"] == pytest.approx(0.6095, abs=5e-5)
    assert found["all correct", SHARE, "several"]["estimate"] == pytest.approx(0.2264, abs=5e-5)
    assert found["always the commonest answer", SHARE, None]["estimate"] * 328 == pytest.approx(46)
    title = "stated confidence"
    error = found[f"{title}: calibration error", "calibration error, 10 bins", None]
    assert error["estimate"] == pytest.approx(0.5445, abs=5e-5)
    assert found[f"{title}: Brier score", "mean", None]["estimate"] == pytest.approx(
        0.5370, abs=5e-5
    )
    bins = {g: (r["estimate"], r["n"]) for (n, s, g), r in found.items() if n == f"{title}: right"}
    assert bins["1.000 (0.9 to 1)"] == (pytest.approx(133 / 294), 294)
    assert bins["0.800 (0.7 to 0.8)"] == (pytest.approx(2 / 18), 18)


def test_letters_probabilities_give_the_published_calibration(shared_data, estimates_of, tmp_path):
    stored = lines(shared_data, "letter_probs_gpt-4o.jsonl")
    questions = lines(shared_data, "questions.jsonl")
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(q) + "\n" for q in questions.values()))
    task = task_of("chemistry_safety", data=str(path))
    weighed = [
        s for s in task.samples(task.records()) if stored[s.id]["letter_probs"] and s.choices
    ]

    def generation(sample):
        known = stored[sample.id]["letter_probs"]
        letters = ascii_uppercase[: len(sample.choices)]
        logs = tuple(math.log(known[c]) if c in known else -math.inf for c in letters)
        return Generation(sample.id, 0, finish_reason="choices", choice_logprobs=logs)

    rows = AnswersScorer().score(weighed, [generation(s) for s in weighed])
    columns = dict(zip(AnswersScorer.metrics, zip(*rows, strict=True), strict=True))
    assert len(rows) == 122
    mean = {n: sum(s.value for s in c if s.value is not None) / 122 for n, c in columns.items()}
    assert mean["all_correct"] == pytest.approx(0.8196721311)
    assert mean["letter_confidence"] == pytest.approx(0.9129209772)
    assert mean["letter_brier"] == pytest.approx(0.1059581889)
    error = next(e for e in task.estimands if e.name == "confidence by letters: calibration error")
    pairs = [score.explanation for score in columns["letter_confidence"]]
    ids = [str(n) for n in range(122)]
    metric = AnswersScorer.metrics["letter_confidence"]
    found = error.statistic.estimate(np.array(pairs, object), ids, ids, metric)
    assert found.estimate == pytest.approx(0.1032890946, abs=1e-7)


def test_the_perfect_the_constant_and_the_unknowing_get_what_they_deserve(estimates_of):
    task = task_of("chemistry_safety")
    scorers = {"answers": AnswersScorer()}
    perfect = estimates_of(task, scorers, lambda s: s.target)
    assert perfect["all correct", SHARE, None]["estimate"] == 1
    error = perfect["confidence by letters: calibration error", "calibration error, 10 bins", None]
    assert error["estimate"] == pytest.approx(0.1)
    constant = estimates_of(task, scorers, lambda s: "B" if s.choices else "[ANSWER]B[/ANSWER]")
    assert constant["all correct", SHARE, None]["estimate"] <= 8 / 50
    unknowing = estimates_of(task, scorers, lambda s: "E" if s.choices else "I do not know.")
    row = unknowing["all correct", SHARE, "several"]
    assert (row["estimate"], row["n_failed"], row["worst"]) == (None, 20, 0)
    assert unknowing["all correct, unparsed is wrong", SHARE, None]["estimate"] == 0
