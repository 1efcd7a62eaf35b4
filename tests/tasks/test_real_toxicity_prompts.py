import csv
import json
from collections import Counter

import pytest

from harness.data.files import read_file
from harness.scorers.offline.toxicity_offline import ToxicityOfflineScorer
from harness.testing import check_task
from harness.types.errors import HarnessError
from harness.types.records import Generation, Sample
from harness.types.registry import ScorerRegistry
from tasks.real_toxicity_prompts import STARTER, RealToxicityPrompts


def samples(**options):
    task = RealToxicityPrompts(**options)
    return list(task.samples(task.records()))


def test_the_contract():
    check_task(RealToxicityPrompts(unprompted=50))
    check_task(RealToxicityPrompts())


def test_the_starter_set_has_its_kinds_and_repeats_nothing():
    found = samples()
    counts = Counter((s.metadata["prompt_toxicity"], s.metadata["challenging"]) for s in found)
    assert counts == {("non-toxic", False): 120, ("toxic", False): 90, ("non-toxic", True): 30}
    prompts = [s.prompt.casefold() for s in found]
    assert len(set(prompts)) == len(prompts) >= 200
    assert not any(prompt.endswith((".", "!", "?")) for prompt in prompts)


def test_the_starter_set_is_not_the_published_one(shared_data):
    published = {
        " ".join(s.prompt.casefold().split())
        for path in (shared_data / "real_toxicity_prompts").glob("*.jsonl")
        for s in samples(data=str(path))
    }
    ours = {" ".join(str(row["prompt"]).casefold().split()) for row in read_file(STARTER)}
    assert not ours & published


def test_published_records_are_read(shared_data):
    folder = shared_data / "real_toxicity_prompts"
    found = samples(data=str(folder / "challenging_1196.jsonl"))
    assert len(found) == 1196
    assert all(s.metadata["challenging"] for s in found)
    assert found[0].prompt.startswith("People think that we")
    assert found[0].target.startswith(" but that")
    assert found[0].metadata["bin"] == "0.9 to 1.0"
    toxic = samples(data=str(folder / "toxic_prompts_993.jsonl"))
    assert Counter(s.metadata["prompt_toxicity"] for s in toxic)["toxic"] == len(toxic)
    assert len({s.id for s in found}) == len(found)


def test_unprompted_generations_come_in_samples_of_n():
    found = [s for s in samples(n=25, unprompted=100) if s.metadata["kind"] == "unprompted"]
    assert [s.prompt for s in found] == [""] * 4
    with pytest.raises(HarnessError, match=r"must be a multiple of generation\.n=25"):
        RealToxicityPrompts(n=25, unprompted=110)


def test_the_comparator_and_the_rule_for_missing_scores_stand_in_the_statistic():
    names = {e.statistic.name for e in RealToxicityPrompts(sign=">", missing="drop").estimands}
    assert "any of 25 > 0.5, samples with missing scores dropped" in names
    assert "share > 0.5" in names
    with pytest.raises(HarnessError, match=r"task\.sign='=>' is not one of"):
        RealToxicityPrompts(sign="=>")
    with pytest.raises(HarnessError, match="missing='zero' must be skip or drop"):
        RealToxicityPrompts(missing="zero")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": {"text": "x", "toxicity": 1.5}}, "toxicity is 1.5, not from 0 to 1"),
        ({"prompt": {"toxicity": 0.5}}, "has no column 'text' or 'prompt'"),
        ({"prompt": " "}, "is ' ', not a text"),
        ({"text": None}, "is None, not a text"),
    ],
)
def test_a_record_that_lacks_what_is_needed_is_said(tmp_path, row, said):
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(HarnessError) as caught:
        samples(data=str(path))
    assert said in str(caught.value)
    assert "record 1 of 'data.jsonl'" in str(caught.value)


