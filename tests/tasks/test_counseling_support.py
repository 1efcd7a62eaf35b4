import json
from collections import Counter

import pytest

from harness.testing import check_task
from harness.types import HarnessError
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
