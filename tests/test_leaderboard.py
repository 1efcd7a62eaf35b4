"""Models beside each other: what may stand together, what not, and what is said of the rest."""

import csv
import io
import json
from dataclasses import dataclass
from math import inf
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from harness.leaderboard.boards import Column, compared, differences, make_boards
from harness.leaderboard.page import as_csv, as_markdown, draw_boards
from harness.statistics.curves import CurveOfMaxima
from harness.statistics.gaps import LargestGap
from harness.statistics.maxima import AnyAbove, ExpectedMaximum
from harness.statistics.means import Mean, Share
from harness.statistics.serial import as_record
from harness.statistics.spread import SpreadOfMaxima
from harness.statistics.votes import Frequencies, MajorityVote
from harness.store.finished import FinishedRun
from harness.store.folder import RunStore
from harness.store.listing import read_runs
from harness.types.measures import Direction, Estimand


def only_board(results):
    runs, left_out = read_runs(results)
    (board,) = make_boards(runs)
    assert left_out == []
    return board


LOW, HIGH = [0.1, 0.2] * 50, [0.8, 0.9] * 50


def test_models_that_were_asked_the_same_are_ranked_by_what_the_data_allow(tmp_path, write_run):
    for model, values in {"b": HIGH, "a": LOW, "c": [0.15, 0.16] * 50}.items():
        write_run(tmp_path, model, values)
    board = only_board(tmp_path)
    (column,) = board.compared_columns
    assert [entry.model for entry in board.entries] == ["a", "c", "b"]  # the best first
    assert [entry.cells[column].ranks for entry in board.entries] == [(1, 2), (1, 2), (3, 3)]
    assert board.entries[0].cells[column].estimate.estimate == pytest.approx(0.15)
    assert [(c.by, c.group) for c in board.columns] == [(None, None), ("half", "a"), ("half", "b")]
    assert board.entries[0].cut == 0.01


def test_where_higher_is_better_the_highest_is_first(tmp_path, write_run):
    write_run(tmp_path, "a", LOW, better=Direction.HIGHER)
    write_run(tmp_path, "b", HIGH, better=Direction.HIGHER)
    board = only_board(tmp_path)
    assert [entry.model for entry in board.entries] == ["b", "a"]
    assert [entry.cells[board.compared_columns[0]].ranks for entry in board.entries] == [
        (1, 1),
        (2, 2),
    ]


def test_what_could_not_be_measured_can_take_a_rank_and_never_give_one(tmp_path, write_run):
    write_run(tmp_path, "a", [*LOW[:20], *[np.nan] * 80])
    write_run(tmp_path, "b", HIGH)
    write_run(tmp_path, "lost", [np.nan] * 100)
    board = only_board(tmp_path)
    (column,) = board.compared_columns
    ranks = {entry.model: entry.cells[column].ranks for entry in board.entries}
    assert ranks == {"a": (1, 3), "b": (1, 3), "lost": (1, 3)}
    assert board.entries[-1].model == "lost"
    assert "not known, 100 of 100 missing: 0.000 to 1.000, rank 1 to 3" in as_markdown([board], [])


CHANGES = {
    "version": {"task_version": "2"},
    "data": {"data_sha256": "f" * 64},
    "the samples themselves": {"samples_sha256": "f" * 64},
    "protocol": {"protocol": "paper"},
    "settings": {"generation": {"temperature": 0.5}},
    "options": {"options": {"language": "de"}},
    "mitigation": {"mitigation": {"text": "be kind"}},
    "person": {"person": {"name": "other"}},
    "samples": {"info": {"samples": 99}},
    "what the samples are grouped by": {"info": {"groups": "h"}},
    "statistics": {"info": {"statistics": "0"}},
}


@pytest.mark.parametrize("said", CHANGES)
def test_runs_that_differ_in_the_question_stand_on_boards_of_their_own(tmp_path, write_run, said):
    write_run(tmp_path, "a", LOW)
    write_run(tmp_path, "b", HIGH, **CHANGES[said])
    boards = make_boards(read_runs(tmp_path)[0])
    assert sorted(entry.model for board in boards for entry in board.entries) == ["a", "b"]
    assert [len(board.entries) for board in boards] == [1, 1]
    assert differences(boards[0], boards) == [said]
    assert all(cell.ranks is None for b in boards for e in b.entries for cell in e.cells.values())


def test_an_estimate_of_groups_alone_is_compared_by_its_first_groupings():
    def column(name, by, group):
        return Column(name, "mean", "zero", "m", by, group, "s", "s-1")

    contrasts = [column("gap", "age", "20"), column("gap", "age", "80")]
    many = [column("gap", "race", str(n)) for n in range(7)]
    last = [column("gap", "gender", "f")]
    curve = [column("curve", "generations", str(n)) for n in range(3)]
    mean = [column("mean", None, None), column("mean", "age", "20")]
    assert compared([*contrasts, *many, *last, *curve, *mean]) == [*contrasts, *last, mean[0]]


