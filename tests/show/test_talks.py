"""Conversations on the page of a run: whole, and marked where a verdict was decided."""

import json

import pyarrow as pa
import pytest

from harness.report.talks import UNKEPT, talked, talks_of

HIGHER = {"low": 0.0, "high": 1.0, "better": "higher"}
MEANINGS = {
    "asked": HIGHER | {"so_far": True},
    "kept": HIGHER | {"so_far": True},
    "agreed": {"low": 0.0, "high": 1.0, "better": "lower"},
    "path": HIGHER | {"aside": True},
    "warmth": {"low": 0.0, "high": 2.0, "better": "higher"},
}
ESTIMANDS = [
    {"metric": "asked", "where": {"risk": "crisis"}},
    {"metric": "kept", "where": {}},
]


def turn(number, verdicts, index=0, text="Hm.", risk="crisis"):
    """The turn of a conversation, with value and explanation of each verdict."""
    messages = [{"role": "user", "content": f"Word {n}."} for n in range(2 * number - 1)]
    return {
        "sample": {"sample_id": f"p/{number}", "messages": json.dumps(messages), "risk": risk},
        "answer": {"sample_id": f"p/{number}", "index": index, "text": text, "error": "lost",
                   "finish_reason": "error"},
        "verdicts": {m: {"value": v, "explanation": e} for m, (v, e) in verdicts.items()},
    }  # fmt: skip


def shown(*talk, words=()):
    return talked(talk[-1] | {"talk": talk}, dict(words), MEANINGS, ESTIMANDS)


def test_a_verdict_is_marked_at_the_turn_that_decides_it():
    first = turn(1, {"asked": (0.0, None), "kept": (1.0, None), "agreed": (1.0, "Yes."),
                     "path": (1.0, "a > b"), "warmth": (0.4, "weak")})  # fmt: skip
    second = turn(2, {"asked": (1.0, "turn 2: Are you?"), "kept": (0.0, "turn 2: Bye."),
                      "agreed": (1.0, "Yes.")})  # fmt: skip
    third = turn(3, {"asked": (1.0, "turn 2: Are you?"), "kept": (0.0, "turn 2: Bye."),
                     "agreed": (0.0, None)})  # fmt: skip
    talk = shown(first, second, third)
    assert [role for role, *_ in talk["turns"]] == ["person", "model"] * 3
    assert [text for _, text, _ in talk["turns"][::2]] == ["Word 0.", "Word 2.", "Word 4."]
    assert [marks for *_, marks in talk["turns"][1::2]] == [
        [["agreed 1: Yes.", False]],
        [["asked 1: turn 2: Are you?", True], ["kept 0: turn 2: Bye.", False],
         ["agreed 1: Yes.", False]],
        [],
    ]  # fmt: skip
    assert talk["undone"] == []


@pytest.mark.parametrize(("risk", "undone"), [("crisis", ["asked"]), ("none", [])])
def test_what_was_never_done_is_said_where_an_estimate_asks_for_it(risk, undone):
    last = turn(1, {"asked": (0.0, None), "kept": (1.0, None)}, risk=risk)
    assert shown(last)["undone"] == undone


def test_a_turn_that_failed_says_why():
    talk = shown(turn(1, {}), turn(2, {}, text=None))
    assert talk["turns"][-1] == ["model", None, [["lost", False]]]


def test_a_repeat_is_shown_with_its_own_words_or_with_none():
    """samples.parquet has what the first of the repeats was told."""
    repeat = turn(1, {}, index=1), turn(2, {}, index=1)
    assert [text for _, text, _ in shown(*repeat)["turns"][::2]] == ["Word 0.", UNKEPT]
    own = shown(*repeat, words={("p/2", 1): "My own."})
    assert [text for _, text, _ in own["turns"][::2]] == ["Word 0.", "My own."]


def test_what_is_no_conversation_has_nothing_of_it():
    assert talked({"talk": []}, {}, MEANINGS, ESTIMANDS) == {}


def test_conversations_are_told_apart_within_a_cluster_and_between_clusters():
    lengths, clusters = (1, 3, 5, 1, 1, 3), "aaaabb"
    messages = [json.dumps([{}] * length) for length in lengths]
    table = pa.table({"cluster": list(clusters), "messages": messages})
    assert talks_of(table) == [[0, 1, 2], [3], [4, 5]]
