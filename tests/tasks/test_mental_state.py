import json
from collections import Counter
from pathlib import Path

import pytest

from harness.command import task_of
from harness.data import file_at, read_file
from harness.evidence.bundle.archive import pack
from harness.evidence.bundle.contents import entries_of
from harness.evidence.verify.check import check
from harness.evidence.verify.findings import faults
from harness.store import FinishedRun
from harness.testing import check_task
from harness.types import HarnessError

QUESTIONS = ("stress", "depression", "depression_level", "suicidal", "risk", "risk_level")
MAJORITY = (0.5, 0.5, 0.25, 0.5, 0.5, 0.2)
"""The last row of Mental-LLM's Table 3 (Xu et al. 2024): what the commonest label gets."""
ROOT = Path(__file__).resolve().parents[2]


def right(sample):
    return sample.metadata["label_number"] - 1


def written(sample):
    return f"Answer: {sample.target}."


def test_the_starter_set_and_the_options_keep_the_contract():
    check_task(task_of("mental_state", answer="written", variants=1, framing="both", shots=2))
    rows = read_file(file_at("pkg://tasks/mental_state/posts.jsonl"))
    assert Counter(row["set"] for row in rows) == dict.fromkeys(
        ("stress", "depression", "sdcnl", "risk"), 30
    )
    shots = {row["text"] for row in read_file(file_at("pkg://tasks/mental_state/shots.jsonl"))}
    assert not shots & {row["text"] for row in rows}
    assert len({row["text"] for row in rows}) == 120


@pytest.mark.parametrize(("answer", "rule"), [("weighed", right), ("written", written)])
def test_a_perfect_answerer_is_right_everywhere(answered, answer, rule):
    rows = answered("mental_state", rule, answer=answer, variants=2)
    for question in QUESTIONS:
        row = rows["balanced accuracy", question]
        assert (row["estimate"], row["worst"], row["n_failed"]) == (1, 1, 0)
        assert row["low"] < 1  # thirty posts do not make it certain
        assert rows["spread over wordings, observed", question]["estimate"] == 0
    assert rows["accuracy", None]["estimate"] == 1


def test_the_spread_over_wordings_comes_out_of_the_rows_of_a_bundle(answered, tmp_path):
    """Only the second wording is answered wrongly, by every third post."""

    def wavering(sample):
        wrong = sample.metadata["variant"] == 2 and sum(map(ord, sample.cluster)) % 3 == 0
        return 0 if wrong else right(sample)

    rows = answered("mental_state", wavering, variants=2)
    assert rows["spread over wordings, observed", "stress"]["estimate"] > 0
    (info,) = tmp_path.rglob("run.json")
    findings = check(pack(entries_of(FinishedRun.read(info.parent))), {})
    assert not faults(findings)
    assert not [finding.place for finding in findings if "estimates" in finding.place]


def test_always_the_commonest_label_gets_the_majority_row_of_the_paper(answered):
    task = task_of("mental_state")
    commonest = {}
    for sample in task.samples(task.records()):
        key, number = sample.metadata["question"], sample.metadata["label_number"]
        commonest.setdefault(key, Counter())[number] += 1
    best = {key: counts.most_common(1)[0][0] - 1 for key, counts in commonest.items()}
    rows = answered("mental_state", lambda sample: best[sample.metadata["question"]], variants=1)
    for question, share in zip(QUESTIONS, MAJORITY, strict=True):
        own = rows["balanced accuracy", question]["estimate"]
        shown = rows["balanced accuracy, always the commonest label", question]["estimate"]
        assert own == shown == pytest.approx(share)
    assert rows["accuracy", "risk"]["estimate"] == pytest.approx(0.8)  # which looks like skill


def test_what_says_that_it_does_not_know_is_missing_and_never_wrong_in_silence(answered):
    rows = answered("mental_state", lambda _: "I cannot tell.", answer="written", variants=1)
    row = rows["balanced accuracy", "stress"]
    assert (row["estimate"], row["worst"], row["best"], row["n_failed"]) == (None, 0, 1, 30)
    assert rows["balanced accuracy, unparsed is wrong", "stress"]["estimate"] == 0
    assert rows["accuracy", None]["estimate"] is None
    assert rows["accuracy, unparsed is wrong", None]["estimate"] == 0
    assert rows["parsed", None]["estimate"] == 0


def test_one_wording_that_fails_is_spread_and_not_sampling_error(answered):
    rows = answered(
        "mental_state",
        lambda sample: right(sample) if sample.metadata["variant"] < 3 else 0,
        questions=["stress"],
    )
    assert rows["spread over wordings, observed", "stress"]["estimate"] == pytest.approx(
        0.288675, abs=1e-6  # of 1, 1 and 1 / 2
    )  # fmt: skip
    beyond = rows["spread over wordings, beyond sampling", "stress"]["estimate"]
    assert beyond == pytest.approx(0.288675, abs=1e-6)  # an exact half in every draw of posts
    assert rows["spread over wordings, of sampling", "stress"]["estimate"] == pytest.approx(0)


def test_the_differences_on_the_card_are_those_of_the_published_rows():
    card = (ROOT / "tasks" / "mental_state" / "README.md").read_text(encoding="utf-8")
    cells = [line.strip("| ").split(" | ") for line in card.splitlines() if line.startswith("| ")]
    rows = {
        cell[0]: list(map(float, cell[1:7]))
        for cell in cells
        if len(cell) == 7 and cell[1][-1:].isdigit()
    }
    differences = {name: row for name, row in rows.items() if " - " in name}
    assert len(differences) == 4
    for name, row in differences.items():
        ours, other = name.split(" - ")
        expected = [a - b for a, b in zip(rows[ours], rows[other], strict=True)]
        assert row == pytest.approx(expected, abs=1e-9), name
    assert rows["majority"] == list(MAJORITY)


def test_a_published_file_is_asked_the_questions_that_it_has_labels_for(tmp_path):
    path = tmp_path / "sdcnl.jsonl"
    path.write_text(json.dumps({"selftext": "I am low.", "is_suicide": 0}) + "\n")
    task = task_of("mental_state", data=str(path), questions=["suicidal"], variants=1)
    (sample,) = task.samples(task.records())
    assert (sample.target, sample.choices) == ("no", (" no", " yes"))
    task = task_of("mental_state", data=str(path), questions=["risk"])
    with pytest.raises(HarnessError, match="has no label in"):
        list(task.samples(task.records()))
    with pytest.raises(HarnessError, match=r"task\.questions='mood' is not one of stress"):
        task_of("mental_state", questions=["mood"])
    with pytest.raises(HarnessError, match=r"task\.variants=4 must be from 1 to 3"):
        task_of("mental_state", variants=4)