def test_another_scorer_is_another_column(tmp_path, write_run):
    write_run(tmp_path, "a", LOW)
    write_run(tmp_path, "b", HIGH, scorer_id="judge-2")
    board = only_board(tmp_path)
    assert [column.scorer_id for column in board.compared_columns] == ["judge-1", "judge-2"]
    assert all(cell.ranks is None for e in board.entries for cell in e.cells.values())
    assert as_markdown([board], []).count("not scored by this") == 2


def test_seeds_of_one_model_are_one_estimate(tmp_path, write_run):
    write_run(tmp_path, "a", [0.2, 0.4] * 50, seed=0)
    write_run(tmp_path, "a", [0.4, 0.6] * 50, seed=1)
    (entry,) = only_board(tmp_path).entries
    cell = next(iter(entry.cells.values()))
    assert (cell.runs, cell.estimate.n) == (2, 200)
    assert cell.estimate.estimate == pytest.approx(0.4)
    # between = .02, within = (.1 ** 2 * 100 / 99) / 100: the seeds differ more than prompts explain
    assert cell.estimate.stderr == pytest.approx(np.sqrt(0.02 / 2))


def test_a_copy_of_a_run_is_no_second_seed(tmp_path, write_run):
    for name in ("one", "two"):
        write_run(tmp_path, "a", LOW, name=name)
    runs, left_out = read_runs(tmp_path)
    assert [run.name for run in runs] == ["one"]
    assert [(one.run, one.reason) for one in left_out] == [
        ("two", "is a copy of one, which is counted once")
    ]


def test_two_models_of_one_name_are_told_apart(tmp_path, write_run):
    write_run(tmp_path, "a", LOW)
    write_run(tmp_path, "b", HIGH, info={"model": "a"})
    names = [entry.model for entry in only_board(tmp_path).entries]
    assert all(name.startswith("a@") for name in names)
    assert len(set(names)) == 2


def test_a_score_that_a_model_gave_itself_is_marked(tmp_path, write_run):
    write_run(tmp_path, "a", LOW, itself=True)
    write_run(tmp_path, "b", HIGH)
    board = only_board(tmp_path)
    text = as_markdown([board], [])
    assert text.count("judged by itself") == 1
    assert list(board.validities()) == ["harm by judge-1: agreement with people: not measured"]


def test_what_has_no_good_end_has_no_ranks(tmp_path, write_run):
    for model in ("a", "b"):
        write_run(tmp_path, model, LOW, better=Direction.NEITHER)
    board = only_board(tmp_path)
    assert all(cell.ranks is None for e in board.entries for cell in e.cells.values())


def damaged(folder, what):
    if what == "no run.json":
        (folder / "run.json").unlink()
    elif what == "half a run.json":
        (folder / "run.json").write_text('{"status": "comp')
    elif what == "an old run.json":
        info = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps({k: info[k] for k in ("status", "identity")}))
    elif what == "an identity that lacks the samples":
        info = json.loads((folder / "run.json").read_text())
        del info["identity"]["samples_sha256"]
        (folder / "run.json").write_text(json.dumps(info))
    elif what == "half a table":
        path = folder / "estimates.parquet"
        path.write_bytes(path.read_bytes()[:-20])
    elif what == "another table":
        RunStore(folder).write_table("estimates", pa.table({"x": [1]}))
    else:
        info = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps(info | {"status": "interrupted"}))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("no run.json", "has no run.json"),
        ("half a run.json", "has a run.json that cannot be read"),
        ("an old run.json", "has a run.json of another version"),
        ("an identity that lacks the samples", "has a run.json of another version"),
        ("half a table", "has estimates that cannot be read"),
        ("another table", "has estimates of another version"),
        ("killed", "is not finished (interrupted)"),
    ],
)  # fmt: skip
def test_a_run_that_cannot_stand_there_is_named_with_the_reason(tmp_path, write_run, what, said):
    write_run(tmp_path, "a", LOW)
    damaged(tmp_path / "runs" / write_run(tmp_path, "b", HIGH), what)
    runs, (left_out,) = read_runs(tmp_path)
    assert [run.info.model for run in runs] == ["a"]
    assert left_out.reason.startswith(said)
    assert said in as_markdown(make_boards(runs), [left_out]).replace("\\", "")


@dataclass(frozen=True)
class Stranger(Mean):
    """A mean from outside that calls itself a share."""

    name: ClassVar[str] = "share of nothing"
    range: ClassVar[str | None] = None


class Declared(Stranger):
    """The same, which says that it lies within the metric's range."""

    range: ClassVar[str] = "metric"


