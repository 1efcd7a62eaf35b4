"""The commands on logs: scores of another tool's, a comparison of two, a run in others' forms."""

import json
import re
import warnings
import zipfile

import pytest

import harness
from harness.bridges.logs.inspect import InspectLog
from harness.evidence.risks.register import risks
from harness.logs.export.rows import Whole
from harness.logs.export.sheets import ExcelForm, LatexForm
from harness.logs.export.trackers import (
    MlflowForm,
    TrackioForm,
    WandbForm,
    files,
    notes,
    numbers,
    parameters,
)
from harness.store import FinishedRun
from tests.conftest import SHARED

SCHEMAS = SHARED / "other_tools" / "every_eval_ever"


def log_of(path, right, ids=range(60)):
    """A log of Inspect's of questions of which the first so many are answered rightly."""
    samples = []
    for place, name in enumerate(ids):
        said = {"role": "assistant", "content": str(place) if place < right else "I wonder."}
        asked = {"role": "user", "content": f"What is {place} plus nothing?"}
        samples.append({
            "id": name, "epoch": 1, "input": asked["content"], "target": str(place),
            "messages": [asked, said], "metadata": {},
            "output": {"model": "m", "choices": [{"message": said, "stop_reason": "stop"}]},
            "scores": {"match": {"value": "C" if place < right else "I"}},
        })  # fmt: skip
    about = {"task": "sums", "model": path.stem, "packages": {"inspect_ai": "0.3.1"}}
    content = {"version": 2, "status": "success", "eval": about, "samples": samples}
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_a_planted_difference_of_two_logs_comes_out_of_the_gate_and_none_does_not(
    command, tmp_path
):
    before, worse = log_of(tmp_path / "before.json", 57), log_of(tmp_path / "worse.json", 30)
    same = log_of(tmp_path / "same.json", 57, [f"other-{n}" for n in range(60)])
    wide = "+margins.answers.match=0.3"
    done = command(
        "harness.regression", f"baseline={before}", f"candidate={worse}", wide, cwd=tmp_path
    )
    assert done.returncode == 1, done.stderr
    assert "paired by id: 60 questions stand in both" in done.stdout.replace("\n", " ")
    runs = []  # by hand, as the gate does it itself
    for path, opposite in ((before, same), (same, before)):
        options = ["max_unmeasured=1", "report=false", f"results={tmp_path / path.stem}"]
        options += [f"answers={path}", f"paired_with={opposite}"]
        done = command("harness.score", *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "paired by what was asked: 60 questions" in done.stdout.replace("\n", " ")
        runs += (tmp_path / path.stem / "runs").iterdir()
    sides = [f"{side}={run}" for side, run in zip(("baseline", "candidate"), runs, strict=True)]
    done = command("harness.regression", *sides, wide, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_an_end_without_a_bound_stands_on_the_page_as_in_the_tables(command, tmp_path):
    log = log_of(tmp_path / "alike.json", 57)
    content = json.loads(log.read_text())
    for sample in content["samples"]:
        sample["output"]["time"] = 0.5  # all alike, and nothing bounds how long a call may take
    log.write_text(json.dumps(content))
    done = command("harness.score", f"answers={log}", "max_unmeasured=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (page,) = tmp_path.rglob("report.html")
    (row,) = (row for row in embedded(page)["estimates"] if "seconds" in row[0])
    assert row[4:7] == [0.5, 0.0, "inf"]


def embedded(page):
    """What a page's script reads."""
    return json.loads(
        re.search(r'<script[^>]*id="data"[^>]*>(.*?)</script>', page.read_text(), re.S)[1]
    )


def test_a_log_beside_a_run_of_ours_is_refused_in_a_sentence(command, tmp_path):
    log = log_of(tmp_path / "before.json", 57)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    done = command(
        "harness.regression", f"baseline={log}", f"candidate={tmp_path / 'run'}", cwd=tmp_path
    )
    assert done.returncode == 64
    assert "compare two files" in done.stderr


def test_look_says_what_is_there_what_is_missing_and_what_could_be_shown(command, tmp_path):
    log, other = log_of(tmp_path / "a=b.json", 57), log_of(tmp_path / "other.json", 50)
    done = command("harness.logs.look", str(log), str(other), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in (
        "is a log of inspect_ai 0.3.1, task sums: 60 questions with 60 answers of a=b",
        "match: mean 0.950", "n 60, scored 60, failed 0", "(80 % power)",
        "has a record here of how far it agrees with people",
        "60 questions stand in both a=b.json (60) and other.json (60)",
    ):  # fmt: skip
        assert words in done.stdout


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of two answers a question, of which one is missing."""
    results = tmp_path_factory.mktemp("export")
    asked = {"backend": "echo", "limit": 8, "generation": {"n": 2}, "results": results}
    lost = str(harness.run("med_harm", scorer=["refusal"], **asked).samples["sample_id"].iloc[3])
    run = harness.run(
        "med_harm", scorer=["refusal"], max_unmeasured=1, **asked, **{"backend.fail": [lost]}
    )
    return Whole(FinishedRun.read(run.folder))


@pytest.mark.long
def test_a_run_goes_to_inspect_s_form_and_back_with_the_same_estimates(whole, command, tmp_path):
    from harness.logs.export.inspect import InspectForm

    lines = InspectForm().write(whole, tmp_path)
    path = tmp_path / f"{whole.run.name}.eval"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        header = json.loads(archive.read("header.json"))
    assert sum(name.startswith("samples/") for name in names) == 16
    assert header["results"]["completed_samples"] == 16
    assert "scores are missing and left out" in lines[1]
    log = InspectLog().read(path)
    read = {
        place: {m: (s.value, s.error) for m, s in of.items()} for place, of in log.scores.items()
    }
    kept = {}
    for part in whole.run.score_parts(["sample_id", "index", "metric", "value", "error"]):
        for row in part.to_pylist():
            place = kept.setdefault((row["sample_id"], row["index"]), {})
            place[row["metric"]] = (row["value"], row["error"])
    assert read == kept
    assert log.metrics == whole.run.metrics
    texts = {(a["sample_id"], a["index"]): (a["text"], a["error"]) for a in whole.run.answers(
        ["sample_id", "index", "text", "error"])}  # fmt: skip
    rows = log.stored(path).rows
    for (name, index), (text, error) in texts.items():
        answer = rows.answers_to(name)[index]
        assert (answer["text"], answer["error"] is None) == (text, error is None)
    tables = []
    for name, options in {
        "back": [f"answers={path}"],
        "ours": [f"run={whole.run.folder}", "scorer=[refusal]"],
    }.items():
        results = tmp_path / name
        more = f"results={results}", "max_unmeasured=1", "report=false"
        done = command("harness.score", *options, *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        (folder,) = (results / "runs").iterdir()
        tables.append({row["metric"]: row for row in FinishedRun.read(folder).rows})
    assert "refusal" in tables[1]
    parts = ("estimate", "low", "high", "worst", "best", "n", "n_scored", "n_failed", "clusters")
    for metric, row in tables[1].items():
        back = [tables[0][metric][part] for part in parts]
        assert back == pytest.approx([row[part] for part in parts]), metric


@pytest.mark.filterwarnings("ignore")  # of the other tool
def test_inspect_ai_reads_a_run_as_its_own_log(whole, tmp_path):
    pytest.importorskip("inspect_ai", reason="inspect_ai is not installed, which reads the log")
    from inspect_ai.analysis import SampleScores, SampleSummary, samples_df
    from inspect_ai.log import read_eval_log

    from harness.logs.export.inspect import InspectForm

    InspectForm().write(whole, tmp_path)
    path = tmp_path / f"{whole.run.name}.eval"
    log = read_eval_log(str(path))
    texts = {(a["sample_id"], a["index"] + 1): a["text"] for a in whole.run.answers(
        ["sample_id", "index", "text", "error"]) if a["error"] is None}  # fmt: skip
    read = {(s.id, s.epoch): s.output.completion for s in log.samples if s.error is None}
    assert read == texts
    assert sum(s.error is not None for s in log.samples) == 16 - len(texts) > 0
    means = {m.name: m.value for s in log.results.scores for m in s.metrics.values()}
    assert means == {row["name"]: row["estimate"] for row in whole.headline}
    frame = samples_df(str(path), columns=[*SampleSummary, *SampleScores], quiet=True)
    kept = {}
    for part in whole.run.score_parts(["sample_id", "index", "metric", "value"]):
        for row in part.to_pylist():
            if row["value"] is not None and row["metric"] == "refusal":
                kept[row["sample_id"], row["index"] + 1] = row["value"]
    scores = frame.set_index(["id", "epoch"])["score_refusal"].dropna().astype(float)
    assert scores.to_dict() == kept


@pytest.mark.filterwarnings("ignore")  # of the other tool
def test_mlflow_keeps_each_estimate_each_parameter_and_the_tables(whole, tmp_path):
    pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")
    pytest.importorskip("sqlalchemy", reason="mlflow-skinny keeps no folder")
    from mlflow.tracking import MlflowClient

    MlflowForm(experiment="ours").write(whole, tmp_path)
    client = MlflowClient(f"sqlite:///{tmp_path.resolve()}/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("ours").experiment_id])
    assert (run.info.status, run.data.metrics) == ("FINISHED", numbers(whole))
    assert run.data.params == {k: v[:6000] for k, v in parameters(whole).items()}
    kept = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert kept == {"estimates.txt", *(path.name for path in files(whole))}


@pytest.mark.filterwarnings("ignore")  # of the other tool
def test_trackio_keeps_each_estimate_each_parameter_and_the_tables(whole, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    pytest.importorskip("trackio", reason="the extra `trackio` is not installed")
    from trackio.sqlite_storage import SQLiteStorage

    TrackioForm("ours").write(whole, tmp_path)
    (logged,) = SQLiteStorage.get_logs("ours", whole.run.name)
    assert {name: logged[name] for name in numbers(whole)} == numbers(whole)
    config = SQLiteStorage.get_run_config("ours", whole.run.name)
    assert {name: config[name] for name in parameters(whole)} == parameters(whole)
    (artifact,) = SQLiteStorage.get_artifacts("ours")
    manifest = SQLiteStorage.get_artifact_manifest("ours", artifact["name"], "latest")
    stored = {entry["path"]: entry["size"] for entry in manifest["manifest"]}
    assert stored == {path.name: path.stat().st_size for path in files(whole)}


@pytest.mark.filterwarnings("ignore")  # of the other tool
def test_weights_and_biases_has_a_run_on_disk_without_a_connection(whole, tmp_path, capfd):
    pytest.importorskip("wandb", reason="the extra `wandb` is not installed")
    (line,) = WandbForm("ours").write(whole, tmp_path)
    assert "offline run" in line
    (run,) = tmp_path.rglob("offline-run-*/run-*.wandb")
    assert run.stat().st_size > 1000
    assert re.search(rf"\brefused {numbers(whole)['refused']:g}\s", capfd.readouterr().err)


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason=f"no schemas at {SCHEMAS}")
def test_a_run_as_every_eval_ever_keeps_to_its_schema(whole, tmp_path):
    from jsonschema import Draft7Validator

    from harness.logs.export.every_eval_ever import EveryEvalEverForm

    lines = EveryEvalEverForm().write(whole, tmp_path)
    (document,) = tmp_path.rglob("*.json")
    (records,) = tmp_path.rglob("*.jsonl")
    schemas = [json.loads((SCHEMAS / name).read_text("utf-8")) for name in
               ("eval.schema.json", "instance_level_eval.schema.json")]  # fmt: skip
    content = json.loads(document.read_text("utf-8"))
    Draft7Validator(schemas[0]).validate(content)
    rows = [json.loads(line) for line in records.read_text("utf-8").splitlines()]
    for row in rows:
        Draft7Validator(schemas[1]).validate(row)
    assert content["detailed_evaluation_results"]["total_rows"] == len(rows)
    assert any("scores are missing" in line for line in lines)
    (refused,) = [
        r for r in content["evaluation_results"] if r["evaluation_name"].endswith("/refused")
    ]
    (row,) = [r for r in whole.headline if r["name"] == "refused"]
    assert refused["score_details"]["score"] == row["estimate"]
    assert refused["score_details"]["details"]["n_failed"] == str(row["n_failed"])


def test_a_run_as_a_hub_repository_has_it_is_read_by_the_hub_s_own_classes(whole, tmp_path):
    import yaml
    from huggingface_hub import ModelCard, parse_eval_result_entries

    from harness.logs.export.hub import HubForm

    HubForm("me/bench").write(whole, tmp_path)
    (path,) = (tmp_path / ".eval_results").iterdir()
    entries = parse_eval_result_entries(yaml.safe_load(path.read_text("utf-8")))
    values = {row["name"].replace(" ", "_"): row["estimate"] for row in whole.headline}
    assert {entry.task_id: entry.value for entry in entries} == values
    card = ModelCard.load(tmp_path / "README.md")
    assert len(card.data.eval_results) == len(values)
    assert "95 % interval" in entries[0].notes


def test_a_run_as_a_report_to_avid_is_read_by_its_own_data_model(whole, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its models are configured as those of pydantic 1 were
        from avidtools.datamodels.report import Report

    from harness.logs.export.avid import CODES, AvidForm, codes_of

    AvidForm(deployer="a clinic").write(whole, tmp_path)
    (path,) = tmp_path.glob("*.avid.json")
    report = Report.model_validate_json(path.read_text("utf-8"))
    assert [m.results["estimate"] for m in report.metrics] == [
        row["estimate"] for row in whole.headline
    ]
    assert all({"low", "worst", "n_failed", "validity"} <= m.results.keys() for m in report.metrics)
    assert report.affects.deployer == ["a clinic"]
    assert report.affects.artifacts[0].type.value == "Model"
    assert [code.value for code in report.impact.avid.sep_view] == codes_of(whole)
    assert codes_of(whole) == ["P0400: Safety"]  # risks 9 and 10, of the task and of a scorer
    assert report.impact.avid.risk_domain == ["Performance"]
    assert str(report.reported_date) == whole.started[:10]
    assert set(CODES) == set(risks())
    known = {code.value for code in type(report.impact.avid.sep_view[0])}
    assert {code for codes in CODES.values() for code in codes} <= known


def test_tables_for_papers_and_sheets_hold_every_estimate_and_no_formula(whole, tmp_path):
    import openpyxl

    LatexForm().write(whole, tmp_path)
    ExcelForm().write(whole, tmp_path)
    (tex,), (sheet,) = tmp_path.glob("*.tex"), tmp_path.glob("*.xlsx")
    assert tex.read_text("utf-8").count(r"\\") == 1 + sum(r["by"] is None for r in whole.run.rows)
    book = openpyxl.load_workbook(sheet)
    assert book["estimates"].max_row == 1 + len(whole.run.rows)
    assert all(cell.data_type != "f" for row in book["run"] for cell in row)


def test_a_tracker_is_given_each_estimate_with_its_bounds_and_words(whole):
    values = numbers(whole)
    assert {"refused", "refused.low", "refused.worst", "refused.n_failed"} <= values.keys()
    assert all("worst and best case" in note for note in notes(whole))


def test_a_form_without_its_package_and_a_run_that_is_none_are_refused(command, tmp_path):
    done = command("harness.logs.export", f"run={tmp_path}", "to=inspect", cwd=tmp_path)
    assert (done.returncode, "run=" in done.stderr) == (1, True)
    done = command("harness.logs.export", f"run={tmp_path}", "to=nothing", cwd=tmp_path)
    assert "to='nothing' is none of inspect, every_eval_ever" in done.stderr
