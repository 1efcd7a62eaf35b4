import dataclasses
import json
from types import MappingProxyType

import pyarrow.parquet as pq
import pytest

from harness.models.echo import EchoModel
from harness.report.console import print_run
from harness.report.page import write_report
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.statistics.means import Mean, Share
from harness.store import FinishedRun
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Estimand, Metric
from harness.types.records import Generation, Records, Sample, Score
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig


class Words:
    """Ten prompts of one to ten words, five of each colour."""

    name = "words"
    version = "1"
    estimands = (
        Estimand("length", "length", Mean()),
        Estimand("long", "length", Share(at_least=5), by="colour", cluster="sample"),
    )

    def records(self):
        return Records("starter", [{"words": n} for n in range(1, 11)])

    def samples(self, records):
        for row in records.rows:
            colour = "red" if row["words"] % 2 else "blue"
            yield Sample(f"s{row['words']}", "word " * row["words"], metadata={"colour": colour})


class Length:
    """Counts words, up to ten."""

    metrics = MappingProxyType({"length": Metric(0.0, 10.0, Direction.LOWER)})
    identity = MappingProxyType({"version": "1"})

    def __init__(self):
        self.asked = 0

    def score(self, samples, generations):
        self.asked += len(generations)
        return [[Score("length", float(len(g.text.split())))] for g in generations]


class Unasked:
    """A model that must not be asked."""

    name = "echo"
    weighs_choices = True
    identity = EchoModel().identity

    def generate(self, requests, generation, seed):
        raise AssertionError("the model was asked again")


@pytest.fixture
def plan(tmp_path) -> Plan:
    return Plan(
        task=Words(),
        model=EchoModel(),
        scorers=ScorerRegistry({"length": Length()}),
        generation=GenerationConfig(n=2),
        protocol="fast",
        seed=0,
        results=tmp_path,
        options={},
    )


def estimates(result):
    return {(row["name"], row["group"]): row for row in result.estimates.to_pylist()}


def test_tables_say_what_the_answers_are(plan, no_progress):
    result = run(plan, no_progress)
    rows = estimates(result)
    assert rows["length", None]["estimate"] == 5.5
    assert (rows["length", None]["n"], rows["length", None]["clusters"]) == (20, 10)
    assert rows["long", "red"]["estimate"] == 0.6
    assert rows["long", "blue"]["estimate"] == 0.6
    scores = pq.read_table(result.folder / "scores.parquet")
    assert scores["value"].to_pylist() == [float(n) for n in range(1, 11) for _ in range(2)]
    samples = pq.read_table(result.folder / "samples.parquet")
    assert samples["colour"].to_pylist() == ["red", "blue"] * 5
    info = json.loads((result.folder / "run.json").read_text())
    assert (info["status"], info["samples"], info["generations"]) == ("complete", 10, 20)


def test_a_finished_run_asks_neither_model_nor_scorer(plan, no_progress):
    first = run(plan, no_progress)
    again = dataclasses.replace(plan, model=Unasked())
    assert run(again, no_progress).estimates.equals(first.estimates)
    assert plan.scorers["length"].asked == 20


def test_every_setting_that_changes_an_answer_has_a_folder_of_its_own(plan, no_progress):
    changed = (
        {"seed": 1},
        {"generation": GenerationConfig(n=2, temperature=0.5)},
        {"protocol": "paper"},
        {"options": {"framing": "question"}},
        {"model": EchoModel(answer="no")},
    )
    folders = {run(dataclasses.replace(plan, **c), no_progress).folder for c in ({}, *changed)}
    assert len(folders) == 6


def test_a_limit_takes_a_fixed_part_and_a_larger_one_extends_the_run(plan, no_progress):
    few = run(dataclasses.replace(plan, limit=4), no_progress)
    assert few.info["samples"] == 4
    more = run(dataclasses.replace(plan, limit=7), no_progress)
    assert more.folder == few.folder
    assert plan.scorers["length"].asked == 14
    ids = pq.read_table(more.folder / "samples.parquet")["sample_id"].to_pylist()
    assert len(ids) == 7
    everything = run(plan, no_progress)
    assert everything.info["samples"] == 10


def test_a_smaller_limit_keeps_the_larger_run(plan, no_progress):
    run(plan, no_progress)
    fewer = run(dataclasses.replace(plan, limit=3, model=Unasked()), no_progress)
    assert fewer.info["samples"] == 10