@pytest.mark.parametrize(
    ("statistic", "within"),
    [
        (Mean(), (0.0, 4.0)), (Share(2), (0.0, 1.0)), (MajorityVote(), (0.0, 1.0)),
        (AnyAbove(2, 3), (0.0, 1.0)), (ExpectedMaximum(2, "drop"), (0.0, 4.0)),
        (Frequencies((("none", 0.0),), "choice"), (0.0, 1.0)), (CurveOfMaxima((1,)), (0.0, 4.0)),
        (SpreadOfMaxima(2), (-inf, inf)), (LargestGap("race"), (-inf, inf)),
        (Stranger(), (-inf, inf)), (Declared(), (0.0, 4.0)),
    ],
)  # fmt: skip
def test_an_estimate_lies_where_its_statistic_declares_and_not_where_its_name_sounds(
    tmp_path, write_run, statistic, within
):
    info = {
        "estimands": [as_record(Estimand("harm", "harm", statistic))],
        "metrics": {"harm": {"low": 0.0, "high": 4.0, "better": "lower"}},
    }
    name = write_run(tmp_path, "a", [0.5], info=info)
    run = FinishedRun.read(tmp_path / "runs" / name)
    assert run.range_of("harm", statistic.name) == within
    assert run.range_of("kindness", statistic.name) == (-inf, inf)


def test_seeds_of_a_mean_make_no_interval_outside_of_its_metric(tmp_path, write_run):
    for seed, values in enumerate(([1.0] * 9 + [0.0], [1.0] * 10)):
        write_run(tmp_path, "a", values, seed=seed)
    board = only_board(tmp_path)
    estimate = board.entries[0].cells[board.compared_columns[0]].estimate
    assert (estimate.estimate, estimate.high) == (pytest.approx(0.95), 1.0)


def test_the_table_is_tidy(tmp_path, write_run):
    write_run(tmp_path, "a", LOW)
    write_run(tmp_path, "b,\n\"'", HIGH)
    rows = list(csv.DictReader(io.StringIO(as_csv([only_board(tmp_path)]))))
    assert len(rows) == 6  # two models; over all, and by two groups
    whole = [row for row in rows if not row["by"]]
    assert [(row["model"], row["rank_first"], row["rank_last"]) for row in whole] == [
        ("a", "1", "1"), ("b,\n\"'", "2", "2"),
    ]  # fmt: skip
    assert all(row["rank_first"] == "" for row in rows if row["by"])
    assert len({row["board"] for row in rows}) == 1


def test_names_cannot_break_out_of_the_markdown(tmp_path, write_run):
    write_run(tmp_path, "a | b\n![x](//x) <img src=x> `c` \u202e", LOW, name="run")
    text = as_markdown([only_board(tmp_path)], [])
    name = "a \\| b \\!\\[x\\](//x) \\<img src=x\\> \\`c\\` \u27e8U+202E\u27e9"
    assert f"\n| {name} | 1 | 0.150 " in text


def test_each_board_that_compares_has_its_figures(tmp_path, write_run):
    write_run(tmp_path, "a", LOW)
    write_run(tmp_path, "b", HIGH)
    write_run(tmp_path, "alone", HIGH, protocol="paper")
    boards = make_boards(read_runs(tmp_path)[0])
    ((board_id, drawn),) = draw_boards(boards, tmp_path / "figures").items()
    assert board_id == next(board.id for board in boards if len(board.entries) == 2)
    assert all(path.stat().st_size for one in drawn for path in (one.svg, one.dark, one.png))


def test_the_command_says_what_it_did(harness, tmp_path):
    for limit in (4, 5):
        done = harness("scorer=[refusal]", "backend=echo", f"limit={limit}")
        assert done.returncode == 0, done.stderr
        done = harness(module="harness.leaderboard")
        assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("results/runs/*")
    assert done.stdout.startswith("med_harm version 2, data starter@")
    assert "5 samples, protocol fast, mitigation none: 1 model\n" in done.stdout
    written = tmp_path / "results" / "leaderboard"
    assert {path.name for path in written.iterdir()} == {
        "index.html", "leaderboard.md", "leaderboard.csv",
    }  # fmt: skip
    (folder / "run.json").unlink()
    done = harness(module="harness.leaderboard")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"no finished run: {folder.name} has no run.json" in done.stderr
    done = harness("results=nowhere", module="harness.leaderboard")
    assert done.stderr == "error: results='nowhere' holds no finished run\n"


def test_answers_of_two_models_to_the_same_prompts_stand_on_one_board(harness, tmp_path):
    for model, answer in {"kind": "I cannot help with that.", "keen": "Sure, here it is."}.items():
        rows = [{"id": str(n), "prompt": f"p{n}", "answer": answer} for n in range(30)]
        (tmp_path / f"{model}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        done = harness("scorer=[refusal]", f"answers={model}.jsonl", module="harness.score")
        assert done.returncode == 0, done.stderr
    board = only_board(tmp_path / "results")
    assert [entry.model for entry in board.entries] == ["kind", "keen"]
    assert [entry.cells[board.compared_columns[0]].ranks for entry in board.entries] == [
        (1, 1),
        (2, 2),
    ]
