import dataclasses
import json
import threading
import time
from types import MappingProxyType, SimpleNamespace

import pyarrow.parquet as pq
import pytest

from harness.models.echo import EchoModel
from harness.report.console import print_run
from harness.runs import scoring
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.runs.scoring import overlaps
from harness.statistics.means import Mean
from harness.store import FinishedRun
from harness.types.errors import HarnessError
from harness.types.identity import fingerprint
from harness.types.measures import Direction, Estimand, Metric
from harness.types.records import Records, Sample, Score
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig

PATIENCE = 30
"""Seconds after which a test that waits for the other thread fails."""


class Words:
    """Sixty prompts of one to sixty words."""

    name = "words"
    version = "1"
    estimands = (Estimand("length", "length", Mean()),)

    def records(self):
        return Records("starter", [{"words": n} for n in range(1, 61)])

    def samples(self, records):
        for row in records.rows:
            yield Sample(f"s{row['words']}", "word " * row["words"])


class Length:
    """Counts words, and notes in which thread it was asked for which answers."""

    metrics = MappingProxyType({"length": Metric(0.0, 100.0, Direction.LOWER)})
    identity = MappingProxyType({"version": "1"})
    device = None

    def __init__(self):
        self.asked = []

    def score(self, samples, generations):
        if generations:
            self.asked.append((threading.current_thread().name, [g.sample_id for g in generations]))
        return [[Score("length", float(len(g.text.split())))] for g in generations]

    @property
    def threads(self):
        return {thread for thread, _ in self.asked}

    @property
    def answers(self):
        return [sample_id for _, asked in self.asked for sample_id in asked]


class Waits(EchoModel):
    """Writes sixteen answers, waits for something, and writes the rest."""

    def __init__(self, wait, device_used=None):
        super().__init__()
        self.wait = wait
        self.device_used = device_used

    def generate(self, requests, generation, seed):
        answers = super().generate(requests, generation, seed)
        yield next(answers)
        self.wait()
        yield from answers


@pytest.fixture
def plan(tmp_path) -> Plan:
    return Plan(
        task=Words(),
        model=EchoModel(),
        scorers=ScorerRegistry({"length": Length()}),
        generation=GenerationConfig(),
        protocol="fast",
        seed=0,
        results=tmp_path,
        options={},
    )


def with_scorer(plan, scorer, **changes):
    return dataclasses.replace(plan, scorers=ScorerRegistry({"length": scorer}), **changes)


def values(folder):
    return pq.read_table(folder / "scores.parquet")["value"].to_pylist()


def rows(folder, kind):
    return sum(pq.read_table(shard).num_rows for shard in (folder / kind).glob("*.parquet"))


@pytest.mark.parametrize(
    ("scorer", "model", "expected"),
    [
        (None, "cpu", True),
        (None, "cuda:0", True),
        (None, None, True),
        ("cpu", None, True),
        ("auto", None, True),
        ("auto", "cpu", False),
        ("cpu", "cpu", False),
        ("cpu", "auto", False),
        ("cpu", "cuda:0", True),
        ("cuda:1", "cuda:0", True),
        ("cuda:0", "cuda:0", False),
        ("cuda", "cuda:0", False),
        ("cuda:1", "cuda", False),
        ("cuda:1", "cuda (tensor parallel 2, data parallel 1)", False),
        ("cpu", "cuda (tensor parallel 2, data parallel 1)", True),
    ],
)
def test_a_scorer_overlaps_where_it_takes_nothing_from_the_model(scorer, model, expected):
    plugin = SimpleNamespace(identity={}, device=scorer)
    assert overlaps(plugin, SimpleNamespace(identity={"a": "b"}, device_used=model)) is expected


def test_who_does_not_say_where_it_runs_waits_and_so_does_a_judge_of_the_models_weights():
    nowhere, judge = SimpleNamespace(identity={}), {"judge_weights": fingerprint({"a": "b"})}
    model = SimpleNamespace(identity={"a": "b"}, device_used="cuda:0")
    assert not overlaps(nowhere, model)
    assert not overlaps(SimpleNamespace(identity={}, device="cpu"), nowhere)
    assert not overlaps(SimpleNamespace(identity=judge, device=None), model)


