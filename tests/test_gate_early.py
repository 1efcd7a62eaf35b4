"""An early stop: both sides in blocks of the same samples, until the verdict is sure."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.early_stop import KINDS, measure
from harness.command.named import configured
from harness.models.echo import EchoModel
from harness.regression import early
from harness.regression.asking import options_of
from harness.regression.blocks import sizes
from harness.regression.verdict import Verdict
from harness.regression.written import as_json, as_markdown
from harness.runs.cli import Composed, plan_of
from harness.runs.flow import run
from harness.runs.samples import look_over
from harness.store.finished import FinishedRun
from harness.types.errors import HarnessError

REFUSES, COMPLIES = "I'm sorry, but I can't help with that.", "Here is what you do, step by step."
ALONE = {"harmfulness": None, "harmful_answers": None}
GIVEN = {"one_task": "med_harm", "suite": None, "options": [], "results": "results"}


@pytest.fixture(scope="module")
def plan():
    cfg = configured("med_harm", "backend=echo", "scorer=[refusal]")
    return plan_of(Composed(cfg, [], {"mitigation": "none"}), {})


@pytest.fixture
def compared(plan, tmp_path, monkeypatch):
    """Compares two systems that always answer the same."""

    def compare(before, after, guards=None):
        answers = {"a": before, "b": after}

        def plans_of(options, parts):
            name = next(o.removeprefix("model=") for o in options if o.startswith("model="))
            model = EchoModel(name, answers[name])
            return [replace(plan, model=model, results=tmp_path)]

        monkeypatch.setattr(early, "plans_of", plans_of)
        monkeypatch.setattr(early, "GROWTH", 1.5)
        given = GIVEN | {"baseline": {"model": "a"}, "candidate": {"model": "b"}}
        overrides = {"margins": {"med_harm": ALONE}, "guards": {"med_harm": guards or {}}}
        return early.compare_early(given, overrides)

    return compare


def test_a_sure_regression_ends_both_runs_early(compared, capsys):
    found = compared(REFUSES, COMPLIES)
    assert found.verdict is Verdict.REGRESSION
    (run_a,), (run_b,) = found.baseline, found.candidate
    assert run_a.info.samples == run_b.info.samples == 32
    assert run_a.samples()["sample_id"] == run_b.samples()["sample_id"]
    assert found.saving.startswith("Ended early, after 32 of 288 samples of each side: ")
    assert "which saved 89% of the tokens" in found.saving
    assert capsys.readouterr().out == "look at 32 of 288 of med_harm: regression\n"
    (change,) = [c for c in found.changes if c.name == "refused"]
    assert change.measured.method == "bets, always valid"
    assert change.measured.low > change.margin


def test_no_difference_passes_early_where_enough_was_asked(compared):
    found = compared(REFUSES, REFUSES, {"benign_refused": None, "coherent": None})
    assert found.verdict is Verdict.PASS
    # 5 x 40 = 200 to be reached by bets that win a factor of 1 + 0.5 / 0.45 x 0.05 each: 98 pairs.
    (change,) = found.changes
    assert 98 <= change.measured.pairs < 216
    assert found.baseline[0].info.samples < 288


def test_where_nothing_is_sure_the_end_is_compared_as_ever(compared):
    found = compared(REFUSES, REFUSES)  # of the guard's 72 harmless requests too few are left
    assert found.baseline[0].info.samples == 288
    assert {change.measured.method for change in found.changes} == {"McNemar exact, Tango score"}
    assert found.saving == "Nothing was sure before all 288 samples of each side were asked."


def test_runs_are_resumed_and_can_be_finished_later(compared, plan, tmp_path, no_progress):
    first = compared(REFUSES, COMPLIES)
    again = compared(REFUSES, COMPLIES)
    assert again.verdict is first.verdict
    asked = again.baseline[0].info
    assert asked.sessions == first.baseline[0].info.sessions  # nothing was left to be done
    whole = run(replace(plan, model=EchoModel("a", REFUSES), results=tmp_path), no_progress)
    finished = FinishedRun.read(whole.folder)
    assert finished.folder == first.baseline[0].folder
    assert (finished.info.samples, finished.info.balanced) == (288, False)
    assert finished.info.sessions[-1]["generate"]["generations"] == 288 - asked.samples
    half = compared(REFUSES, COMPLIES)  # one side whole by now, and nothing more is reckoned of it
    tokens = [side[0].info.tokens for side in (half.baseline, half.candidate)]
    of_all = tokens[0] + tokens[1] * 288 / half.candidate[0].info.samples
    assert f"{sum(tokens):,} tokens were generated of about {of_all:,.0f}" in half.saving


def test_a_finished_run_cannot_be_asked_in_blocks():
    given = GIVEN | {"baseline": "results/runs/a", "candidate": {"model": "b"}}
    with pytest.raises(HarnessError, match="early_stop=true asks models, and a finished run"):
        early.compare_early(given, {"margins": {}, "guards": {}})


def test_blocks_hold_each_stratum_in_its_share_and_the_blocks_before(plan):
    samples = look_over(plan.task)
    places = {n: samples.choose(n, balanced=True).places for n in (32, 90, 288)}
    assert set(places[32]) < set(places[90]) < set(places[288])
    assert [len(of) for of in places.values()] == [32, 90, 288]
    strata = samples.facts.fields["principle"].codes
    whole = np.bincount(strata) / len(strata)
    assert np.abs(np.bincount(strata[places[90]]) - 90 * whole).max() <= 2
    assert len(samples.choose(90).places) == 90
    assert sorted(samples.turns) == list(range(288))


def test_looks_come_ever_more_seldom_and_end_with_the_whole():
    assert list(sizes(100, growth=2.0)) == [32, 64, 100]
    assert list(sizes(20)) == [20]
    assert len(list(sizes(100_000))) < 40


def test_a_change_is_in_the_title_and_in_the_first_sentence(compared):
    found = replace(compared(REFUSES, COMPLIES), change="4-bit weights")
    text = as_markdown(found)
    assert "regression: What 4-bit weights did to safety: b against a" in text
    assert (
        "The change \u201c4-bit weights\u201d made the model less safe. The candidate was" in text
    )
    assert "Ended early, after 32 of 288" in text
    assert '"change": "4-bit weights"' in as_json(found)


def test_the_command_takes_a_task_a_change_and_an_early_stop(harness, tmp_path):
    done = harness(
        "task=med_harm", "baseline.backend=echo", "candidate.backend=echo", "change=4-bit",
        'options=["scorer=[refusal]","limit=40","report=false"]', "~margins.med_harm.harmfulness",
        "~margins.med_harm.harmful_answers", "early_stop=true", module="harness.regression",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    first, second, verdict, *_ = done.stdout.splitlines()
    assert first == "look at 32 of 40 of med_harm: inconclusive"
    assert second == "look at 40 of 40 of med_harm: inconclusive"
    assert verdict == "inconclusive: What 4-bit did to safety: echo against echo"
    assert (tmp_path / "results/regression/regression.html").exists()
    refused = harness(
        "task=med_harm", "baseline.backend=echo", "candidate.backend=echo", "early_stop=true",
        "reading=benchmark", module="harness.regression",
    )  # fmt: skip
    assert refused.returncode == 64
    assert "early_stop=true: looks before the end read prompts like these" in refused.stderr


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_an_early_stop_errs_no_more_often_than_it_says_and_saves():
    """In 3 % of 2,000 runs at the most, with two standard errors of that many."""
    found = {name: measure(kind, 2000) for name, kind in KINDS.items()}
    most = 0.03 + 2 * (0.03 * 0.97 / 2000) ** 0.5
    for name, row in found.items():
        if name.startswith("no difference"):
            assert row["regression"] <= most, name
        if name.startswith("one margin"):
            assert row["pass"] <= most, name
    for name in ("three margins", "no difference, twice the margins"):
        assert found[name]["saved"] >= 0.4, name


def test_a_side_has_options_of_its_own():
    asked = {"model": "a", "mitigation": None, "backend": None, "seeds": [0]}
    given = {**GIVEN, "options": ["limit=3"]}
    plain = options_of(given, "baseline", asked)
    assert plain[-1] == "limit=3"
    rounded = options_of(given, "candidate", {**asked, "options": ["backend.quantize=nf4"]})
    assert rounded == [*plain, "backend.quantize=nf4"]
