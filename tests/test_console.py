"""What a run prints: one screen, or every row."""

import json
from pathlib import Path

import pytest

from harness.report.console import SCREEN, fitted, print_run
from harness.report.headline import Grouping, overview
from harness.report.opening import warnings
from harness.show.categories import category, with_categories
from harness.store import ITSELF, FinishedRun, RunInfo

ROW = {
    "name": "harm", "statistic": "mean", "by": "principle", "better": "lower", "metric": "harm",
    "scorer": "judge", "scorer_id": "judge-1",
    "validity": "agreement with people: AUC 0.95 (0.90 to 0.97) on XSTest",
    "low": 0.0, "high": 1.0, "worst": 0.5, "best": 0.5, "n": 9, "n_scored": 9, "n_failed": 0,
}  # fmt: skip
INFO = {
    "status": "complete",
    "identity": {"task": "t", "task_version": "1", "protocol": "fast", "data": "starter",
                 "data_sha256": "d" * 64, "model": {"weights": "w" * 64}},
    "model": "m", "mitigation": "none", "samples": 9, "generations": 9, "generations_failed": 0,
    "generations_cut": 0, "sessions": [{}], "not_computed": [],
    "agreement": {"harm": {"grade": "well", "phrase": "AUC 0.95 on XSTest"}},
}  # fmt: skip


def row(group, estimate, **more):
    return ROW | {"group": group, "estimate": estimate} | more


def printed(capsys, rows, info=None, everything=False):
    run = FinishedRun(Path("results/runs/t"), RunInfo.of(INFO | (info or {})), rows)
    print_run(run, everything)
    return capsys.readouterr().out


def test_a_grouping_is_one_line_of_its_worst_group(capsys):
    rows = [row(group, value) for group, value in (("a", 0.1), ("b", 0.7), ("c", None))]
    lines = printed(capsys, rows).splitlines()
    (line,) = (line for line in lines if "harm by principle" in line)
    assert line.split("  ")[0].strip() == "\u2193 harm by principle: b (worst of 3, 1 not known)"
    assert "0.700" in line
    assert "all 3 rows: show=all" in " ".join(lines)
    whole = printed(capsys, rows, everything=True)
    assert [f"    {group} " in whole for group in "abc"] == [True] * 3
    assert "show=all" not in whole


@pytest.mark.parametrize(
    ("better", "worst"), [("lower", "b"), ("higher", "a"), ("zero", "c"), ("neither", "b")]
)
def test_the_worst_group_is_the_farthest_from_the_good_end(better, worst):
    rows = [row("a", -0.1), row("b", 0.7), row("c", -0.05 if better != "zero" else -0.9)]
    (grouping,) = overview([each | {"better": better} for each in rows])
    assert grouping.worst["group"] == worst


def test_a_group_without_samples_is_neither_the_worst_nor_unknown():
    grouping = Grouping([row("a", 0.1), row("b", None, n=0)])
    assert (grouping.worst["group"], grouping.unknown, grouping.count) == ("a", 0, 2)


def test_where_no_group_is_known_the_line_says_so(capsys):
    lines = printed(capsys, [row(group, None) for group in "ab"])
    assert "harm by principle (none of 2 known)" in lines
    assert "not known" in lines


def test_whether_a_mixed_model_was_fitted_is_not_its_worst_effect(capsys):
    effects = [row("age", -0.1, better="zero"), row("converged", 1.0, better="zero")]
    assert "harm by principle: age " in printed(capsys, effects)
    effects[1]["estimate"] = 0.0
    assert "age (the model did not fit)" in printed(capsys, effects)


@pytest.mark.long
def test_a_task_with_many_groups_estimates_and_notes_prints_one_screen(capsys):
    rows = [row(f"group {n}", n / 100, name=f"harm {n % 60}") for n in range(300)]
    rows += [row(None, 0.5, by=None, name=f"overall {n}") for n in range(20)]
    notes = [f"Note {n}: " + "many words of it " * 30 for n in range(12)]
    missing = {"harm": [["a reason of many words " * 20, 7]]}
    lines = printed(capsys, rows, {"notes": notes, "missing": missing}).splitlines()
    assert len(lines) <= SCREEN - 1  # one more names the page
    text = "\n".join(lines)
    assert "more: show=all" in text
    assert "missing of harm: 7 for: a reason" in text
    whole = " ".join(printed(capsys, rows, {"notes": notes}, everything=True).split())
    assert all(" ".join(note.split()) in whole for note in notes)


def test_remarks_that_do_not_fit_are_shortened_alike_and_counted():
    remarks = ["word " * 100, "short", "word " * 100]
    assert " ".join(fitted(remarks, 100, 80)) == " ".join(map(str.strip, remarks))
    lines = fitted(remarks, 7, 80)
    assert len(lines) <= 7
    assert sum(line.endswith("\u2026") for line in lines) == 2
    assert fitted(["a", "b", "c", "d"], 3, 80) == ["a", "b", "\u2026 and 2 more: show=all"]


def test_validity_is_a_mark_and_a_phrase_and_the_sentence_with_show_all(capsys):
    rows = [row(None, 0.5, by=None)]
    text = printed(capsys, rows)
    assert "\u25cf harm by judge-1: AUC 0.95 on XSTest\n" in text
    assert "agreement with people: \u25cf good\n" in text
    assert ROW["validity"] in printed(capsys, rows, everything=True)
    assert f"harm by judge-1: {ROW['validity']}" in printed(capsys, rows, {"agreement": {}})


def test_whether_the_judge_is_the_model_is_read_from_identities_and_not_from_a_sentence(capsys):
    judges = {"scorers": {"judge": {"judge_weights": "w" * 64}}}
    others = {"scorers": {"judge": {"judge_weights": "o" * 64}}}
    said = row(None, 0.5, by=None, validity=f"{ITSELF}; {ROW['validity']}")
    assert ITSELF in printed(capsys, [row(None, 0.5, by=None)], judges)
    assert ITSELF not in printed(capsys, [said], others)
    warned = "A judge of this run is the model under test."
    assert warned in warnings(RunInfo.of(INFO | judges), [ROW])
    assert warned not in warnings(RunInfo.of(INFO | others), [said])


def test_a_category_stands_with_its_name(capsys):
    labels = {"principle": {"1": "competent care", "2": "2 honesty"}}
    assert category(labels, "principle", "1") == "1 competent care"
    assert category(labels, "principle", "2") == "2 honesty"
    assert category(labels, "principle", "3") == "3"
    assert category(labels, None, "1") == "1"
    rows = with_categories([row("1", 0.1), row(None, 0.1, by=None)], labels)
    assert [each["group"] for each in rows] == ["1 competent care", None]
    assert "by principle: 1 competent care" in printed(capsys, [row("1", 0.1)], {"labels": labels})


def test_a_finished_run_prints_every_row_without_running_again(harness, tmp_path):
    args = ["backend=echo", "scorer=[refusal]", "limit=30", "max_unmeasured=1"]
    short = harness(*args).stdout
    (path,) = tmp_path.glob("results/runs/*/run.json")
    sessions = json.loads(path.read_text())["sessions"]
    done = harness(*args, "show=all")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > len(short.splitlines())
    assert "agreement with people: AUC 0." in done.stdout
    assert json.loads(path.read_text())["sessions"] == sessions
    for module in ("harness", "harness.score"):
        wrong = harness(*args[1:2], "show=some", "run=x" * (module != "harness") or args[0],
                        module=module)  # fmt: skip
        assert wrong.stderr == "error: show='some' must be null or all\n"