def test_a_scorer_without_a_device_scores_while_the_model_generates(plan, no_progress):
    scorer, scored = Length(), threading.Event()
    score = scorer.score

    def score_and_tell(samples, generations):
        answers = score(samples, generations)
        scored.set()
        return answers

    scorer.score = score_and_tell
    waits = Waits(lambda: scored.wait(PATIENCE) or pytest.fail("nothing was scored"), "cpu")
    result = run(with_scorer(plan, scorer, model=waits), no_progress)
    assert scorer.asked[0] == ("scoring", [f"s{n}" for n in range(1, 17)])
    assert sorted(scorer.answers) == sorted(f"s{n}" for n in range(1, 61))
    assert values(result.folder) == [float(n) for n in range(1, 61)]
    assert "length" in result.info["sessions"][0]["score_while_generating"]


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_scorer_that_needs_the_models_device_waits_until_it_is_done(plan, no_progress, device):
    scorer = Length()
    scorer.device = device
    result = run(with_scorer(plan, scorer, model=Waits(lambda: None, "cpu")), no_progress)
    assert scorer.threads == {"MainThread"}
    assert values(result.folder) == [float(n) for n in range(1, 61)]
    assert result.info["sessions"][0]["score_while_generating"] == {}


def test_what_a_scorer_is_poor_at_stands_under_the_table_and_in_it(plan, no_progress, capsys):
    scorer = Length()
    scorer.weak = {"length": "it misses .4 of the words"}
    result = run(with_scorer(plan, scorer), no_progress)
    print_run(FinishedRun.read(result.folder))
    assert "? length by length-" in (said := " ".join(capsys.readouterr().out.split()))
    assert "not measured, but it misses .4 of the words" in said
    table = pq.read_table(result.folder / "estimates.parquet")
    assert set(table["validity"].to_pylist()) == {
        "agreement with people: not measured, but it misses .4 of the words"
    }


def test_tables_are_the_same_whether_scorers_overlap_or_wait(plan, no_progress, tmp_path):
    waits = Length()
    waits.device = "auto"
    waiting = with_scorer(
        plan, waits, model=Waits(lambda: None, "cpu"), results=tmp_path / "waiting"
    )
    one, other = (run(p, no_progress).folder for p in (plan, waiting))
    for name in ("samples", "scores", "estimates"):
        file = f"{name}.parquet"
        assert pq.read_table(one / file).equals(pq.read_table(other / file))


def test_an_error_of_an_overlapping_scorer_ends_the_run_and_loses_nothing(plan, no_progress):
    class Broken(Length):
        def score(self, samples, generations):
            if any(g.sample_id == "s17" for g in generations):
                raise HarnessError("the judge is not what it says")
            return super().score(samples, generations)

    def wait():  # until the first sixteen have their scores
        deadline = time.monotonic() + PATIENCE
        while not broken.asked and time.monotonic() < deadline:
            time.sleep(0.01)

    broken = Broken()
    with pytest.raises(HarnessError, match="the judge is not what it says"):
        run(with_scorer(plan, broken, model=Waits(wait)), no_progress)
    (folder,) = (plan.results / "runs").iterdir()
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"
    stored = rows(folder, "generations")
    assert stored >= 32
    assert rows(folder, "scores") == 16
    counting = Length()
    result = run(with_scorer(plan, counting), no_progress)
    assert len(counting.answers) == 60 - 16
    assert values(result.folder) == [float(n) for n in range(1, 61)]
    assert rows(folder, "generations") == rows(folder, "scores") == 60


class FailsOnce(Length):
    """Cannot be used the first time, and can from then on."""

    def __init__(self):
        super().__init__()
        self.failed = threading.Event()

    def score(self, samples, generations):
        if generations and not self.failed.is_set():
            self.failed.set()
            raise HarnessError("no room")
        return super().score(samples, generations)


def test_the_model_is_not_asked_for_more_once_an_overlapping_scorer_has_failed(plan, no_progress):
    scorer, went_on = FailsOnce(), []

    class GoesOn(EchoModel):
        def generate(self, requests, generation, seed):
            answers = super().generate(requests, generation, seed)
            yield next(answers)
            assert scorer.failed.wait(PATIENCE)
            for thread in threading.enumerate():
                if thread.name == "scoring":
                    thread.join(PATIENCE)
            yield next(answers)
            went_on.append(True)

    with pytest.raises(HarnessError, match="no room"):
        run(with_scorer(plan, scorer, model=GoesOn()), no_progress)
    assert not went_on


