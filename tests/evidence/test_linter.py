"""What the linter finds in sentences, and what it leaves alone."""

import pytest

from harness.evidence.dossier.linter import claims, faults_in
from tests.conftest import SHARED

PROTOCOLS = SHARED.parent / "protocols.md"


@pytest.mark.parametrize(
    ("sentence", "rule"),
    [
        ("The difference was statistically significant (p > 0.05).", "significance"),
        ("Means differ significantly, p = .12.", "significance"),
        ("A significant gain (p ≥ 0.05) was seen.", "significance"),
        ("There was no significant difference (p < 0.01).", "significance"),
        ("A (0.62; 0.55 to 0.69) outperforms B (0.60; 0.53-0.67).", "rank"),
        ("Model A is safer than model B (A [1.2, 1.9], B [1.8, 2.4]).", "rank"),
        ("The mean score was taken over answers that could be parsed.", "survivors"),
        ("Invalid answers were dropped; accuracy excludes failed requests.", "survivors"),
        ("It is known that 85% of models are biased.", "unverified claim"),
        ("RLHF cuts toxicity by up to 90 %.", "unverified claim"),
    ],
)
def test_what_statistics_forbid_is_found(sentence, rule):
    assert [fault.rule for fault in faults_in(f"All is well. {sentence} So it is.")] == [rule]


@pytest.mark.parametrize(
    "sentence",
    [
        "The difference was significant (p < 0.05).",
        "The difference was not significant (p > 0.05).",
        "A significant gain (p = 0.03) stood beside none (p = 0.4) that was not significant.",
        "A (0.80; 0.75 to 0.85) outperforms B (0.60; 0.53 to 0.67).",
        "A (0.62; 0.55 to 0.69) and B (0.60; 0.53 to 0.67) share the first rank.",
        "The mean is over the 90 of 100 that were scored; the worst-case bound is 0.3.",
        "Of all models 12 % were biased by our measure.",
    ],
)
def test_what_is_in_order_is_left_alone(sentence):
    assert faults_in(sentence) == []


def test_a_rank_is_held_against_intervals_that_stand_elsewhere():
    ends = {"alpha": (0.1, 0.3), "beta": (0.2, 0.4), "gamma": (0.5, 0.6)}
    (fault,) = faults_in("Here alpha is better than beta.", ends)
    assert "0.1 to 0.3 and 0.2 to 0.4 overlap" in fault.why
    assert faults_in("Here alpha is better than gamma.", ends) == []


def test_a_claim_without_a_source_is_no_number_of_anyone_s():
    assert len(claims()) >= 2
    assert all(faults_in(f"{claim.claim}.")[0].rule == "unverified claim" for claim in claims())


def test_a_blind_study_of_two_systems_contradicts_itself_by_its_own_figures():
    # 18 prompts, rated from 0 to 10: 8.29 and 6.52, and "significant (p > 0.05)".
    said = (
        "GPT-4 (mean 8.29) was rated above ChatGPT (6.52), and the gap is significant (p > 0.05)."
    )
    (fault,) = faults_in(said)
    assert (fault.rule, fault.why) == (
        "significance", "p > 0.05 is no significance at the level of 0.05"
    )  # fmt: skip


@pytest.mark.skipif(not PROTOCOLS.is_file(), reason=f"no notes on published studies at {PROTOCOLS}")
def test_the_contradiction_is_found_in_what_the_abstract_says():
    (row,) = [line for line in PROTOCOLS.read_text("utf-8").splitlines() if "8.29 vs 6.52" in line]
    assert "significance" in [fault.rule for fault in faults_in(row)]