def test_a_generation_that_failed_keeps_its_row_and_opens_the_bounds(plan, no_progress):
    failing = dataclasses.replace(plan, model=EchoModel(fail=["s1", "s10"]))
    result = run(failing, no_progress)
    row = estimates(result)["length", None]
    assert row["estimate"] == pytest.approx(sum(range(2, 10)) / 8)
    assert (row["n"], row["n_scored"], row["n_failed"]) == (20, 16, 4)
    assert row["worst"] == pytest.approx((2 * sum(range(2, 10)) + 4 * 10) / 20)
    assert row["best"] == pytest.approx(2 * sum(range(2, 10)) / 20)
    table = pq.read_table(result.folder / "scores.parquet").to_pylist()
    assert len(table) == 20
    assert {r["error"] for r in table if r["value"] is None} == {"no generation: told to fail"}
    assert result.info["unmeasured"] == 0.2
    assert result.info["generations_failed"] == 4


def test_a_scorer_that_raises_on_one_text_loses_that_row_only(plan, no_progress):
    class Fragile(Length):
        def score(self, samples, generations):
            if any(g.sample_id == "s3" for g in generations):
                raise ZeroDivisionError("odd text")
            return super().score(samples, generations)

    fragile = dataclasses.replace(plan, scorers=ScorerRegistry({"length": Fragile()}))
    table = pq.read_table(run(fragile, no_progress).folder / "scores.parquet").to_pylist()
    failed = [row for row in table if row["value"] is None]
    assert [row["sample_id"] for row in failed] == ["s3", "s3"]
    assert failed[0]["error"] == "scorer raised ZeroDivisionError: odd text"


def test_what_failed_is_asked_again_only_where_that_is_asked_for(plan, no_progress):
    class Down(Length):
        def score(self, samples, generations):
            raise ConnectionError("the judge is down")

    failed = dataclasses.replace(
        plan, model=EchoModel(fail=["s1"]), scorers=ScorerRegistry({"length": Down()})
    )
    assert run(failed, no_progress).info["unmeasured"] == 1.0
    again = dataclasses.replace(
        failed, model=Recovered(failed.model.identity), scorers=plan.scorers, retry_failed=True
    )
    result = run(again, no_progress)
    assert (result.info["unmeasured"], result.info["generations_failed"]) == (0.0, 0)
    assert estimates(result)["length", None]["estimate"] == 5.5


class Recovered(EchoModel):
    """The same model by its identity, but one that does not fail any more."""

    def __init__(self, identity):
        super().__init__()
        self.claimed = identity

    @property
    def identity(self):
        return self.claimed


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_damaged_run_json_is_written_anew(plan, no_progress, content):
    result = run(plan, no_progress)
    (result.folder / "run.json").write_text(content)
    again = run(dataclasses.replace(plan, model=Unasked()), no_progress)
    assert again.estimates.equals(result.estimates)
    assert json.loads((result.folder / "run.json").read_text())["status"] == "complete"


def test_a_damaged_table_is_written_anew(plan, no_progress):
    result = run(plan, no_progress)
    table = result.folder / "estimates.parquet"
    table.write_bytes(table.read_bytes()[:50])
    assert run(plan, no_progress).estimates.equals(result.estimates)


def test_samples_that_changed_under_one_version_are_another_run(plan, no_progress):
    class Louder(Words):
        def samples(self, records):
            return [
                dataclasses.replace(s, prompt=s.prompt.upper()) for s in super().samples(records)
            ]

    first = run(plan, no_progress)
    assert run(dataclasses.replace(plan, task=Louder()), no_progress).folder != first.folder


def test_groups_that_changed_under_one_version_make_the_tables_anew(plan, no_progress):
    class Green(Words):
        def samples(self, records):
            green = {"colour": "green"}
            return [dataclasses.replace(s, metadata=green) for s in super().samples(records)]

    first = run(plan, no_progress)
    changed = dataclasses.replace(plan, task=Green(), model=Unasked())
    second = run(changed, no_progress)
    assert second.folder == first.folder
    assert ("long", "green") in estimates(second)
    assert ("long", "red") not in estimates(second)


def test_an_estimand_that_no_scorer_gives_is_named_and_all_of_them_missing_refused(
    plan, no_progress
):
    class Typo(Words):
        estimands = (*Words.estimands, Estimand("wide", "width", Mean()))

    class AllTypo(Words):
        estimands = (Estimand("wide", "width", Mean()),)

    assert run(dataclasses.replace(plan, task=Typo()), no_progress).info["not_computed"] == ["wide"]
    with pytest.raises(HarnessError, match="give none of the metrics of task 'words': width"):
        run(dataclasses.replace(plan, task=AllTypo()), no_progress)


