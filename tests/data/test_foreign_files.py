"""Files of any content: a right value, a counted failure, or one sentence; nothing else."""

import contextlib
import csv
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.bridges.files.answers import of_file
from harness.bridges.files.failures import failure
from harness.command import configured, make
from harness.data.labels import LabelFormat, read_label_file
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.runs.samples import look_over
from harness.score.answers import AnswersTask, StoredModel
from harness.scorers.rules.refusal import RefusalScorer
from harness.types.errors import HarnessError
from harness.types.plugins import Task
from harness.types.records import Request
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig

TURN = {"role": "user", "content": "How?"}
ODD = st.sampled_from([
    "", " ", "nan", "None", "NA", "[ERROR] 429 x", "1", "0.5", "A", "male", "Male", "white", "x",
    "explicit", "true", "True", "I cannot help with that.", "2009-01-12", "a,b",
    'say "so"', "{", "[", "\ud800", "\x00", "é\u2028", "[{'role': 'user', 'content': 'a'}]",
    json.dumps([TURN]),
    "{'text': 'a', 'toxicity': nan}", "{'text': 'a', 'toxicity': 0.7}", '["a"]', "[" * 5000,
    None, True, False, 0, 1, 60, -1, 1.0, 60.0, 1.5, float("nan"), float("inf"), 10**400,
    [], {}, [TURN], TURN, [None], ["a"], {"text": "a"}, {"text": None, "toxicity": "x"},
    [{"role": "user", "content": [{"type": "text", "text": "a"}]}], [{"type": "image_url"}],
    [{"role": [], "content": {}}], {"gen_args_0": {"arg_0": "p"}}, [["r", "s"]], [[None, [1]]],
])  # fmt: skip
COLUMNS = st.sampled_from([
    "prompt", "question", "instruction", "input", "answer", "response", "text", "output", "id",
    "error", "model", "label", "resps", "arguments", "doc_id", "filter", "kind", "file",
    "",
])  # fmt: skip
FIELDS = st.sampled_from([
    "prompt", "text", "message", "turns", "entity", "template", "filled_template", "fill_type",
    "age", "gender", "race", "decision_question_id", "kind", "category", "principle", "crisis",
    "asks", "topic", "toxicity", "toxic", "challenging", "continuation", "question", "a", "b", "c",
    "d", "answer", "questionText", "answerText", "questionID", "upvotes", "id", "vignette", "file",
    "harmful_medical_request", "generator", "area", "filename", "competency",
])  # fmt: skip


def rows_of(names, *usual):
    """Rows that share their columns, the usual ones among them, or have some of any."""
    shared = st.lists(names, min_size=1, max_size=5, unique=True).map(lambda n: {*usual, *n})
    plain = st.just("How?") | ODD
    whole = shared.flatmap(
        lambda columns: st.lists(
            st.fixed_dictionaries({n: plain if n in usual else ODD for n in sorted(columns)}),
            max_size=4,
        )
    )
    return whole | st.lists(st.dictionaries(names, ODD, max_size=5), max_size=4)


ANSWERED = rows_of(st.sampled_from(["id", "error", "kind", "sample_id", ""]), "prompt", "response")
SAMPLED = rows_of(st.sampled_from(["filter", "doc_id", "kind"]), "arguments", "resps")
ANSWERS = ANSWERED | SAMPLED | rows_of(COLUMNS)
USUAL = {
    "counseling_qa": ("question", "a", "b", "c", "d", "answer"),
    "counseling_support": ("message",),
    "discrimination": ("filled_template", "age", "gender", "race", "decision_question_id"),
    "med_harm": ("prompt", "category"),
    "persona_toxicity": ("entity",),
    "real_toxicity_prompts": ("prompt",),
}


def write(folder: Path, ending: str, rows: list) -> Path:
    """The rows in a file, as a program of that kind would leave them."""
    path = folder / f"data.{ending}"
    if ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif ending == "json":
        path.write_text(json.dumps(rows))
    elif ending == "csv":
        names = list(dict.fromkeys(name for row in rows for name in row))
        with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
            table = csv.writer(file)
            table.writerow(names)
            table.writerows(
                [["" if (v := row.get(n)) is None else v for n in names] for row in rows]
            )
    else:
        try:
            pq.write_table(pa.Table.from_pylist(rows), path)
        except (pa.ArrowException, ValueError, TypeError, OverflowError, UnicodeEncodeError):
            path.write_text("no Parquet at all")
    return path


def check_sentence(error):
    assert "\n" not in str(error)


@contextlib.contextmanager
def quiet(stage, total):
    yield lambda done: None


ENDINGS = st.sampled_from(["jsonl", "json", "csv", "parquet"])


@pytest.mark.long
@settings(max_examples=300, deadline=None)
@given(ANSWERS, ENDINGS)
def test_answers_of_any_file_are_texts_failures_or_one_sentence(rows, ending):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), ending, rows)
        try:
            stored = of_file(path, None, None, None)
            task = AnswersTask(stored, ["refusal"])
            samples = look_over(task, task.records())
        except HarnessError as error:
            check_sentence(error)
            return
        asked = [s for _, window in samples.windows() for s in window]
    requests = [Request(s.id, s.prompt, tuple(range(stored.n))) for s in asked]
    for generations in StoredModel(stored).generate(requests, GenerationConfig(n=stored.n), 0):
        for generation in generations:
            assert (generation.text is None) == (generation.error is not None)
            assert generation.text is None or failure(generation.text) is None


@pytest.mark.long
@settings(max_examples=25, deadline=None)
@given(ANSWERED | SAMPLED, ENDINGS)
def test_a_run_of_any_file_of_answers_ends_with_every_row_or_in_one_sentence(rows, ending):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), ending, rows)
        try:
            stored = of_file(path, None, None, None)
            scorers = ScorerRegistry({"refusal": RefusalScorer()})
            result = run(
                Plan(
                    AnswersTask(stored, list(scorers.metrics)), StoredModel(stored), scorers,
                    GenerationConfig(n=stored.n), "stored", 0, results=Path(folder), options={},
                ),
                quiet,
            )  # fmt: skip
        except HarnessError as error:
            check_sentence(error)
            return
        assert result.info["samples"] == len(stored.records.rows)
        counts = result.estimates.to_pylist()
        assert all(row["n"] == row["n_scored"] + row["n_failed"] for row in counts)


@pytest.mark.long
@settings(max_examples=200, deadline=None)
@given(rows_of(COLUMNS, "answer", "label"), ENDINGS)
def test_labels_of_any_file_are_numbers_or_counted_or_one_sentence(rows, ending):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), ending, rows)
        try:
            read = read_label_file(path, LabelFormat())
        except HarnessError as error:
            check_sentence(error)
            return
    assert all(item.label == item.label and abs(item.label) < 1e400 for item in read.items)
    assert len(read.items) == len(rows) or read.notes


@pytest.mark.long
@pytest.mark.parametrize("examples", [40, pytest.param(1_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("task", sorted(USUAL))
def test_records_of_any_file_are_samples_or_one_sentence(task, examples):
    node = configured(task).task

    @settings(max_examples=examples, deadline=None)
    @given(rows_of(FIELDS, *USUAL[task]), ENDINGS)
    def reads(rows, ending):
        with tempfile.TemporaryDirectory() as folder:
            node.data = str(write(Path(folder), ending, rows))
            made: Task = make("task", node, Task)
            try:
                look_over(made, made.records())
            except HarnessError as error:
                check_sentence(error)

    reads()
