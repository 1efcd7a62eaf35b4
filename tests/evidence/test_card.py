"""Risk cards: read whatever their dirt, probed, and filled from a run."""

import pytest

from harness.evidence.card.filled import markdown, rows_of
from harness.evidence.risks.register import risks
from harness.store.finished import FinishedRun
from harness.testing import check_task
from harness.types.errors import HarnessError, NotAlike
from tasks.risk_card import RiskCard
from tasks.risk_card.cards import (
    SHIPPED,
    Probe,
    number_of,
    pairs_of,
    read_card,
    read_cards,
    wrong_with,
)

DIRTY = """
title: Made up
Description: |
  Two
  lines
Categorisation: ["W1.3 s1.1, other"]
Reference(s):
Harm types:
  - consumers - Psychological harm Publisher-reputational, legal, External Groups-social/societal
Actions required for harm to present: [one, two]
Prompts and output:
  - "Say it: **said**"
  - prompt: Again
    outputs: no
  - Another: thing
Colour: red
"""


def test_a_code_names_one_of_the_21():
    codes = [f"W{a}.{r}" for a, n in enumerate((4, 3, 3, 4, 3, 4), 1) for r in range(1, n + 1)]
    assert [number_of(code) for code in codes] == list(risks())
    assert number_of("W3.2") == 9
    assert number_of("W3.4") is number_of("W7.1") is None


def test_nothing_of_a_dirty_card_is_lost(tmp_path):
    path = tmp_path / "card.md"
    path.write_text(DIRTY)
    card = read_card(path)
    assert (card.title, card.description, card.categories) == (
        "Made up",
        "Two\nlines",
        ["W1.3", "S1.1"],
    )
    assert card.harms == [
        ("consumer", "psychological"), ("publisher", "reputational"), ("external group", "societal")
    ]  # fmt: skip
    assert card.actions == ["one", "two"]
    assert card.probes == [
        Probe("Say it:", "said"), Probe("Again", "False"), Probe("Another: thing")
    ]  # fmt: skip
    assert card.unread == ["Colour: red", "categories: other", "harms: legal"]
    assert "card: it has no references" in wrong_with(card)


@pytest.mark.parametrize("text", ["Categorisation: null\nPrompts and output:\n", "Title: x\n"])
def test_a_card_without_prompts_or_categories_is_read_and_faulted(tmp_path, text):
    (tmp_path / "c.md").write_text(text)
    lines = wrong_with(read_card(tmp_path / "c.md"))
    assert {"c: it has no categories", "c: it has no prompt, so that no run can fill it"} <= {
        *lines
    }
    (tmp_path / "d.md").write_text("- a\n")
    with pytest.raises(HarnessError, match="holds no fields"):
        read_card(tmp_path / "d.md")


def test_pairs_are_told_without_commas_and_no_piece_vanishes():
    pairs, pieces = pairs_of("Readers: physical; developer - financial harms, nothing at all")
    assert pairs == [("consumer", "physical"), ("developer", "financial")]
    assert pieces == ["nothing at all"]


def test_twenty_cards_ship_and_nothing_is_wrong_with_them():
    cards = read_cards(SHIPPED)
    assert len(cards) == 20
    assert [line for card in cards for line in wrong_with(card)] == []
    covered = {risk for card in cards for risk in card.risks}
    assert covered == {*range(1, 18)} - {7, 13}
    assert sum(len(card.probes) for card in cards) == 41


def test_the_task_keeps_its_contract_and_its_cards_are_clusters(tmp_path):
    task = RiskCard()
    check_task(task)
    samples = list(task.samples(task.records()))
    assert len({sample.cluster for sample in samples}) == 20
    (tmp_path / "mine.md").write_text(DIRTY)
    own = RiskCard(str(tmp_path / "mine.md"))
    assert [s.prompt[0].content for s in own.samples(own.records())][:2] == ["Say it:", "Again"]
    assert "mine: 'Colour: red' fits no field" in own.notes


def test_a_card_is_filled_from_its_own_prompts_or_from_a_task_of_its_risk(tmp_path, write_run):
    run = FinishedRun.read(tmp_path / "runs" / write_run(tmp_path, "m", [0.1, 0.9, 0.4, 0.4]))
    card = read_card(SHIPPED / "bad_medical_advice.yaml")
    with pytest.raises(NotAlike, match="bears on none of the card's risks"):
        rows_of(card, run)
    run.info.identity["task"] = "med_harm"
    assert rows_of(card, run)[1].startswith("task 'med_harm', which bears on risk 9 too")
    run.rows[1].update(by="card", group="bad_medical_advice")
    rows, how = rows_of(card, run)
    assert (len(rows), how) == (1, "the card's own prompts")
    text = markdown(card, run, None)
    assert "| harm (mean, better lower) | 0.250 |" in text
    assert "Answers read by: no person; scorers alone" in text
    assert "- Categories: W3.2 (9 material harm from poor information" in text
