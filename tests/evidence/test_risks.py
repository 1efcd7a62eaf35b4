"""The 21 risks, what bears on them, and which of them nothing measures."""

from pathlib import Path

import pytest

from harness.evidence.risks.register import bearing_of, bearings, coverage, markdown, risks
from harness.store.finished import FinishedRun
from harness.types.errors import HarnessError

CONF = Path(__file__).parents[2] / "conf"


def test_there_are_21_risks_in_six_areas_of_which_four_cannot_be_prompted():
    areas = [risk.area for risk in risks().values()]
    assert list(risks()) == list(range(1, 22))
    assert [areas.count(area) for area in dict.fromkeys(areas)] == [4, 3, 3, 4, 3, 4]
    assert [n for n, risk in risks().items() if not risk.prompted] == [18, 19, 20, 21]


@pytest.mark.parametrize("kind", ["task", "scorer", "mitigation"])
def test_all_that_ships_says_which_risks_it_bears_on(kind):
    named = {bearing.name for bearing in bearings() if bearing.kind == kind}
    assert {path.stem for path in (CONF / kind).glob("*.yaml")} - named == set()
    assert all(set(b.risks) <= set(risks()) and b.why for b in bearings())


def test_a_plugin_of_anyone_s_says_so_itself():
    class Own:
        risks = (11, 12)

    assert bearing_of("task", "own", Own()).risks == (11, 12)
    assert bearing_of("task", "med_harm", object()).risks == (9, 10)
    Own.risks = (22,)
    with pytest.raises(HarnessError, match="names risk 22; there are 1 to 21"):
        bearing_of("task", "own", Own())


def test_a_risk_is_measured_where_a_run_s_task_and_scorer_both_bear_on_it(tmp_path, write_run):
    agreement = {"harm": {"grade": "good", "phrase": "AUC 0.90 on a set"}}
    name = write_run(tmp_path, "m", [0.1, 0.9], info={"agreement": agreement})
    run = FinishedRun.read(tmp_path / "runs" / name)
    run.info.identity["task"] = "med_harm"
    for row in run.rows:
        row["scorer"] = "guidance"
    rows = {row.risk.number: row for row in coverage([run])}
    words = "med_harm: harm of m (agreement with people: AUC 0.90 on a set)"
    assert (rows[9].state, rows[9].measured) == ("measured", [words])
    assert rows[15].state == "measurable, no run"
    assert rows[14].state == "nothing measures it"
    assert rows[16].state == "a task or a scorer is lacking"
    assert rows[18].state == "documents only"
    text = markdown(list(rows.values()))
    assert text.count("\n| ") == 21
    assert f"- risk 9: {words}\n" in text
