"""How a finished run is read back, and what is refused."""

import json
from dataclasses import fields

import numpy as np
import pytest

from harness.statistics.means import Mean
from harness.store.facts import Facts, column_of, field_of
from harness.store.finished import FinishedRun
from harness.store.listing import read_infos
from harness.store.run_info import RunInfo
from harness.store.tables import samples_table
from harness.types.errors import NotFinished, Unreadable
from harness.types.measures import Direction, Estimand, Metric
from harness.types.records import Sample

VALUES = [0.1, 0.2, 0.3, 0.4]


@pytest.fixture
def folder(tmp_path, write_run):
    return tmp_path / "runs" / write_run(tmp_path, "m", VALUES)


def rewrite(folder, change):
    path = folder / "run.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))


def test_all_of_a_run_is_read_in_one_place(folder):
    run = FinishedRun.read(folder)
    assert (run.name, run.info.model, run.question["task"]) == (folder.name, "m", "t")
    assert run.metrics == {"harm": Metric(0.0, 1.0, Direction.LOWER)}
    assert [(one.name, one.by) for one in run.estimands] == [("harm", None), ("harm", "half")]
    samples = run.samples()
    assert run.scores(samples).values["harm"].tolist() == VALUES
    assert run.facts(samples).fields["half"].items() == ["a", "b", "a", "b"]
    assert list(run.answers(["text"])) == []


@pytest.mark.parametrize("status", ["running", "interrupted"])
def test_what_is_not_finished_is_refused_by_the_option_that_named_it(folder, status):
    rewrite(folder, lambda info: info.update(status=status))
    with pytest.raises(NotFinished) as refused:
        FinishedRun.read(folder, "run")
    sentence = f"run={str(folder)!r} is not finished ({status}); run its command again"
    assert str(refused.value) == sentence
    assert [info.status for info in read_infos(folder.parent.parent)] == [status]


@pytest.mark.parametrize("change", [{"metrics": 3}, {"identity": []}, {"sessions": {}}])
def test_a_value_of_another_kind_is_of_another_version(folder, change):
    rewrite(folder, lambda info: info.update(change))
    with pytest.raises((NotFinished, Unreadable), match=r"another version|run\.json says"):
        _ = FinishedRun.read(folder).metrics


def test_a_table_that_is_gone_is_unreadable(folder):
    (folder / "samples.parquet").unlink()
    with pytest.raises(Unreadable, match="its samples cannot be read; run its command again"):
        FinishedRun.read(folder).samples()


def test_a_run_says_all_that_a_reader_knows_of(tmp_path, harness):
    done = harness("backend=echo", "limit=3", "scorer=[refusal]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.rglob("run.json")
    record = json.loads(path.read_text())
    assert record.keys() == {field.name for field in fields(RunInfo)}
    assert record["rubrics"].keys() <= record["metrics"].keys()
    assert record["rubrics"]["refusal"]


def test_facts_of_a_table_are_those_of_its_samples():
    rows = [(f"s{n}", f"c{n // 2}", "xy"[n % 2]) for n in (3, 0, 2, 1)]
    samples = [Sample(i, "", "z", cluster=c, metadata={"target": t}) for i, c, t in rows]
    facts = Facts.of_table(samples_table(samples), ["target", "none"])
    every = np.arange(4)
    over = Estimand("x", "m", Mean(), where={"target": "x"}, by="none", cluster="target")
    assert facts.chosen(over).tolist() == [False, True, True, False]
    assert [(name, of.tolist()) for name, of in facts.groups(over)] == [("None", [1, 2])]
    assert facts.units(over, every).tolist() == [1, 0, 0, 1]
    assert facts.units(Estimand("x", "m", Mean()), every).tolist() == [1, 0, 1, 0]
    alone = Estimand("x", "m", Mean(), cluster="sample")
    assert facts.units(alone, every).tolist() == [3, 0, 2, 1]


@pytest.mark.parametrize("field", ["kind", "kind_", "target", "target_", "prompt__"])
def test_a_column_tells_its_field(field):
    assert field_of(column_of(field)) == field
    assert column_of(field) not in ("sample_id", "cluster", "prompt", "messages", "target")
