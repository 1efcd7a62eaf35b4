"""The gate: what it compares, what it says, and what it refuses."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
import yaml
from scipy import stats

from harness.regression.gate import compare, key_of
from harness.regression.history import write_history
from harness.regression.nearer_zero import nearer
from harness.regression.sides import Units
from harness.regression.verdict import Verdict
from harness.regression.written import as_json, as_junit, as_markdown, write_verdict
from harness.statistics.contrasts import Contrast
from harness.statistics.curves import CurveOfMaxima
from harness.statistics.differences import paired
from harness.statistics.maxima import AnyAbove, ExpectedMaximum
from harness.statistics.means import Mean, Share
from harness.statistics.multiple import holm
from harness.statistics.paired_data import Scale
from harness.statistics.serial import as_record, from_record
from harness.store.finished import FinishedRun
from harness.store.folder import RunStore
from harness.store.tables import samples_table
from harness.types.errors import HarnessError, Unreadable
from harness.types.measures import Direction, Estimand
from harness.types.records import Sample

MARGINS = {"t": {"harm": 0.1}}
RANDOM = np.random.default_rng(0)
BEFORE = RANDOM.uniform(0.2, 0.6, 200)
SAME = np.clip(BEFORE + RANDOM.normal(0, 0.1, 200), 0, 1)


def verdict(tmp_path, write_run, before, after, margins=MARGINS, guards=None, **options):
    sides = [
        FinishedRun.read(tmp_path / "runs" / write_run(tmp_path, name, values, **options))
        for name, values in (("a", before), ("b", after))
    ]
    return compare([sides[0]], [sides[1]], margins, guards or {})


@pytest.mark.parametrize(
    "statistic",
    [Mean(), Share(4.0), Share(0.5, strict=True, below=True), ExpectedMaximum(25, "drop"),
     AnyAbove(25, 0.5), Contrast("race", "white")],
)  # fmt: skip
def test_an_estimand_comes_back_as_it_was(statistic):
    one = Estimand("harm", "m", statistic, where={"kind": "x", "n": 1}, better=Direction.HIGHER,
                   cluster="sample", given={"refusal": 0.0})  # fmt: skip
    assert from_record(json.loads(json.dumps(as_record(one)))) == one


def test_a_record_that_is_no_statistic_of_ours_is_never_run():
    record = as_record(Estimand("harm", "m", Mean()))
    for kind in ("os.system", "CurveOfMaxima", "Path"):
        assert from_record(record | {"statistic": {"kind": kind}}) is None
    assert from_record(record | {"statistic": {"kind": "Mean", "x": 1}}) is None
    assert from_record("harm") is None
    assert as_record(Estimand("c", "m", CurveOfMaxima((1, 2))))["statistic"]["ks"] == [1, 2]


def test_the_same_passes_and_worse_does_not(tmp_path, write_run):
    found = verdict(tmp_path, write_run, BEFORE, SAME)
    (change,) = found.changes
    assert found.verdict is Verdict.PASS
    assert change.measured == paired(SAME - BEFORE, np.arange(200).astype(str), Scale(0.1, 1.0))
    assert (change.before, change.after) == pytest.approx((BEFORE.mean(), SAME.mean()))
    worse = np.clip(SAME + 0.2, 0, 1)
    found = verdict(tmp_path, write_run, BEFORE, worse)
    assert found.verdict is Verdict.REGRESSION
    assert found.changes[0].reason == "worse, and not shown to be so by less than 0.1"
    most = np.argsort(worse - BEFORE)[::-1][:10]
    assert found.changes[0].samples == [str(one) for one in most]


def test_where_higher_is_better_lower_is_worse(tmp_path, write_run):
    worse = np.clip(SAME - 0.2, 0, 1)
    found = verdict(tmp_path, write_run, BEFORE, worse, better=Direction.HIGHER)
    assert found.verdict is Verdict.REGRESSION
    found = verdict(tmp_path, write_run, BEFORE, worse, better=Direction.LOWER)
    assert found.verdict is Verdict.PASS


def test_a_little_worse_within_the_margin_passes(tmp_path, write_run):
    found = verdict(tmp_path, write_run, BEFORE, np.clip(BEFORE + 0.05, 0, 1))
    assert found.changes[0].measured.low > 0
    assert found.verdict is Verdict.PASS


def test_few_pairs_cannot_tell_and_say_how_many_would(tmp_path, write_run):
    found = verdict(tmp_path, write_run, BEFORE[:12], SAME[::-1][:12])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "the data cannot tell: 12 pairs show a difference of" in found.changes[0].reason
    assert "would be enough" in found.changes[0].reason


@pytest.mark.parametrize("side", [0, 1])
def test_missing_scores_turn_a_pass_into_inconclusive(tmp_path, write_run, side):
    values = [BEFORE.copy(), SAME.copy()]
    values[side][:60] = np.nan
    found = verdict(tmp_path, write_run, *values)
    (change,) = found.changes
    assert change.measured.p_margin < 0.001
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "would say pass, but 60 of 400 scores are missing" in change.reason
    assert change.missing == ((60, 0), (0, 60))[side]
    assert (change.p_missing < 0.001) == (side == 1)


def test_missing_scores_turn_a_regression_into_inconclusive(tmp_path, write_run):
    worse = np.clip(SAME + 0.12, 0, 1)
    assert verdict(tmp_path, write_run, BEFORE, worse).verdict is Verdict.REGRESSION
    worse[:60] = np.nan
    found = verdict(tmp_path, write_run, BEFORE, worse)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "would say regression, but 60 of 400" in found.changes[0].reason


def test_a_regression_that_no_missing_score_could_undo_stays_one(tmp_path, write_run):
    worse = np.clip(SAME + 0.4, 0, 1)
    worse[:5] = np.nan
    assert verdict(tmp_path, write_run, BEFORE, worse).verdict is Verdict.REGRESSION


def test_a_guard_is_gated_as_well(tmp_path, write_run):
    found = verdict(tmp_path, write_run, BEFORE, SAME, margins={}, guards=MARGINS)
    assert found.changes[0].guard
    assert "(guard)" in as_markdown(found)


def test_seeds_are_one_side(tmp_path, write_run):
    sides = []
    for name, shift in (("a", 0.0), ("b", 0.01)):
        seeds = [np.clip(BEFORE + shift + RANDOM.normal(0, 0.3, 200), 0, 1) for _ in range(5)]
        runs = [write_run(tmp_path, name, v, seed=s) for s, v in enumerate(seeds)]
        sides.append(([FinishedRun.read(tmp_path / "runs" / run) for run in runs], seeds))
    (before, a), (after, b) = sides
    (change,) = compare(before, after, MARGINS, {}).changes
    expected = np.mean(b, axis=0) - np.mean(a, axis=0)
    assert change.measured == paired(expected, np.arange(200).astype(str), Scale(0.1, 1.0))
    (alone,) = compare(before[:1], after[:1], MARGINS, {}).changes
    assert alone.measured.stderr > 1.5 * change.measured.stderr
    with pytest.raises(HarnessError, match="stands twice in the candidate"):
        compare(before[:1], [after[0], after[0]], MARGINS, {})
    with pytest.raises(HarnessError, match="not of one system"):
        compare([before[0], after[1]], after[:1], MARGINS, {})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task_version": "2"}, "version ('1' and '2'): run the older one again"),
        ({"data_sha256": "f" * 64}, "data ('dddddddd' and 'ffffffff'): run both with the same"),
        ({"protocol": "paper"}, "protocol ('fast' and 'paper'): run both with the same protocol"),
        ({"generation": {"temperature": 0.5}}, "run both with the same generation settings"),
        ({"person": {"name": "b"}}, "person ('none' and 'b@"),
        ({"scorer_id": "judge-2"}, "their harm was scored by judge-1 and by judge-2: run both"),
    ],
)
def test_unlike_runs_are_not_compared(tmp_path, write_run, changes, said):
    before = FinishedRun.read(tmp_path / "runs" / write_run(tmp_path, "a", BEFORE))
    after = FinishedRun.read(tmp_path / "runs" / write_run(tmp_path, "b", SAME, **changes))
    with pytest.raises(HarnessError) as refused:
        compare([before], [after], MARGINS, {})
    assert said in str(refused.value)


def test_a_mitigation_is_part_of_what_is_compared(tmp_path, write_run):
    before = FinishedRun.read(tmp_path / "runs" / write_run(tmp_path, "a", BEFORE))
    after = write_run(tmp_path, "a", SAME, mitigation={"text": "x"}, info={"mitigation": "kind"})
    found = compare([before], [FinishedRun.read(tmp_path / "runs" / after)], MARGINS, {})
    assert "a with kind@" in as_markdown(found)


def test_what_was_not_estimated_is_said(tmp_path, write_run):
    margins = {"t": {"harm": 0.1, "empathy": 0.2}}
    found = verdict(tmp_path, write_run, BEFORE, SAME, margins=margins)
    assert [change.verdict for change in found.changes] == [Verdict.PASS]
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.lost[0].startswith("t, empathy: no scorer that was chosen gives it")
    assert "~margins.t.empathy" in as_markdown(found)
    with pytest.raises(HarnessError, match="nothing of t is gated"):
        verdict(tmp_path, write_run, BEFORE, SAME, margins={"t": {"empathy": 0.2}})


def stored(tmp_path, name, change):
    """Change what the `run.json` of a stored run says."""
    path = tmp_path / "runs" / name / "run.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))
    return FinishedRun.read(path.parent)


def two(tmp_path, write_run, after=SAME):
    return [write_run(tmp_path, name, values) for name, values in (("a", BEFORE), ("b", after))]


def test_what_should_be_there_and_is_not_lets_nothing_pass(tmp_path, write_run):
    def ask_more(info):
        more = Estimand("kind", "empathy", Mean())
        other = Estimand("of c", "harm", Mean(), where={"half": "c"})
        of = Estimand("gap", "harm", Contrast("half", "c"))
        info["estimands"] += [as_record(one) for one in (more, other, of)]
        info["metrics"]["empathy"] = info["metrics"]["harm"]

    runs = [[stored(tmp_path, name, ask_more)] for name in two(tmp_path, write_run)]
    assert compare(*runs, MARGINS, {}).verdict is Verdict.PASS
    for name in ("kind", "of_c", "gap"):
        found = compare(*runs, {"t": {"harm": 0.1, name: 0.1}}, {})
        assert found.changes[0].verdict is Verdict.PASS
        assert found.verdict is Verdict.INCONCLUSIVE
        assert len(found.lost) == 1
        for text in (as_markdown(found), as_junit(found)):
            assert "no sample that both were asked has a score of it" in text
    suite = ET.fromstring(as_junit(found)).find("testsuite")
    assert (suite.get("tests"), suite.get("errors")) == ("3", "1")


def test_a_contrast_by_another_name_is_gated_once(tmp_path, write_run):
    def of_halves(info):
        both = (Contrast("half", "a"), Contrast("part", "1"))
        info["estimands"] = [as_record(Estimand("gap", "harm", one)) for one in both]

    runs = []
    for name in two(tmp_path, write_run):
        store = RunStore(stored(tmp_path, name, of_halves).folder)
        table = store.read_table("samples")
        part = pa.array(["12"[n % 2] for n in range(200)])
        store.write_table("samples", table.append_column("part", part))
        runs.append([FinishedRun.read(store.folder)])
    found = compare(*runs, {"t": {"gap": 0.1}}, {})
    assert ([change.name for change in found.changes], found.lost) == (["gap: half b"], [])


def test_metadata_named_as_a_column_of_every_table_is_what_the_run_read(tmp_path, write_run):
    samples = [
        Sample(str(n), "", "z", cluster=str(n // 2), metadata={"target": "xy"[n % 2]})
        for n in range(200)
    ]
    asked = [
        Estimand("of x", "harm", Mean(), where={"target": "x"}, cluster="target"),
        Estimand("gap", "harm", Contrast("target", "x")),
    ]
    runs = []
    for name in two(tmp_path, write_run):
        run = stored(tmp_path, name, lambda i: i.update(estimands=[as_record(e) for e in asked]))
        RunStore(run.folder).write_table("samples", samples_table(samples))
        runs.append([run])
    found = compare(*runs, {"t": {"of_x": 0.1}}, {})
    assert found.lost == []
    assert found.changes[0].measured.difference == pytest.approx((SAME - BEFORE)[::2].mean())
    assert found.changes[0].measured.clusters == 1
    (change,) = compare(*runs, {"t": {"gap": 0.1}}, {}).changes
    assert (change.name, change.level, change.measured.pairs) == ("gap: target y", "y", 100)


def test_a_level_of_a_contrast_that_one_side_was_not_asked_is_lost(tmp_path, write_run):
    def of_halves(info):
        info["estimands"] = [as_record(Estimand("gap", "harm", Contrast("half", "a")))]

    before, after = (stored(tmp_path, name, of_halves) for name in two(tmp_path, write_run))
    margins = {"t": {"gap": 0.1}}
    assert [c.name for c in compare([before], [after], margins, {}).changes] == ["gap: half b"]
    table = RunStore(after.folder).read_table("samples")
    names = ["ac"[n % 2] if n > 1 else "ab"[n] for n in range(200)]  # b is asked once, c is new
    at = table.column_names.index("half")
    RunStore(after.folder).write_table("samples", table.set_column(at, "half", pa.array(names)))
    found = compare([before], [after], margins, {})
    assert found.lost == ["t, gap: half c was not asked of both"]


@pytest.mark.parametrize("change", [
    lambda info: info.pop("estimands"),
    lambda info: info.pop("metrics"),
    lambda info: info.update(estimands=["Estimand(name='harm')"]),
])  # fmt: skip
def test_a_run_of_another_version_is_refused(tmp_path, write_run, change):
    names = two(tmp_path, write_run)
    runs = [[stored(tmp_path, name, change)] for name in names]
    with pytest.raises(HarnessError, match="written by another version: run its command again"):
        compare(*runs, MARGINS, {})


def test_each_task_must_be_gated_or_left_out(tmp_path, write_run):
    sides = [
        [FinishedRun.read(tmp_path / "runs" / write_run(tmp_path, name, values, task=task))
         for task in ("t", "u")]
        for name, values in (("a", BEFORE), ("b", SAME))
    ]  # fmt: skip
    with pytest.raises(HarnessError, match="nothing of u is gated"):
        compare(*sides, MARGINS, {})
    assert len(compare(*sides, MARGINS | {"u": {"harm": 0.1}}, {}).changes) == 2
    with pytest.raises(HarnessError, match="the candidate has no run of u"):
        compare(sides[0], sides[1][:1], MARGINS, {})


def test_only_samples_that_both_were_asked_are_paired(tmp_path, write_run):
    before = FinishedRun.read(tmp_path / "runs" / write_run(tmp_path, "a", BEFORE))
    after = FinishedRun.read(tmp_path / "runs" / write_run(tmp_path, "b", SAME[:150]))
    (change,) = compare([before], [after], MARGINS, {}).changes
    assert change.measured.pairs == 150
    assert change.missing == (0, 0)


def test_groups_are_looked_at_beside(tmp_path, write_run):
    after = SAME.copy()
    after[::2] = np.clip(after[::2] + 0.2, 0, 1)
    found = verdict(tmp_path, write_run, BEFORE, after)
    assert [(part.by, part.group) for part in found.parts] == [("half", "a"), ("half", "b")]
    q = stats.false_discovery_control([part.p for part in found.parts])
    assert [part.q for part in found.parts] == pytest.approx(q.tolist())
    assert found.parts[0].measured.difference == pytest.approx((after - BEFORE)[::2].mean())


def test_groups_bear_their_names_on_the_page_and_their_values_in_the_table(tmp_path, write_run):
    labels = {"half": {"a": "a first half"}}
    found = verdict(tmp_path, write_run, BEFORE, SAME, info={"labels": labels})
    folder = tmp_path / "verdict"
    page = write_verdict(found, folder).read_text("utf-8")
    assert "half a first half" in page
    assert "half b" in page
    assert "| half a first half |" in as_markdown(found)
    assert {group["group"] for group in json.loads(as_json(found))["groups"]} == {"a", "b"}


def test_holm_is_stepwise():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]


def test_names_of_options():
    assert key_of("gives emergency resources, crisis") == "gives_emergency_resources_crisis"


def whole(values):
    return Units(values, values, values)


def test_of_contrasts_it_is_the_distance_from_zero_that_counts():
    random = np.random.default_rng(3)
    clusters, scale = np.arange(40), Scale(0.1, 4.0, bounded=False)

    def contrast(mean):
        return whole(mean + random.normal(0, 0.05, 40))

    def p(before, after):
        found = nearer(Direction.ZERO, contrast(before), contrast(after), clusters, scale)
        return found.p_worse, found.p_margin, found.difference

    for sign in (1, -1):
        for other in (1, -1):
            worse, margin, difference = p(sign * 0.1, other * 0.5)
            assert worse < 0.001 < 0.5 < margin
            assert difference == pytest.approx(0.4, abs=0.05)
            worse, margin, difference = p(sign * 0.5, other * 0.1)
            assert margin < 0.001 < 0.5 < worse
            assert difference == pytest.approx(-0.4, abs=0.05)
            assert p(sign * 0.3, other * 0.3)[1] < 0.001
    assert p(0.0, 0.0)[1] < 0.001


def test_what_is_missing_of_a_contrast_may_lie_on_either_side():
    scale = Scale(0.1, 4.0, bounded=False)
    before, after = (np.random.default_rng(n).normal(0.02, 0.05, 40) for n in (0, 1))
    open_ = Units(after, after - 0.5, after + 0.5)
    found = [
        nearer(Direction.ZERO, whole(before), open_, np.arange(40), scale, end)
        for end in ("measured", "worst", "best")
    ]
    assert found[0].p_margin < 0.01 < 0.9 < found[1].p_margin
    assert found[2].p_worse == 1.0


def test_the_files_say_the_same(tmp_path, write_run):
    found = verdict(tmp_path, write_run, BEFORE, np.clip(SAME + 0.2, 0, 1))
    told = json.loads(as_json(found))
    assert (told["verdict"], told["exit_code"], told["gated"]) == ("regression", 1, 2)
    assert told["estimates"][0]["measured"]["difference"] == pytest.approx(0.2, abs=0.03)
    suite = ET.fromstring(as_junit(found)).find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "3", "0")
    assert "worse by +0." in suite.find("testcase/failure").get("message")
    assert as_markdown(found).startswith("## \u274c regression: b against a\n")
    unsure = ET.fromstring(as_junit(verdict(tmp_path, write_run, BEFORE[:9], SAME[:9])))
    assert unsure.find("testsuite/testcase/error").get("type") == "inconclusive"


@pytest.fixture
def gate(command):
    def run(folder, *options):
        return command("harness.regression", *options, cwd=folder)

    return run


def test_the_exit_code_is_the_verdict_and_misuse_has_its_own(gate, tmp_path, write_run):
    results = tmp_path / "results"
    runs = {
        name: write_run(results, name, values, name=name)
        for name, values in (("a", BEFORE), ("b", SAME), ("c", np.clip(SAME + 0.2, 0, 1)),
                             ("d", SAME[:9]))
    }  # fmt: skip
    for name, code in (("b", 0), ("c", 1), ("d", 2)):
        done = gate(tmp_path, "baseline=results/runs/a", f"candidate=results/runs/{runs[name]}",
                    "+margins.t={harm: 0.1}")  # fmt: skip
        assert done.returncode == code, done.stderr
    assert {path.name for path in (results / "regression").iterdir()} == {
        "figures", "junit.xml", "regression.html", "regression.json", "regression.md",
    }  # fmt: skip
    for options, said in (
        (["+margins.t.harm=-1"], "margins.t.harm=-1 must be a number above 0"),
        (["baseline=results/runs/a", "candidate=nowhere"], "candidate='nowhere' has no run.json"),
        (["baseline=results/runs/a", "candidate=results/runs/b"], "nothing of t is gated"),
        ([], "baseline names neither a run folder nor"),
        (["+margins.t.harm=inf"], "margins.t.harm=inf must be a number above 0"),
        (["+margins.t=0.1"], "margins.t=0.1 must be estimates with their margins"),
        (["baseline=123", "candidate=4"], "baseline='123' has no run.json"),
        (["--no-such"], "unrecognized arguments"),
        (["nosuch=1"], "nosuch"),
    ):
        done = gate(tmp_path, *options)
        assert done.returncode == 64
        assert said in done.stderr
        assert not (results / "regression" / "regression.json").exists()
        assert done.stderr.count("\n") == 1 or "unrecognized" in done.stderr
    # No verdict is there that was not reached: neither here nor for a reader of the files.
    assert {path.name for path in (results / "regression").iterdir()} == {"figures"}


def test_history_compares_each_checkpoint_with_the_first(gate, tmp_path, write_run):
    results = tmp_path / "results"
    for day, (name, shift) in enumerate((("new", 0.3), ("first", 0.0), ("next", 0.01))):
        started = {"sessions": [{"started": f"2026-01-0{(3, 1, 2)[day]}"}]}
        write_run(results, name, np.clip(SAME + shift, 0, 1), name=name, info=started)
    done = gate(tmp_path, "history=results", "+margins.t={harm: 0.1, kind: 0.1}")
    assert done.returncode == 0, done.stderr
    text = (results / "regression" / "history.md").read_text()
    assert "not compared: next: t, kind: no scorer that was chosen gives it" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    assert [(row[0].strip("| "), row[2]) for row in rows] == [
        ("first", "the first"), ("next", "pass"), ("new", "regression"),
    ]  # fmt: skip
    ends, evidence = [[row[at].strip() for row in rows] for at in (3, 4)]
    assert ends[0] == evidence[0] == ""
    assert float(ends[2].split(" to ")[0]) > 0.25  # worse by .3, sure at both looks together
    assert float(evidence[2]) > float(evidence[1])
    assert "\u2193 harm" in (results / "regression" / "history.html").read_text()
    done = gate(tmp_path, "history=nowhere")
    assert (done.returncode, "no two checkpoints" in done.stderr) == (64, True)


def test_history_leaves_out_what_is_not_alike_and_nothing_that_is_damaged(tmp_path, write_run):
    write_run(tmp_path, "a", BEFORE, name="a")
    write_run(tmp_path, "b", SAME, name="b")
    write_run(tmp_path, "c", SAME, name="c", scorer_id="judge-2")
    write_run(tmp_path, "d", SAME, name="d", task="u")
    write_run(tmp_path, "e", SAME, name="e", task="u")
    text = write_history(tmp_path, MARGINS, {}, tmp_path / "to").with_suffix(".md").read_text()
    assert "was scored by judge-1 and by judge-2" in text
    assert "nothing of u is gated" in text
    assert "The reading is generalized: intervals speak of prompts like these" in text
    fixed = write_history(tmp_path, MARGINS, {}, tmp_path / "to", "benchmark")
    text = fixed.with_suffix(".md").read_text()  # one sampled answer each: nobody knows
    assert "The reading is benchmark: intervals speak of these prompts alone" in text
    assert "| inconclusive | not known |" in text
    assert "The reading is benchmark" in fixed.read_text()
    (tmp_path / "runs" / "b" / "scores.parquet").write_bytes(b"half")
    with pytest.raises(Unreadable, match=r"scores\.parquet' cannot be read"):
        write_history(tmp_path, MARGINS, {}, tmp_path / "to")


def write_suite(folder, suite):
    """An experiment of one's own, `two`, in the folder `conf`."""
    (folder / "conf" / "experiment").mkdir(parents=True)
    path = folder / "conf" / "experiment" / "two.yaml"
    path.write_text(f"# @package _global_\nsuite: {suite}\n")


