import csv
import json
from collections import Counter

import pytest

from harness.command import task_of
from harness.data import file_at, read_file
from harness.testing import check_task
from harness.types.errors import HarnessError
from harness.types.records import Message
from tasks.families import domain

STARTER = file_at("pkg://tasks/med_harm/prompts.jsonl")


def samples(**options):
    task = task_of("med_harm", **options)
    return list(task.samples(task.records()))


@pytest.fixture
def published(tmp_path):
    """A folder laid out as the published test set: one CSV a generator and principle."""
    for author in ("gpt4", "llama2"):
        (tmp_path / author).mkdir()
        for principle in range(1, 10):
            path = tmp_path / author / f"med_safety_demonstrations_category_{principle}.csv"
            with path.open("w", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(["", "harmful_medical_request", "safe_response"])
                rows.writerow([0, f'Break, "{author}", {principle}', "No."])
                rows.writerow([1, f"Break it again, {principle}", "No."])
    return tmp_path


def test_the_starter_set_has_its_size_for_every_principle():
    counts = Counter((s.metadata["kind"], s.metadata["principle"]) for s in samples())
    assert all(counts["harmful", principle] >= 20 for principle in range(1, 10))
    assert all(counts["benign", principle] >= 5 for principle in range(1, 10))


def test_the_starter_set_repeats_nothing():
    prompts = [str(row["prompt"]).casefold() for row in read_file(STARTER)]
    assert len(set(prompts)) == len(prompts)


def test_the_starter_set_is_not_the_published_one(shared_data):
    published = {
        " ".join(json.loads(line)["harmful_medical_request"].casefold().split())
        for name in ("train.jsonl", "test_prompts.jsonl")
        for line in (shared_data / "med_safety_bench" / name).read_text().splitlines()
    }
    ours = {" ".join(str(row["prompt"]).casefold().split()) for row in read_file(STARTER)}
    assert not ours & published


def test_requests_are_drawn_and_principles_and_authors_are_fixed(published):
    assert {s.cluster for s in samples(data=str(published))} == {None}
    assert {e.strata for e in task_of("med_harm").estimands} == {("principle", "author")}


def test_the_published_folder_says_generator_and_principle_by_its_names(published):
    found = samples(data=str(published))
    assert len(found) == 36
    counts = Counter((s.metadata["author"], s.metadata["principle"]) for s in found)
    assert set(counts.values()) == {2}
    assert found[0].prompt == (Message("user", 'Break, "gpt4", 1'),)
    assert len({s.id for s in found}) == 36
    check_task_without_benign(task_of("med_harm", data=str(published)))


def check_task_without_benign(task):
    """The published set has no benign requests: the estimate of over-refusal then has n = 0."""
    with pytest.raises(AssertionError, match="benign refused"):
        check_task(task)


def test_one_published_file_alone_is_read(published):
    path = published / "gpt4" / "med_safety_demonstrations_category_3.csv"
    assert {s.metadata["principle"] for s in samples(data=str(path))} == {3}


def test_the_official_test_set_is_read_whole(shared_data):
    found = samples(data=str(shared_data / "med_safety_bench" / "test_prompts.jsonl"))
    assert len(found) == 900
    counts = Counter((s.metadata["author"], s.metadata["principle"]) for s in found)
    # Per-principle sizes of the published files.
    assert [counts["gpt4", p] for p in range(1, 10)] == [50] * 9
    assert [counts["llama2", p] for p in range(1, 10)] == [59, 57, 31, 56, 50, 24, 61, 64, 48]
    assert {s.cluster for s in found} == {None}


def test_the_hub_s_files_are_the_eighteen_of_the_test_set_at_one_commit():
    hub = domain.published(task_of("med_harm").domain.hub)
    assert len(hub.files) == 18
    assert all("/191aa7954b82458079425292730d6cb28a89565d/" in address for address in hub.files)
    (columns,) = [c for address, c in hub.files.items() if "llama2" in address and "y_3" in address]
    assert columns == {"generator": "llama2", "category": 3}


def test_framing_and_system_prompt_are_the_protocol_s():
    plain, framed = samples()[0], samples(framing="question", system_prompt="safety")[0]
    assert len(plain.prompt) == 1
    assert framed.prompt[0].role == "system"
    assert framed.prompt[1].content == f"Question: {plain.prompt[0].content}\nAnswer:"
    own = samples(system_prompt="Be kind.")[0]
    assert own.prompt[0] == Message("system", "Be kind.")


def test_the_data_hash_does_not_follow_the_protocol():
    framed = task_of("med_harm", framing="question")
    assert task_of("med_harm").records().digest == framed.records().digest


def test_braces_in_a_request_are_text(tmp_path):
    path = tmp_path / "braces.jsonl"
    path.write_text('{"harmful_medical_request": "{0} {x} {", "category": 1}\n')
    (sample,) = samples(data=str(path), framing="question")
    assert sample.prompt[0].content == "Question: {0} {x} {\nAnswer:"


@pytest.mark.long
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"request": "x", "category": 1}', "has no column 'harmful_medical_request' or 'prompt'"),
        ('{"harmful_medical_request": " ", "category": 1}', "is ' ', not a text"),
        ('{"harmful_medical_request": null, "category": 1}', "is None, not a text"),
        (
            '{"harmful_medical_request": "x"}',
            "principle is None, none of 1, 2, 3, 4, 5, 6, 7, 8, 9; give it in a",
        ),
        ('{"harmful_medical_request": "x", "category": 10}', "principle is '10', none of 1, 2"),
        ('{"prompt": "x", "category": 1, "kind": "odd"}', "kind is 'odd'"),
    ],
)
def test_a_record_that_lacks_what_is_needed_is_said(tmp_path, line, said):
    path = tmp_path / "data.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(HarnessError) as caught:
        samples(data=str(path))
    assert said in str(caught.value)
    assert "record 1 of 'data.jsonl'" in str(caught.value)


def test_kinds_and_principles_are_known_however_they_are_written(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text('{"prompt": "x", "category": 2.0, "kind": "Benign"}\n')
    (sample,) = samples(data=str(path))
    assert (sample.metadata["kind"], sample.metadata["principle"]) == ("benign", 2)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            '{"prompt": "x", "harmful_medical_request": "y", "category": 1}',
            "has 'harmful_medical_request' and 'prompt', which differ",
        ),
        (
            "{\"prompt\": \"[{'role': 'user', 'content': 'x'}]\", \"category\": 1}",
            "'prompt' is a dictionary or a list of them as text",
        ),
    ],
)
def test_two_prompts_and_turns_as_text_are_refused(tmp_path, line, said):
    path = tmp_path / "data.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(HarnessError, match=said):
        samples(data=str(path))
