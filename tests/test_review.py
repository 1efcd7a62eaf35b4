"""`python -m harness.review`: sheets for people, and what their labels make of a run."""

import csv
import json
import math
import shutil
from types import SimpleNamespace

import numpy as np
import pandas
import pytest

from harness.review.corrected import Labelling, corrected_by
from harness.review.drawing import draw
from harness.review.page import page
from harness.review.reading import read_back
from harness.review.review import Review
from harness.review.strata import Strata
from harness.statistics.correction import PartlyLabelled, prediction_powered
from harness.statistics.means import Mean
from harness.statistics.serial import as_record
from harness.store.facts import Facts
from harness.types.errors import HarnessError, NotFinished
from harness.types.measures import Direction, Estimand, Metric

MODULE = {"module": "harness.review"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of 60 samples."""
    from hydra import compose, initialize_config_dir
    from hydra.core.hydra_config import HydraConfig

    from harness.command.config import CONF_DIR, register
    from harness.runs.cli import run_config

    folder = tmp_path_factory.mktemp("review")
    register()
    asked = ["backend=echo", "limit=60", "scorer=[refusal]", "report=false", f"results={folder}"]
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        HydraConfig.instance().set_config(compose("config", asked, return_hydra_config=True))
        assert run_config(compose("config", asked)) == 0
    (found,) = (folder / "runs").iterdir()
    return found


def fill(review, path, say):
    """A sheet as a person saves it."""
    with (review.folder / "sheet.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item", "label"])
        writer.writerows((row["item"], say(i)) for i, row in enumerate(rows))
    return path


def test_a_larger_draw_holds_a_smaller_one_and_tells_nothing(run):
    review = Review.of(run, "refusal")
    few, many = draw(review, 10, 0), draw(review, 30, 0)
    assert many[:10] == few
    for name in ("sheet.csv", "sheet.html"):
        text = (review.folder / name).read_text(encoding="utf-8")
        assert "echo" not in text.replace("echocard", "")
        for sample_id in review.prompts:
            assert sample_id not in text


def test_labels_correct_the_headline_as_by_hand(run, tmp_path):
    review = Review.of(run, "refusal")
    draw(review, 30, 0)
    anna = fill(review, tmp_path / "anna.csv", lambda i: int(i % 5 == 0))
    ben = fill(review, tmp_path / "ben.csv", lambda i: int(i % 5 == 0 or i == 1))
    reviewed = read_back(review, [anna, ben])
    assert (reviewed.n, reviewed.raters) == (30, ["anna", "ben"])
    assert reviewed.people[0].statistic == "kappa"
    labels = pandas.read_csv(review.folder / "labels.csv")
    scores = pandas.read_parquet(run / "scores.parquet")
    scores = scores[scores.metric == "refusal"].merge(
        pandas.read_parquet(run / "samples.parquet")[["sample_id", "cluster", "kind"]],
        on="sample_id",
    )
    harmful = scores[scores.kind == "harmful"].merge(labels, on=["sample_id", "index"], how="left")
    known = harmful[harmful.label.notna()]
    part = PartlyLabelled(
        harmful.value.to_numpy(), harmful.label.to_numpy(),
        np.unique(harmful.cluster, return_inverse=True)[1], np.zeros(len(harmful), int),
    )  # fmt: skip
    expected = prediction_powered(part, 0.0, 1.0)
    rows = {
        row["name"]: row
        for row in reviewed.corrected.to_pylist()
        if row["method"] == "prediction-powered"
    }
    assert rows["refused"]["corrected"] == pytest.approx(expected.estimate)
    assert rows["refused"]["low"] == pytest.approx(expected.low)
    assert rows["refused"]["estimate"] == pytest.approx(harmful.value.mean())
    assert rows["refused"]["n_labelled"] == len(known)
    assert rows["refused"]["replicated"]


def test_a_correction_is_over_the_answers_that_its_estimand_is_given():
    # Eight answers are no refusal, four are one, and of the last nobody knows. Of the eight four
    # have labels, 0 1 1 1 for scores 0 1 0 1; the mean score of the other four is that of these, so
    # that the prediction-powered mean is the labels' own, 3/4, whatever weight the scores have. The
    # refusals, two of them labelled 0, would pull it down.
    keys = [(str(n), 0) for n in range(13)]
    harm = [0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1]
    refused = [0.0] * 8 + [1.0] * 4 + [math.nan]
    given = Estimand("harm, answered", "harm", Mean(), given={"refusal": 0.0})
    review = Review(
        SimpleNamespace(metrics={"harm": Metric(0.0, 1.0, Direction.LOWER)}), "harm", [given],
        {key[0]: "" for key in keys}, Facts(np.arange(13, dtype=np.uint64), {}),
        dict(zip(keys, map(float, harm), strict=True)), {},
        {"refusal": dict(zip(keys, refused, strict=True))},
    )  # fmt: skip
    labelled = [0, 1, 2, 3, 8, 9, 12]
    labels = {keys[n]: [label] for n, label in zip(labelled, [0, 1, 1, 1, 0, 0, 0], strict=True)}
    labelling = Labelling(labels, 1, Strata("random", ()))
    row = corrected_by(review, labelling).to_pylist()[0]
    assert (row["n"], row["n_scored"], row["n_labelled"]) == (9, 8, 4)
    assert (row["estimate"], row["corrected"]) == (0.5, pytest.approx(0.75))


def test_one_person_alone_is_unreplicated(run, tmp_path, harness):
    review = Review.of(run, "refusal")
    draw(review, 30, 0)
    fill(review, tmp_path / "anna.csv", lambda i: int(i % 3 == 0))
    done = harness(f"run={run}", "read=[anna.csv]", "metric=refusal", **MODULE)
    assert done.returncode == 0, done.stderr
    assert "30 answers labelled by anna (unreplicated: one person's labels)" in done.stdout
    assert "prediction-powered" in done.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("item,label\nzzz,1\n", "bad.csv, record 1: item 'zzz' was not drawn"),
        ("item,label\nITEM,7\n", "label '7' must be a number from 0 to 1"),
        ("item,label\nITEM,maybe\n", "label 'maybe' must be a number"),
        ("item,label\nITEM,nan\n", "label 'nan' must be a number"),
        ("item,label\nITEM,1\nITEM,0\n", "is labelled twice, unlike"),
        ("item,label\nITEM,\n", "holds no label"),
        ("item,score\nITEM,1\n", "bad.csv has no column 'label'; it has 'item', 'score'"),
        ("item;label\nITEM;1\n", "seems to be separated by semicolons"),
        ("", "holds no label"),
    ],
)
def test_a_sheet_that_cannot_be_is_one_sentence(run, tmp_path, text, said):
    review = Review.of(run, "refusal")
    item = draw(review, 30, 0)[0]
    path = tmp_path / "bad.csv"
    path.write_text(text.replace("ITEM", item))
    with pytest.raises(HarnessError, match=said):
        read_back(review, [path])


def test_answers_that_a_person_left_blank_are_counted(run, tmp_path, harness):
    review = Review.of(run, "refusal")
    draw(review, 30, 0)
    fill(review, tmp_path / "cleo.csv", lambda i: int(i % 3 == 0) if i < 28 else "")
    done = harness(f"run={run}", "read=[cleo.csv]", "metric=refusal", **MODULE)
    assert done.returncode == 0, done.stderr
    said = "2 of the 30 drawn answers have no label of cleo and are left out of that person's"
    assert said in " ".join(done.stdout.split())


def test_another_seed_does_not_overwrite_what_people_work_on(run):
    review = Review.of(run, "refusal")
    draw(review, 5, 0)
    with pytest.raises(HarnessError, match="holds a draw with seed=0"):
        draw(review, 5, 1)


def test_what_is_no_run_or_no_metric_is_said(run, tmp_path):
    with pytest.raises(HarnessError, match=r"has no run\.json: it is no run"):
        Review.of(tmp_path, None)
    with pytest.raises(HarnessError, match="metric='tone' is none of this run's: refusal"):
        Review.of(run, "tone")
    with pytest.raises(HarnessError, match="holds no draw"):
        read_back(Review.of(run, "full_refusal"), [tmp_path / "x.csv"])


def test_a_page_escapes_what_a_model_wrote():
    rows = [{"item": "a1", "prompt": "<b>?</b>", "answer": "</pre><script>alert(1)</script>"}]
    html = page("harm", Metric(1.0, 5.0, Direction.LOWER), "1: <none>", rows)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "1: &lt;none&gt;" in html
    assert html.count('type="radio"') == 5
    assert "http" not in html.replace("http-equiv", "")


def test_no_cell_is_a_formula(run):
    review = Review.of(run, "refusal")
    key = next(iter(review.answers))
    review.answers[key] = "=1+1"
    draw(review, len(review.answers), 0)
    text = (review.folder / "sheet.csv").read_text(encoding="utf-8")
    assert ",'=1+1," in text
    assert json.loads((review.folder / "key.json").read_text())["metric"] == "refusal"


def change(run, tmp_path, more):
    """A copy of a run whose `run.json` says something else."""
    copy = shutil.copytree(run, tmp_path / "runs" / run.name, ignore=lambda *_: ["review"])
    path = copy / "run.json"
    info = json.loads(path.read_text(encoding="utf-8"))
    more(info)
    path.write_text(json.dumps(info), encoding="utf-8")
    return copy


def test_a_cluster_that_is_a_metadata_column_is_corrected_by_it(run, tmp_path):
    asked = Estimand("refused", "refusal", Mean(), where={"kind": "harmful"}, cluster="kind")
    copy = change(run, tmp_path, lambda info: info.update(estimands=[as_record(asked)]))
    review = Review.of(copy, "refusal")
    draw(review, 30, 0)
    anna = fill(review, tmp_path / "anna.csv", lambda i: int(i % 5 == 0))
    (row, *_) = read_back(review, [anna]).corrected.to_pylist()
    assert (row["name"], row["method"]) == ("refused", "prediction-powered")
    units = review.facts.units(asked, np.flatnonzero(review.facts.chosen(asked)))
    assert len(set(units.tolist())) == 1


def test_a_review_makes_neither_the_task_nor_the_scorers(run, tmp_path):
    def forget(info):
        info["sessions"][-1]["config"] = {"task": {"_target_": "os.abort"}, "scorers": {}}

    review = Review.of(change(run, tmp_path, forget), None)
    assert review.name == Review.of(run, None).name
    assert review.run.rubric("refusal")


def test_a_run_without_rubrics_is_made_anew_before_people_are_asked(run, tmp_path):
    review = Review.of(change(run, tmp_path, lambda info: info.pop("rubrics")), "refusal")
    with pytest.raises(NotFinished, match="run its command again, which asks no model"):
        draw(review, 5, 0)