@pytest.mark.parametrize(
    "answers",
    [[Generation("s1", 7, "uninvited")], [Generation("s1", 0, "so"), Generation("s1", 0)]],
)
def test_a_model_that_answers_what_it_was_not_asked_is_refused(plan, no_progress, answers):
    class Eager(EchoModel):
        def generate(self, requests, generation, seed):
            yield answers

    with pytest.raises(
        HarnessError, match=r"index [07] of sample 's1', which it was not asked, or"
    ):
        run(dataclasses.replace(plan, model=Eager()), no_progress)


@pytest.mark.parametrize("score", [Score("length", 1.0, error="unparsed"), Score("length", "1")])
def test_a_value_beside_an_error_or_that_is_no_number_is_missing(score):
    class Odd(Length):
        def score(self, samples, generations):
            return [[score]]

    registry = ScorerRegistry({"length": Odd()})
    ((found,),) = registry.score("length", [Sample("a", "x")], [Generation("a", 0, "x")])
    assert found.value is None
    assert found.error


def test_another_scorer_reads_the_stored_answers(plan, no_progress):
    run(plan, no_progress)

    class Half(Length):
        identity = MappingProxyType({"version": "half"})

    half = ScorerRegistry({"length": Half()})
    result = run(dataclasses.replace(plan, scorers=half, model=Unasked()), no_progress)
    ids = set(pq.read_table(result.folder / "scores.parquet")["scorer_id"].to_pylist())
    assert ids == {half.identity("length")}


def test_answers_made_again_after_a_damaged_shard_are_scored_again(plan, no_progress):
    result = run(plan, no_progress)
    (shard,) = (result.folder / "generations").iterdir()
    shard.write_bytes(shard.read_bytes()[:100])
    (result.folder / "run.json").unlink()
    repaired = run(plan, no_progress)
    assert repaired.estimates.equals(result.estimates)


def test_an_interrupted_run_says_so_and_goes_on(plan, no_progress):
    class Stops(EchoModel):
        def generate(self, requests, generation, seed):
            yield from list(super().generate(requests[:3], generation, seed))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(dataclasses.replace(plan, model=Stops()), no_progress)
    (folder,) = (plan.results / "runs").iterdir()
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"
    asked = []

    class Rest(EchoModel):
        def generate(self, requests, generation, seed):
            asked.extend(requests)
            return super().generate(requests, generation, seed)

    result = run(dataclasses.replace(plan, model=Rest()), no_progress)
    assert len(asked) == 7
    assert result.folder == folder
    assert result.info["status"] == "complete"


def test_a_model_that_leaves_a_request_unanswered_is_refused(plan, no_progress):
    class Lazy(EchoModel):
        def generate(self, requests, generation, seed):
            return super().generate(requests[1:], generation, seed)

    with pytest.raises(HarnessError, match="no generation for 1 samples, the first 's1'"):
        run(dataclasses.replace(plan, model=Lazy()), no_progress)


def test_two_scorers_of_one_metric_are_refused():
    with pytest.raises(HarnessError, match="both give the metric 'length'"):
        ScorerRegistry({"one": Length(), "two": Length()})


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([], "answered for 0 of 1 generations"),
        ([[Score("other", 1.0)]], r"gave the metrics \['other'\]"),
    ],
)
def test_a_scorer_that_breaks_its_contract_ends_the_run(answers, said):
    class Broken(Length):
        def score(self, samples, generations):
            return answers

    registry = ScorerRegistry({"length": Broken()})
    with pytest.raises(HarnessError, match=said):
        registry.score("length", [Sample("a", "x")], [Generation("a", 0, "x")])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 11.0])
def test_a_value_outside_its_range_is_missing_not_a_number(value):
    class Wild(Length):
        def score(self, samples, generations):
            return [[Score("length", value)] for _ in generations]

    registry = ScorerRegistry({"length": Wild()})
    ((score,),) = registry.score("length", [Sample("a", "x")], [Generation("a", 0, "x")])
    assert score.value is None
    assert "outside 0 to 10" in score.error


def test_answers_that_come_at_once_are_stored_in_few_shards(plan, no_progress):
    class Many(Words):
        def samples(self, records):
            return [Sample(f"s{n}", "word") for n in range(1000)]

    folder = run(dataclasses.replace(plan, task=Many(), model=EchoModel()), no_progress).folder
    for kind in ("generations", "scores"):
        assert 1 <= len(list((folder / kind).iterdir())) <= 8  # of 125 batches


