import numpy as np
import pytest

from harness.runs.index import Answer, StoredGenerations, scores_of, stored_scores
from harness.runs.samples import look_over
from harness.store.folder import RunStore
from harness.store.rows import generation_rows
from harness.types.measures import Direction, Metric
from harness.types.records import Generation, Records, Sample, Score
from harness.types.registry import ScorerRegistry


class Letters:
    """Three samples: a, b, c."""

    name = "letters"
    version = "1"
    estimands = ()

    def records(self):
        return Records("given", [{}])

    def samples(self, records):
        return (Sample(letter, f"say {letter}") for letter in "abc")


class Two:
    """Gives two metrics."""

    metrics = {m: Metric(0.0, 1.0, Direction.LOWER) for m in ("first", "second")}  # noqa: RUF012

    def __init__(self, version="1"):
        self.identity = {"version": version}


@pytest.fixture
def store(tmp_path) -> RunStore:
    return RunStore(tmp_path)


SAMPLES = look_over(Letters(), Letters().records())
SCORERS = ScorerRegistry({"two": Two()})


def generations(store, n=1) -> StoredGenerations:
    return StoredGenerations(RunStore(store.folder), SAMPLES, n)


def scores(store, retry_failed=False, scorers=SCORERS):
    return stored_scores(generations(store), scorers, retry_failed)["two"]


def answer(number: int, text: str | None = "fine", n: int = 1) -> Answer:
    sample = Sample("abc"[number // n], f"say {'abc'[number // n]}")
    if text is None:
        return Answer.of(number, sample, Generation.failed(sample.id, number % n, "no memory"))
    return Answer.of(number, sample, Generation(sample.id, number % n, text, "length", 2, 3))


def both(first: float | None, second: float | None) -> list[Score]:
    return [
        Score.missing(name, "no verdict") if value is None else Score(name, value)
        for name, value in (("first", first), ("second", second))
    ]


def test_generations_are_found_again_wherever_they_are_stored(store):
    written = generations(store, 2)
    written.append([answer(5, "six", 2), answer(0, "one", 2)])
    written.append([answer(2, None, 2)])
    for found in (written, generations(store, 2)):
        assert found.todo(retry_failed=False).tolist() == [
            [False, True], [False, True], [True, False],
        ]  # fmt: skip
        assert found.todo(retry_failed=True)[1].tolist() == [True, True]
        assert [g.text for g in found.read(np.array([0, 5, 2]))] == ["one", "six", None]
        assert found.counts() == {
            "generations": 6, "generations_failed": 1, "generations_cut": 2, "tokens": 6,
        "generations_filtered": 0, "generations_empty": 0,
        }  # fmt: skip


def test_of_a_generation_stored_twice_the_later_counts(store):
    generations(store).append([answer(1, None), answer(0)])
    generations(store).append([answer(1, "again")])
    found = generations(store)
    assert [g.text for g in found.read(np.array([0, 1]))] == ["fine", "again"]
    assert found.counts()["generations_failed"] == 0


def test_generations_of_other_samples_and_indices_are_left_alone(store):
    strange = [Generation("z", 0, "x"), Generation("a", 1, "x"), Generation("b", 0, "mine")]
    store.append("generations", generation_rows(strange))
    found = generations(store)
    assert found.todo(retry_failed=False).ravel().tolist() == [True, False, True]
    assert [g.text for g in found.read(np.array([1]))] == ["mine"]


def test_scores_are_found_again_and_come_in_the_order_of_their_generations(store):
    answers = [answer(n) for n in range(3)]
    generations(store).append(answers)
    written = scores(store)
    written.append([(answers[2], both(0.2, 1.0)), (answers[0], both(0.0, None))])
    for found in (written, scores(store)):
        assert found.todo().tolist() == [False, True, False]
        assert [found.lacks(a) for a in answers] == [False, True, False]
        table, present = scores_of([found], 0, 3)
        assert table["value"].to_pylist() == [0.0, None, 0.2, 1.0]
        assert present.tolist() == [[True, True], [False, False], [True, True]]


def test_an_answer_that_was_made_again_is_scored_again(store):
    generations(store).append([answer(0, "lost")])
    scores(store).append([(answer(0, "lost"), both(0.1, 0.1))])
    generations(store).append([answer(0, "new")])
    found = scores(store)
    assert found.todo()[0]
    assert found.lacks(answer(0, "new"))
    found.append([(answer(0, "new"), both(0.9, 0.9))])
    # Whatever order they were written in, the scores of the answer as it is count.
    scores(store).append([(answer(0, "lost"), both(0.1, 0.1))])
    table, _ = scores_of([scores(store)], 0, 1)
    assert table["value"].to_pylist() == [0.9, 0.9]


def test_scores_whose_answer_was_lost_count_again_when_it_is_made_again(store):
    scores(store).append([(answer(0), both(0.1, 0.2))])
    assert not scores(store).lacks(answer(0))
    generations(store).append([answer(0)])
    assert scores(store).todo().tolist() == [False, True, True]


def test_scores_of_another_scorer_are_not_this_ones(store):
    generations(store).append([answer(0)])
    scores(store).append([(answer(0), both(0.1, 0.2))])
    assert scores(store, scorers=ScorerRegistry({"two": Two("2")})).todo()[0]


@pytest.mark.parametrize("missing", [(None, 0.5), (0.5, None), (None, None)])
def test_an_answer_of_which_any_score_failed_is_scored_again_where_that_is_asked_for(
    store, missing
):
    generations(store).append([answer(0)])
    scores(store).append([(answer(0), both(*missing))])
    assert not scores(store).todo()[0]
    assert scores(store, retry_failed=True).todo()[0]
    scores(store).append([(answer(0), both(0.5, 0.5))])
    assert not scores(store, retry_failed=True).todo()[0]
    table, _ = scores_of([scores(store)], 0, 1)
    assert table["value"].to_pylist() == [0.5, 0.5]