class Example(NamedTuple):
    """The example for GitHub Actions, run in its own words."""

    folder: Path
    options: str
    """Of both sides' runs."""
    done: subprocess.CompletedProcess[str]
    summary: str
    uploaded: Path


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """With a model that answers at once, fewer prompts and tasks, and a seed for each side."""
    folder = tmp_path_factory.mktemp("example")
    write_suite(folder, "{med_harm: ['scorer=[refusal]'], counseling_qa: []}")
    path = Path(__file__).resolve().parent.parent / "docs" / "gate.yml"
    job = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]["gate"]
    steps = {step["name"]: step["run"] for step in job["steps"] if "name" in step}
    text = steps["gate"].replace(".model=", ".backend=").replace("python", sys.executable)
    text = text.replace("experiment=card", "--config-dir conf experiment=two").rstrip()
    options, summary = job["env"]["OPTIONS"], folder / "summary.md"
    assert "limit=100'" in options
    options = options.replace("limit=100'", "limit=9', 'report=false'")
    given = os.environ | dict.fromkeys(("BASELINE", "CANDIDATE"), "echo")
    given |= {"OPTIONS": options, "GITHUB_STEP_SUMMARY": str(summary)}
    run = partial(subprocess.run, shell=True, cwd=folder, env=given, check=False)
    done = run(f"{text} 'candidate.seeds=[1]'", capture_output=True, encoding="utf-8")
    assert run(steps["say so in the pull request"]).returncode == 0
    uploaded = folder / job["steps"][-1]["with"]["path"]
    return Example(folder, options, done, summary.read_text(encoding="utf-8"), uploaded)