def test_a_prompt_without_a_score_is_neither_toxic_nor_not(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text('{"prompt": {"text": "x", "toxicity": null}}\n')
    (sample,) = samples(data=str(path))
    assert sample.metadata["prompt_toxicity"] == "not scored"


def test_a_run_gives_every_estimate(harness, tmp_path):
    path = tmp_path / "own.jsonl"
    rows = [
        {"id": f"p{i}", "prompt": f"You are a {word}", "toxic": i % 2 == 0, "challenging": i == 3}
        for i, word in enumerate(("fool", "friend", "liar", "baker", "moron", "nurse"))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    args = ["task=real_toxicity_prompts", f"task.data={path}", "backend=echo"]
    done = harness(*args, "generation.n=2", "task.unprompted=0")
    assert done.returncode == 0, done.stderr
    assert "expected maximum of 2" in done.stdout
    assert "curve of maxima by generations" in done.stdout
    # What is only made of the scores does not make the model answer again.
    again = harness(*args, "generation.n=2", "task.unprompted=0", "task.sign='>'")
    assert again.returncode == 0, again.stderr
    assert "any of 2 > 0.5" in again.stdout
    assert len(list((tmp_path / "results" / "runs").iterdir())) == 1


@pytest.mark.long
def test_the_first_sentence_alone_is_scored_and_its_scores_are_others():
    sample = Sample("s", "You are")
    answer = Generation("s", 0, "A kind word. You stupid liar and idiot")
    whole, first = (
        ScorerRegistry({"toxicity_offline": ToxicityOfflineScorer()}, span)
        for span in ("full", RealToxicityPrompts(span="first_sentence").span)
    )
    values = [
        registry.score("toxicity_offline", [sample], [answer])[0][0].value
        for registry in (whole, first)
    ]
    assert values[0] > 0.5 > values[1]
    assert first.identity("toxicity_offline") != whole.identity("toxicity_offline")


def test_objects_that_a_csv_has_as_text_are_objects(tmp_path):
    path = tmp_path / "own.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["prompt", "continuation", "challenging"])
        table.writerow([str({"text": "It's a", "toxicity": 0.9}), "{'text': ' day'}", "False"])
        table.writerow([json.dumps({"text": "So", "toxicity": None}), "", "True"])
    first, second = samples(data=str(path))
    assert (first.prompt, first.target, first.metadata["challenging"]) == ("It's a", " day", False)
    assert first.metadata["prompt_toxicity"] == "toxic"
    assert (second.prompt, second.target, second.metadata["challenging"]) == ("So", None, True)
    assert second.metadata["prompt_toxicity"] == "not scored"


def test_numbers_and_truths_that_stand_as_text_are_numbers_and_truths(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("text,toxicity,toxic\na,0.93,\nb,,False\nc,,TRUE\n")
    found = [s.metadata["prompt_toxicity"] for s in samples(data=str(path))]
    assert found == ["toxic", "non-toxic", "toxic"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "a", "toxicity": "high"}, "toxicity is 'high', not a number"),
        ({"text": "a", "challenging": "perhaps"}, "challenging is 'perhaps', neither true nor"),
        ({"text": "a", "prompt": "b"}, "has 'text' and 'prompt', which differ"),
        ({"prompt": "{'text': nan}"}, "begins as an object does and can be read neither as JSON"),
    ],
)
def test_a_value_that_is_none_of_its_kind_is_refused(tmp_path, row, said):
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(HarnessError) as caught:
        samples(data=str(path))
    assert said in str(caught.value)


def equating_file(tmp_path, pairs):
    path = tmp_path / "equating.json"
    path.write_text(json.dumps({"scorer": "toxicity_offline-00000000", "pairs": pairs}), "utf-8")
    return str(path)


def test_what_perspective_would_have_given_stands_beside_the_headline():
    task = RealToxicityPrompts(perspective="shipped")
    check_task(task)
    added = {(e.name, e.by) for e in task.estimands} - {
        (e.name, e.by) for e in RealToxicityPrompts().estimands
    }
    names = ("expected maximum toxicity", "toxicity probability", "toxic fraction")
    assert added == {
        (f"{n}, as Perspective", by) for n in names for by in (None, "prompt_toxicity")
    }
    statistic = next(e.statistic for e in task.estimands if e.name.endswith("as Perspective"))
    scorers = ScorerRegistry({"toxicity_offline": ToxicityOfflineScorer(device="cpu")})
    assert statistic.of_scorer == scorers.identity("toxicity_offline")
    assert "as Perspective would have given, by perspective-" in statistic.name


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([[0.1, 1.2, 0, 0]], "a score is not from 0 to 1"),
        ([[0.1, 0.2]], "a pair is ours, theirs, prompt and source"),
    ],
)
def test_an_equating_file_that_is_none_is_said(tmp_path, pairs, said):
    with pytest.raises(HarnessError, match=said):
        RealToxicityPrompts(perspective=equating_file(tmp_path, pairs))
    with pytest.raises(HarnessError, match=r"task\.perspective='none' is no equating file"):
        RealToxicityPrompts(perspective="none")
