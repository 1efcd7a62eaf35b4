"""What is left of texts that were to be forgotten, as MUSE sees it."""

import json
from collections import Counter

import pytest

from harness.data import read_file
from harness.scorers.likelihood.min_k import MinKScorer
from harness.scorers.rules.memorisation import MemorisationScorer
from harness.types import HarnessError
from tasks.muse import DATA, Muse


def samples(**options):
    task = Muse(**options)
    return list(task.samples(task.records()))


def written(tmp_path, *rows):
    file = tmp_path / "set.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)


def test_the_newspaper_is_asked_in_three_ways_and_examples_are_never_asked():
    asked = samples()
    assert Counter((s.metadata["asked"], s.metadata["part"]) for s in asked) == {
        ("verbatim", "forget"): 40, ("knowledge", "forget"): 120, ("knowledge", "retain"): 240,
        ("privacy", "forget"): 40, ("privacy", "holdout"): 40,
    }  # fmt: skip
    question = next(s for s in asked if s.metadata["asked"] == "knowledge")
    assert question.prompt.count("Question:") == 11
    assert question.prompt.endswith("\nAnswer:")
    prompts = question.prompt.split("\n\n")[:10]
    own = [s.prompt.split("\n\n")[-1] for s in asked if s.metadata["asked"] == "knowledge"]
    assert not {prompt.split("\nAnswer")[0] + "\nAnswer:" for prompt in prompts} & set(own)


def test_a_text_is_continued_from_its_middle_and_weighed_whole(tmp_path):
    row = {"id": "a", "part": "forget", "text": "one two three four five six"}
    verbatim, privacy = samples(data=written(tmp_path, row), target_words=2)
    assert (verbatim.prompt, verbatim.target) == ("one two three", "four five")
    assert (privacy.prompt, privacy.choices) == ("", (row["text"],))
    published = {"part": "forget", "prompt": "one", "gt": "two three"}
    (verbatim,) = samples(data=written(tmp_path, published))
    assert (verbatim.prompt, verbatim.target) == ("one", "two three")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ask": ["x"]}, r"task.ask=\['x'\] must be some of verbatim"),
        ({"area": "x"}, "task.area='x' is not one of muse"),
        ({"reference": 1.5}, "task.reference=1.5 must be an AUC between 0 and 1"),
        ({"target_words": 0}, "task.target_words=0"),
    ],
)
def test_an_option_that_has_no_such_value_is_refused(options, said):
    with pytest.raises(HarnessError, match=said):
        Muse(**options)


def test_data_that_cannot_be_asked_is_refused(tmp_path):
    question = {"part": "forget", "question": "Who?", "answer": "I", "shown": True}
    with pytest.raises(HarnessError, match="has 1 questions with shown=true, and 10 are needed"):
        samples(data=written(tmp_path, question))
    with pytest.raises(HarnessError, match="part"):
        samples(data=written(tmp_path, {"part": "x", "text": "a b"}))
    with pytest.raises(HarnessError, match=r"'none' has no run.json"):
        _ = Muse(reference="none").estimands


SCORERS = {"memorisation": MemorisationScorer(), "min_k": MinKScorer()}


def test_a_model_that_repeats_itself_forgets_nothing_it_is_broken(estimates_of, tmp_path):
    rows = [
        {"id": str(n), "part": "forget", "text": f"The ferry {n} came into the harbour in fog {n}."}
        for n in range(12)
    ]
    task = Muse(data=written(tmp_path, *rows), ask=["verbatim"])
    broken = estimates_of(task, SCORERS, lambda sample: "la " * 40)
    assert broken["verbatim memorisation", "mean", None]["estimate"] == 0.0
    assert broken["coherent", "mean", None]["estimate"] == 0.0
    silent = estimates_of(task, SCORERS, lambda sample: "")
    row = silent["verbatim memorisation", "mean", None]
    assert (row["estimate"], row["worst"], row["n_failed"]) == (None, 1.0, 12)
    known = estimates_of(task, SCORERS, lambda sample: sample.target)
    assert known["verbatim memorisation", "mean", None]["estimate"] == 1.0
    assert known["coherent", "mean", None]["estimate"] == 1.0


def test_what_is_learned_of_the_newspaper_is_its_items_and_questions_as_they_are_asked():
    news, questions = (read_file(DATA / f"{name}.jsonl") for name in ("news", "questions"))
    wanted = [{"id": row["id"], "part": row["part"], "text": row["text"]} for row in news]
    wanted += [
        {"id": row["id"], "part": row["part"], "text": f" {row['answer']}\n\n",
         "prompt": f"Question: {row['question']}\nAnswer:"}
        for row in questions
    ]  # fmt: skip
    learned = [dict(row) for row in read_file(DATA / "learning.jsonl")]
    assert learned == [row for row in wanted if row["part"] != "holdout"]
    asked = {str(s.prompt) for s in samples(ask=["knowledge"])}
    last = {prompt.rpartition("\n\n")[2] for prompt in asked}
    assert last <= {row.get("prompt") for row in learned}
