"""A blind study of two systems: its tests by hand and by scipy, its power, its raters."""

import numpy as np
import pytest
from scipy import stats

from harness.evidence.blind.pairs import compare, power
from harness.evidence.blind.ratings import UNREPLICATED, read_study
from harness.types.errors import HarnessError


def test_the_sign_flips_are_those_that_can_be_counted_by_hand():
    # Of the 8 patterns of 1, 2, 3 the sums 6 and -6 are as far out as 6; 4, 4 of 1+3-... are not.
    assert compare(np.array([1.0, 2.0, 3.0])).sign_flip == 2 / 8
    # |sum| = 4: patterns with |sum| >= 4 are +-(1+2+3) and +-(-1+2+3).
    assert compare(np.array([-1.0, 2.0, 3.0])).sign_flip == 4 / 8
    eighteen = compare(np.linspace(1, 2, 18))
    assert (eighteen.sign_flip, eighteen.exact) == (2 / 2**18, True)


def test_the_tests_are_scipy_s():
    a, b = np.random.default_rng(0).normal(7, 2, (2, 14))
    result = compare(a - b)
    assert result.t == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert result.wilcoxon == pytest.approx(stats.wilcoxon(a - b).pvalue)
    low, high = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (result.low, result.high) == (pytest.approx(low), pytest.approx(high))
    reference = stats.permutation_test(
        (a - b,), lambda d, axis: d.mean(axis), permutation_type="samples", n_resamples=np.inf
    )
    assert result.sign_flip == pytest.approx(reference.pvalue)


def test_many_prompts_are_drawn_near_the_t_test():
    differences = np.random.default_rng(1).normal(0.4, 1, 40)
    result = compare(differences)
    assert not result.exact
    assert result.sign_flip == pytest.approx(result.t, abs=0.01)


def test_no_difference_at_all_is_shown_by_none():
    result = compare(np.zeros(5))
    assert (result.t, result.wilcoxon, result.sign_flip) == (1.0, 1.0, 1.0)


def test_power_is_the_published_one():
    assert power(34, 0.5, 1.0) == pytest.approx(0.808, abs=5e-4)  # Faul et al., G*Power
    assert power(34, 0.0, 1.0) == pytest.approx(0.05)


def write(folder, name, rows):
    path = folder / f"{name}.csv"
    path.write_text("prompt,rating_a,rating_b\n" + "".join(f"{row}\n" for row in rows))
    return path


def test_one_rater_is_unreplicated_and_a_blank_is_in_no_test(tmp_path):
    first = write(tmp_path, "anna", ["p,8,6", "q,7,6", "r,9,6", "s,,5"])
    lines = list(read_study([first]).lines())
    assert lines[-1] == UNREPLICATED
    assert "1 prompts lack a rating and are in no test" in lines
    assert any(line.startswith("A minus B over 3 prompts: 2.00") for line in lines)
    second = write(tmp_path, "ben", ["p,8,6", "q,7,6", "r,9,6", "s,4,5"])
    assert list(read_study([first, second]).lines())[-1].endswith("interval): 1.00")


@pytest.mark.parametrize(
    ("rows", "words"),
    [(["p,11,6"], "no number from 0 to 10"), (["p,5,6", "p,5,6"], "there twice"),
     (["q,5,6"], "not of the prompts that others rated")],
)  # fmt: skip
def test_ratings_that_cannot_be_are_refused(tmp_path, rows, words):
    files = [write(tmp_path, "anna", ["p,8,6"]), write(tmp_path, "ben", rows)]
    with pytest.raises(HarnessError, match=words):
        read_study(files)


def test_the_command_says_power_before_it_starts(command, tmp_path):
    asked = ("n=18", "difference=1", "spread=2")
    done = command("harness.evidence.blind", *asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "below 80 %: ask more prompts" in done.stdout