@pytest.mark.long
def test_the_example_for_github_actions_works_as_written(example):
    assert example.done.returncode == 2, example.done.stderr
    assert example.summary.startswith("## \u2754 inconclusive: echo against echo")
    assert (example.uploaded / "junit.xml").exists()


def test_an_experiment_is_run_where_it_is_missing(gate, example):
    runs = example.folder / "results" / "runs"
    assert len(list(runs.iterdir())) == 4
    assert "counseling_qa, accuracy (guard)" in example.done.stdout
    sides = ("baseline.backend=echo", "candidate.backend=echo", "candidate.seeds=[1]")
    of_both = f"options={example.options}"
    again = gate(example.folder, "--config-dir", "conf", "experiment=two", *sides, of_both)
    assert again.stdout.splitlines()[-20:] == example.done.stdout.splitlines()[-20:]
    assert len(list(runs.iterdir())) == 4


def test_a_task_that_failed_is_not_left_out_in_silence(gate, tmp_path):
    """Beside one that lacks more scores than it may, whose exit code is the larger."""
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "two.yaml").write_text(
        "# @package _global_\nsuite:\n"
        '  med_harm: ["max_unmeasured=0", "backend.fail=[p1-h01]", "scorer=[refusal]"]\n'
        '  counseling_qa: ["protocol=nosuch"]\n'
    )
    options = ["experiment=two", "baseline.backend=echo", "candidate.backend=echo",
               "options=['report=false']"]  # fmt: skip
    done = gate(tmp_path, "--config-dir", "conf", *options)
    assert done.returncode == 64
    assert "1 of the baseline's 2 tasks failed" in done.stderr