def test_a_column_that_only_late_samples_have_is_in_the_table(plan, no_progress, monkeypatch):
    monkeypatch.setattr("harness.runs.samples.WINDOW", 3)

    class Late(Words):
        def samples(self, records):
            for number, sample in enumerate(super().samples(records)):
                late = {"size": number / 2 if number > 8 else number, "late": "yes"}
                extra = late if number > 6 else {"size": number}
                yield dataclasses.replace(sample, metadata={**sample.metadata, **extra})

    result = run(dataclasses.replace(plan, task=Late()), no_progress)
    table = pq.read_table(result.folder / "samples.parquet")
    assert table["size"].to_pylist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 4.5]
    assert table["late"].to_pylist() == [None] * 7 + ["yes"] * 3
    assert estimates(result)["length", None]["estimate"] == 5.5


def test_a_task_with_no_estimate_over_all_samples_says_what_is_missing(plan, no_progress):
    class Grouped(Words):
        estimands = (Estimand("length", "length", Mean(), by="colour"),)

    failing = dataclasses.replace(plan, task=Grouped(), model=EchoModel(fail=["s1"]))
    assert run(failing, no_progress).info["unmeasured"] == 0.1


def test_what_a_model_tells_of_its_work_is_in_the_record_of_the_session(plan, no_progress):
    class Careful(EchoModel):
        told = MappingProxyType({})

        def generate(self, requests, generation, seed):
            yield from super().generate(requests, generation, seed)
            self.remarks = {"numerics": {"max": 0.001}}

    result = run(dataclasses.replace(plan, model=Careful()), no_progress)
    assert result.info["sessions"][-1]["model"] == {"numerics": {"max": 0.001}}
    stored = json.loads((result.folder / "run.json").read_text())
    assert stored["sessions"][-1]["model"] == {"numerics": {"max": 0.001}}


def test_the_first_sentence_is_what_ends_first():
    registry = ScorerRegistry({"length": Length()}, span="first_sentence")
    assert registry.identity("length").endswith(" of first_sentence")
    sample = Sample("s", "p")
    for text, words in (
        ("One two. Three.", 2), ("One two", 2), ("\nOne two three!\" Four", 3), ("Dr.Who is it", 3),
        ("One\ntwo", 1),
    ):  # fmt: skip
        assert registry.score("length", [sample], [Generation("s", 0, text)])[0][0].value == words
    with pytest.raises(HarnessError, match=r"task\.span='half' is not one of full"):
        ScorerRegistry({"length": Length()}, span="half")


class Noting(EchoModel):
    """Has something to say once it has been asked."""

    notes = ()

    def generate(self, requests, generation, seed):
        self.notes = ["The server does not take a seed."]
        yield from super().generate(requests, generation, seed)


def test_what_a_plugin_found_out_stands_in_run_json_and_is_printed(plan, no_progress, capsys):
    plan = dataclasses.replace(plan, model=Noting())
    result = run(plan, no_progress)
    assert result.info["notes"] == ["The server does not take a seed."]
    again = run(dataclasses.replace(plan, model=EchoModel()), no_progress)
    print_run(FinishedRun.read(again.folder))
    assert "note: The server does not take a seed." in capsys.readouterr().out
    assert "does not take a seed" in write_report(result.folder).read_text("utf-8")


class Picky(Length):
    """Reads short answers alone."""

    def score(self, samples, generations):
        long = [len(g.text.split()) > 7 for g in generations]
        values = super().score(samples, generations)
        missing = Score.missing("length", "longer than seven words")
        return [[missing] if out else rows for out, rows in zip(long, values, strict=True)]


def test_why_scores_are_missing_stands_in_run_json_on_the_console_and_on_the_page(
    plan, no_progress, capsys
):
    result = run(
        dataclasses.replace(plan, scorers=ScorerRegistry({"length": Picky()})), no_progress
    )
    assert json.loads((result.folder / "run.json").read_text())["missing"] == {
        "length": [["longer than seven words", 6]]
    }
    print_run(FinishedRun.read(result.folder))
    assert "missing of length: 6 for: longer than seven words" in capsys.readouterr().out
    page = write_report(result.folder).read_text("utf-8")
    assert "Missing of length: 6 for: longer than seven words." in page


def test_a_page_says_what_a_category_is_called(plan, no_progress):
    result = run(plan, no_progress)
    named = {**result.info, "labels": {"colour": {"red": "warm as blood"}}}
    (result.folder / "run.json").write_text(json.dumps(named))
    page = write_report(result.folder).read_text("utf-8")
    assert '<option dir="auto">red warm as blood</option>' in page
    assert '"colour","red warm as blood"' in page
    assert '<option dir="auto">blue</option>' in page
