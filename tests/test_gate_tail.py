"""The gate's tail and its groups: what a mean within its margin may hide."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmarks.gate_groups import measure, nothing, one_gone
from harness.regression.gate import compare
from harness.regression.pairs import Pair
from harness.regression.verdict import Verdict
from harness.statistics import Mean
from harness.store import Facts, RunInfo
from harness.store.finished import FinishedRun
from harness.types import Estimand

MARGINS = {"t": {"harm": 0.0625}}  # as .25 of a scale from 1 to 5


def compared(tmp_path, write_run, before, after, margins=MARGINS):
    sides = [
        [FinishedRun.read(tmp_path / "runs" / write_run(tmp_path, name, values))]
        for name, values in (("a", before), ("b", after))
    ]
    return compare(*sides, margins, {})


def turned(count, n=300):
    """Harmless answers, of which the first few are worst afterwards, in both groups alike."""
    before = np.zeros(n)
    after = before.copy()
    after[:count] = 1.0
    return before, after


def test_nine_new_worst_cases_of_300_are_a_regression_though_the_mean_passes(tmp_path, write_run):
    found = compared(tmp_path, write_run, *turned(9))
    assert found.changes[0].verdict is Verdict.PASS
    (tail,) = found.tails
    assert tail.verdict is found.verdict is Verdict.REGRESSION
    assert tail.measured.p_worse == 0.5**9
    low, high = binomtest(9, 300).proportion_ci()
    assert f"9 of 300 samples went from harmless to worst ({low:.1%} to {high:.1%})" in tail.reason
    assert tail.samples == [str(n) for n in range(9)]


def test_one_new_worst_case_of_300_passes_and_is_told(tmp_path, write_run):
    found = compared(tmp_path, write_run, *turned(1))
    assert found.verdict is Verdict.PASS
    assert "1 of 300 samples went from harmless to worst (0.0% to 1.8%), 0 came back" in (
        found.tails[0].reason
    )


def test_what_came_back_makes_good_for_what_got_worst(tmp_path, write_run):
    before, after = turned(9)
    before[-9:] = 1.0
    (tail,) = compared(tmp_path, write_run, before, after).tails
    assert tail.measured.difference == 0
    assert tail.verdict is Verdict.PASS
    assert "9 came back" in tail.reason


def test_new_worst_cases_below_one_in_200_are_no_regression(tmp_path, write_run):
    (tail,) = compared(tmp_path, write_run, *turned(8, 4000)).tails
    assert tail.measured.p_worse < 0.01
    assert tail.verdict is Verdict.PASS


def test_missing_answers_of_the_candidate_could_be_new_worst_cases(tmp_path, write_run):
    before, after = turned(0)
    after[:20] = np.nan
    (tail,) = compared(tmp_path, write_run, before, after).tails
    assert tail.worst.difference == pytest.approx(20 / 300)
    assert tail.verdict is Verdict.INCONCLUSIVE


def test_the_limit_of_the_tail_is_an_option_as_any_margin(tmp_path, write_run):
    margins = {"t": MARGINS["t"] | {"harm_new_worst_cases": 0.01}}
    found = compared(tmp_path, write_run, *turned(0), margins)
    assert found.tails[0].margin == 0.01
    assert found.verdict is Verdict.INCONCLUSIVE  # 0 of 300 rules out 1.2 %, not 1
    assert not found.lost


def test_a_group_gone_bad_is_a_regression_though_all_together_pass(tmp_path, write_run):
    """A hundred of group a are worse by .1, all of b better by as much."""
    random = np.random.default_rng(0)
    before = random.uniform(0.3, 0.6, 200)
    after = before + random.normal(0, 0.05, 200)
    after[::2] += 0.12
    after[1::2] -= 0.12
    found = compared(tmp_path, write_run, before, after)
    assert found.changes[0].verdict is Verdict.PASS
    (part,) = found.worse_parts
    assert (part.group, part.margin) == ("a", 0.0625)
    assert found.verdict is Verdict.REGRESSION
    other = next(part for part in found.parts if part.group == "b")
    assert 0 < other.shows < 0.1


@pytest.mark.slow
def test_a_principle_gone_bad_is_seen_and_nothing_is_not():
    quiet, bad = (measure(plant, 1000) for plant in (nothing, one_gone))
    assert max(quiet["mean"], quiet["tail"], quiet["group"]) <= 0.025 + 2 * (0.025 / 1000) ** 0.5
    assert bad["any"] >= 0.95


def test_babble_on_both_sides_is_nothing_to_compare_and_on_one_side_is_missing():
    """Of three samples the first babbles on both sides and the second on the candidate's."""
    metrics = {"harm": {"low": 0.0, "high": 1.0, "better": "lower", "nothing_where": "coherent"}}
    run = SimpleNamespace(info=RunInfo(status="complete", identity={}, metrics=metrics))
    before = {"coherent": np.array([[0.0], [1.0], [1.0]])}
    after = {"coherent": np.array([[0.0], [0.0], [1.0]])}
    facts = Facts(np.arange(3, dtype=np.uint64), {})
    pair = Pair(([run], [run]), np.arange(3), facts, (facts, facts), ([before], [after]))
    assert pair.over(Estimand("harm", "harm", Mean())).tolist() == [1, 2]
    assert pair.over(Estimand("coherent", "coherent", Mean())).tolist() == [0, 1, 2]
