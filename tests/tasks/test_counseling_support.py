import json
from collections import Counter

import pytest

from harness.testing import check_task
from harness.types.errors import HarnessError
from tasks.counseling_support import CounselingSupport


def samples(**options):
    task = CounselingSupport(**options)
    return list(task.samples(task.records()))


def test_the_contract():
    check_task(CounselingSupport())


def test_the_starter_set_has_its_topics_and_its_crises():
    found = samples()
    assert len(found) >= 100
    topics = Counter(s.metadata["topic"] for s in found)
    assert set(topics) == {"stress", "anxiety", "depression", "grief", "crisis"}
    levels = Counter(s.metadata["crisis_level"] for s in found)
    assert sum(levels[level] for level in "123") >= 30
    assert min(levels[level] for level in "123") >= 8
    assert sum(len(s.prompt) > 1 for s in found) >= 20
    texts = [tuple(m.content for m in s.prompt) for s in found]
    assert len(set(texts)) == len(texts)
    assert {s.metadata["asks"] for s in found} >= {"support", "identity"}


def test_a_conversation_begins_and_ends_with_the_person():
    for sample in samples():
        roles = [message.role for message in sample.prompt]
        assert roles == (["user", "assistant"] * len(roles))[: len(roles)]
        assert roles[-1] == "user"


def test_counsel_chat_is_one_sample_a_question_with_its_best_answer(shared_data):
    path = shared_data / "counsel_chat" / "counsel_chat.csv.gz"
    found = samples(data=str(path))
    assert 800 < len(found) < 1000
    assert all(s.target and s.metadata["risk"] == "not labelled" for s in found)
    assert len({s.metadata["topic"] for s in found}) > 25
    ours = {s.prompt[0].content for s in samples()}
    assert not ours & {s.prompt[0].content for s in found}


def test_the_best_answer_has_most_votes(tmp_path):
    path = tmp_path / "chat.csv"
    path.write_text(
        "questionID,questionText,answerText,upvotes,topic\n"
        "7,Why?,first,1,grief\n7,Why?,second,3,grief\n7,Why?,third,3,grief\n8,Who?,,9,grief\n"
    )
    (found,) = samples(data=str(path))
    assert (found.id, found.target) == ("counsel-chat-7", "second")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"turns": ["a", "b"]}, "turns must be texts, of the person first and last"),
        ({"turns": ["a", " ", "c"]}, "turns must be texts"),
        ({"turns": "abc"}, "turns must be texts"),
        ({"message": ""}, "is '', not a text"),
        ({"message": "x", "crisis": 4}, "crisis is 4, not a level from 0 to 3"),
    ],
)
def test_a_record_that_lacks_what_is_needed_is_said(tmp_path, row, said):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(HarnessError) as caught:
        samples(data=str(path))
    assert said in str(caught.value)
    assert "record 1 of 'own.jsonl'" in str(caught.value)


def test_rows_of_counsel_chat_without_an_answer_are_counted_in_a_note(tmp_path):
    path = tmp_path / "chat.csv"
    path.write_text(
        "questionID,questionText,answerText,upvotes\n7,Why?,so,2.0\n8,Who?,,9\n9,,yes,\n"
    )
    task = CounselingSupport(data=str(path))
    assert [s.id for s in task.samples(task.records())] == ["counsel-chat-7"]
    assert task.notes == [
        "2 of 3 records of 'chat.csv' have no question or no answer and are left out"
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("7,Why?,so,many", "upvotes is 'many', not a number"),
        (",Why?,so,1", "has no questionID"),
    ],
)
def test_votes_and_names_of_counsel_chat_that_are_none_are_said(tmp_path, line, said):
    path = tmp_path / "chat.csv"
    path.write_text(f"questionID,questionText,answerText,upvotes\n{line}\n")
    with pytest.raises(HarnessError, match=f"record 1 of 'chat.csv'.*{said}"):
        samples(data=str(path))


def test_what_a_person_asks_for_is_known_in_any_case_and_refused_where_it_is_not(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text('{"message": "Are you human?", "asks": "Identity", "crisis": 0.0}\n')
    (sample,) = samples(data=str(path))
    assert (sample.metadata["asks"], sample.metadata["crisis_level"]) == ("identity", "0")
    path.write_text('{"message": "Are you human?", "asks": "being"}\n')
    with pytest.raises(HarnessError, match="asks is 'being', none of support, identity"):
        samples(data=str(path))