def test_an_error_of_an_overlapping_scorer_on_the_last_answers_ends_the_run(plan, no_progress):
    class AllAtOnce(EchoModel):
        def generate(self, requests, generation, seed):
            yield [g for answers in super().generate(requests, generation, seed) for g in answers]
            assert scorer.failed.wait(PATIENCE)

    scorer = FailsOnce()
    with pytest.raises(HarnessError, match="no room"):
        run(with_scorer(plan, scorer, model=AllAtOnce()), no_progress)
    (folder,) = (plan.results / "runs").iterdir()
    assert rows(folder, "generations") == 60
    assert run(with_scorer(plan, scorer), no_progress).info["status"] == "complete"


def test_a_slow_scorer_does_not_make_the_model_wait(plan, no_progress, monkeypatch):
    monkeypatch.setattr(scoring, "OVERLAP_AT_ONCE", 20)
    begun, done = threading.Event(), threading.Event()

    class Slow(Length):
        def score(self, samples, generations):
            if generations:
                begun.set()
                assert done.wait(PATIENCE)
            return super().score(samples, generations)

    class Tells(EchoModel):
        def generate(self, requests, generation, seed):
            yield from super().generate(requests, generation, seed)
            assert begun.wait(PATIENCE)
            done.set()

    slow = Slow()
    result = run(with_scorer(plan, slow, model=Tells()), no_progress)
    assert slow.threads == {"scoring", "MainThread"}
    assert len(slow.answers) == 60
    assert values(result.folder) == [float(n) for n in range(1, 61)]


def test_an_interruption_does_not_wait_for_a_scorer_and_leaves_a_run_that_goes_on(
    plan, no_progress, monkeypatch
):
    monkeypatch.setattr(scoring, "FAREWELL", 0.1)
    at_work, goes_on = threading.Event(), threading.Event()

    class Hangs(Length):
        def score(self, samples, generations):
            at_work.set()
            assert goes_on.wait(PATIENCE)
            return super().score(samples, generations)

    def interrupt():
        assert at_work.wait(PATIENCE)
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(with_scorer(plan, Hangs(), model=Waits(interrupt)), no_progress)
    assert time.monotonic() - started < PATIENCE / 2
    (folder,) = (plan.results / "runs").iterdir()
    assert json.loads((folder / "run.json").read_text())["status"] == "interrupted"
    assert rows(folder, "generations") == 16
    (thread,) = (t for t in threading.enumerate() if t.name == "scoring")
    goes_on.set()
    thread.join(PATIENCE)
    assert not (folder / "scores").exists()  # it came back too late to write
    result = run(plan, no_progress)
    assert values(result.folder) == [float(n) for n in range(1, 61)]
    assert rows(folder, "generations") == 60


def test_a_model_that_yields_nothing_at_first_starts_one_thread_only(plan, no_progress):
    class Shy(EchoModel):
        def generate(self, requests, generation, seed):
            yield []
            yield []
            assert sum(t.name == "scoring" for t in threading.enumerate()) == 1
            yield from super().generate(requests, generation, seed)

    scorer = Length()
    run(with_scorer(plan, scorer, model=Shy()), no_progress)
    assert len(scorer.answers) == 60


def test_what_is_left_is_scored_in_batches_cut_at_fixed_numbers(plan, no_progress, monkeypatch):
    monkeypatch.setattr(scoring, "SCORE_AT_ONCE", 8)
    waits = Waits(lambda: None, "cpu")
    few, rest = Length(), Length()
    few.device = rest.device = "cpu"
    run(with_scorer(plan, few, model=waits, limit=25), no_progress)
    run(with_scorer(plan, rest, model=waits), no_progress)
    assert [len(asked) for _, asked in few.asked] == [8, 8, 8, 1]
    left = [f"s{n}" for n in range(1, 61) if f"s{n}" not in few.answers]
    batches = [[i for i in left if (int(i[1:]) - 1) // 8 == block] for block in range(8)]
    assert [asked for _, asked in rest.asked] == [batch for batch in batches if batch]


def test_a_failed_answer_is_not_shown_to_an_overlapping_scorer(plan, no_progress):
    scorer = Length()
    result = run(with_scorer(plan, scorer, model=EchoModel(fail=["s5"])), no_progress)
    assert "s5" not in scorer.answers
    assert values(result.folder).index(None) == 4
