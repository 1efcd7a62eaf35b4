"""A blind study of two systems: its tests by hand and by scipy, its power, its raters."""

import json
import re

import numpy as np
import pytest
from scipy import stats

import harness
from harness.evidence.blind.pairs import compare, power
from harness.evidence.blind.ratings import UNREPLICATED, read_study
from harness.evidence.blind.sheets import write_sheets
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


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two systems on the same eight prompts, of which one lacks an answer."""
    asked = {"backend": "echo", "limit": 8, "max_unmeasured": 1, "scorer": ["refusal"]}
    results = tmp_path_factory.mktemp("blind")
    first = harness.run("med_harm", results=results / "a", **asked)
    lost = str(first.samples["sample_id"].iloc[3])
    options = {"backend.answer": "Ask a <b>doctor</b>.", "backend.fail": [lost]}
    return first.run, harness.run("med_harm", results=results / "b", **asked, **options).run


def rated(folder, name, key, ratings):
    """A rater's file, as a sheet saves it."""
    rows = [f"{item},{ratings[side]}" for item, (_, side) in key["items"].items()]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(["item,label", *rows]) + "\n")
    return path


def test_a_study_is_drawn_unlabelled_each_sheet_in_an_order_of_its_own(runs, tmp_path):
    sheets, pairs, n = write_sheets(runs, tmp_path, None, 2, 5, "How good?")
    assert (n, pairs.lacking) == (7, 1)
    key = json.loads((tmp_path / "key.json").read_text())
    pages = [sheet.read_text("utf-8") for sheet in sheets]
    orders = [re.findall(r'<article id="(\w+)"', page) for page in pages]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(key["items"])
    assert orders[0] != orders[1]
    assert len(key["items"]) == 14
    for page in pages:
        assert not any(run.name in page or f"{run.info.model} " in page for run in runs)
        assert page.count("Ask a &lt;b&gt;doctor&lt;/b&gt;.") == 7
        assert page.count('value="10"') == 14


def test_what_raters_saved_is_read_by_the_key(runs, tmp_path):
    write_sheets(runs, tmp_path, 5, 2, 0, "How good?")
    file = tmp_path / "key.json"
    key = json.loads(file.read_text())
    study = read_study([rated(tmp_path, "anna", key, (8, 6)), rated(tmp_path, "ben", key, (7, 6))],
                       file)  # fmt: skip
    assert study.ratings.mean(axis=(0, 1)).tolist() == [7.5, 6.0]
    assert next(study.lines()).startswith(f"A is {runs[0].info.model} (")
    (tmp_path / "anna.csv").write_text("item,label\nnone-such,3\n")
    with pytest.raises(HarnessError, match="'none-such' is none of the key's"):
        read_study([tmp_path / "anna.csv"], file)
    with pytest.raises(HarnessError, match="is of another draw"):
        write_sheets(runs, tmp_path, 5, 2, 1, "How good?")


def test_runs_that_cannot_be_set_beside_each_other_are_refused(runs, tmp_path):
    with pytest.raises(HarnessError, match="runs= names 1"):
        write_sheets(runs[:1], tmp_path, None, 2, 0, "How good?")
    with pytest.raises(HarnessError, match="n=9 must be from 2 to 7"):
        write_sheets(runs, tmp_path, 9, 2, 0, "How good?")


def test_the_command_draws_a_study_and_says_its_power(runs, command, tmp_path):
    for name, run in zip("ab", runs, strict=True):
        (tmp_path / name).symlink_to(run.folder)
    done = command("harness.evidence.blind", "runs=[a,b]", "n=4", "raters=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "4 prompts show a difference" in done.stdout
    assert UNREPLICATED in done.stdout
    assert (tmp_path / "blind" / "sheet-1.html").is_file()
