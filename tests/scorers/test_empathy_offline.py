"""The offline empathy scorer: what it counts, what contempt gets, and its two releases."""

import json

import numpy as np
import pytest

from harness.scorers.judged.epitome import MECHANISMS
from harness.scorers.offline.empathy_offline import EmpathyOfflineScorer
from harness.scorers.offline.marks import COUNTED, PRESENT, marks
from harness.scorers.offline.scorer import WEIGHTS
from harness.statistics import agreement
from harness.train.empathy import FOLDER, OTHERS, fit, own_pairs, replies_by_others
from harness.types import fingerprint
from harness.types.errors import HarnessError
from harness.types.records import Generation, Sample

MESSAGE = "I feel so alone since my wife left, and I cannot sleep."


@pytest.fixture(scope="module")
def scorer():
    return EmpathyOfflineScorer(device="cpu")


def values(scorer, replies):
    scores = scorer.score(
        [Sample("q", MESSAGE)] * len(replies), [Generation("q", 0, text) for text in replies]
    )
    return np.array([[score.value for score in row] for row in scores], float)


def test_questions_are_counted_by_kind():
    reply = "What happened? How long have you slept? Who cares? Have you tried tea? did you cry"
    marked, directed, proposing, rhetorical, generic, unmarked, nothing_else = marks("", reply)[:7]
    assert (marked, directed, proposing, rhetorical, generic) == (3, 1, 1, 1, 1)
    assert (unmarked, nothing_else) == (1, 0)
    assert marks("", "Why? Since when?")[6] == 1


def test_words_are_counted_in_any_case_and_with_curly_quotes():
    assert marks(MESSAGE, "I\u2019M SO SORRY") == marks(MESSAGE, "i'm so sorry")
    assert len(marks("", "x")) == 9 + len(COUNTED) + len(PRESENT) + 4


def test_words_shared_with_the_message_are_a_share():
    assert marks("cats sleep", "Cats always purr")[-1] == pytest.approx(1 / 3)


def test_contempt_and_dismissal_are_worth_nothing(scorer):
    found = values(scorer, ["lol who cares", "who cares? get over it", "grow up and stop whining"])
    assert found.max() < 0.15
    assert values(scorer, ["Yes. I used to think so."])[0, 2] < 0.1


def test_each_mechanism_rises_with_its_own_words(scorer):
    replies = [
        "My heart breaks for you, I'm so sorry you are going through this.",
        "You must feel so lonely in that quiet house at night.",
        "How long have you been sleeping so badly?",
    ]
    found = values(scorer, replies)
    assert np.diag(found).min() > 1
    assert found.argmax(0).tolist() == [0, 1, 2]


def test_release_1_is_the_scorer_that_it_was():
    old = EmpathyOfflineScorer(device="cpu", release=1)
    assert fingerprint(old.identity) == "7326f45f"
    assert fingerprint(EmpathyOfflineScorer().identity) != "7326f45f"
    assert values(old, ["lol who cares"])[0, 0] > 1  # the fault that version 3 mends
    with pytest.raises(HarnessError, match="release=3 is none"):
        EmpathyOfflineScorer(release=3)


def test_weights_for_other_marks_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "weights.safetensors"
    path.write_bytes((WEIGHTS / "empathy_offline_2.safetensors").read_bytes())
    monkeypatch.setattr("harness.scorers.offline.reply.digest_marks", lambda: "other")
    with pytest.raises(HarnessError, match="made for other marks"):
        values(EmpathyOfflineScorer(str(path), "cpu"), ["The sky is blue today."])


def test_levels_are_weighted_to_their_published_shares():
    """With columns that say nothing, a share is the published one: 1,047 of 3,084 and so on."""
    levels = np.array([[0, 0, 0], [1, 1, 1], [2, 2, 2]] * 20)
    made = fit(np.zeros((60, 385)), levels, np.ones(60))
    shares = 1 / (1 + np.exp(-made["bias"]))
    expected = [1047 / 3084, 152 / 3084, 1458 / 3084, 1344 / 3084, 480 / 3084, 376 / 3084]
    assert shares == pytest.approx(expected, abs=1e-4)


def test_real_replies_that_are_kept_are_not_trained_on(shared_data):
    trained = {pair.response for pair in replies_by_others(shared_data, "trained")}
    own = own_pairs(shared_data)
    kept = replies_by_others(shared_data, "kept")
    assert len(own) >= 1500
    assert len(kept) == 263
    assert not trained & {pair.response for pair in kept}
    rows = [json.loads(line) for line in OTHERS.read_text("utf-8").splitlines()]
    assert all("response" not in row and "seeker" not in row for row in rows)


@pytest.mark.long
def test_real_replies_agree_with_their_labels(shared_data, scorer):
    pairs = replies_by_others(shared_data, "kept")[:60]
    scores = scorer.score(
        [Sample(str(i), pair.seeker) for i, pair in enumerate(pairs)],
        [Generation(str(i), 0, pair.response) for i, pair in enumerate(pairs)],
    )
    for place, least in enumerate((0.4, 0.3, 0.5)):
        known = [i for i, row in enumerate(scores) if row[place].value is not None]
        truth = np.array([pairs[i].levels[place] for i in known], float)
        value = np.array([scores[i][place].value for i in known], float)
        assert agreement.pearson(truth, value) > least


def test_a_row_that_is_another_text_is_refused(tmp_path, shared_data):
    folder = tmp_path / "diasafety"
    folder.mkdir()
    rows = json.loads((shared_data / "diasafety" / "val.json").read_text("utf-8"))
    (folder / "val.json").write_text(json.dumps(rows[1:]), "utf-8")
    (tmp_path / "counsel_chat").symlink_to(shared_data / "counsel_chat")
    with pytest.raises(HarnessError, match="is not the text that was labelled"):
        replies_by_others(tmp_path, "kept")


def test_second_labels_are_of_rows_that_exist():
    ids = set()
    for name in ("empathy_pairs_2.jsonl", "empathy_others.jsonl"):
        lines = (FOLDER / name).read_text("utf-8").splitlines()
        ids |= {json.loads(line)["id"] for line in lines}
    second = [
        json.loads(line)
        for line in (FOLDER / "empathy_second_2.jsonl").read_text("utf-8").splitlines()
    ]
    assert len(second) == 200
    assert {row["id"] for row in second} <= ids
    assert all(row[name] in (0, 1, 2) for row in second for name in MECHANISMS)
