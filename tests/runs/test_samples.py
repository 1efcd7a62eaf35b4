import hashlib
import json

import numpy as np
import pyarrow as pa
import pytest

from harness.runs import samples as module
from harness.runs.samples import look_over
from harness.store.tables import samples_table
from harness.types.errors import HarnessError
from harness.types.identity import fingerprint
from harness.types.records import Message, Records, Sample


class Given:
    """A task that yields these samples."""

    name = "given"
    version = "1"
    estimands = ()

    def __init__(self, samples):
        self.given = samples

    def records(self):
        return Records("given", [{}])

    def samples(self, records):
        yield from self.given


def look(samples, fields=()):
    task = Given(samples)
    return look_over(task, task.records(), fields)


def walk(samples):
    return [sample.id for _, window in samples.windows() for sample in window]


TEN = [
    Sample(f"s{n}", "word " * n, cluster=f"c{n // 4}", metadata={"n": n, "odd": n % 2 == 1})
    for n in range(10)
]


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ([], "yielded no samples"),
        ([Sample("a", "x"), Sample("a", "y")], "two samples with id 'a'"),
        ([Sample("a", "x", choices=("b", ""))], "an empty choice"),
        ([Sample("a", "x\ud800")], r"lone surrogate \(U\+D800"),
        ([Sample("a", (Message("user", "x\ud800"),))], r"lone surrogate \(U\+D800"),
    ],
)
def test_samples_that_cannot_be_run_are_refused_before_the_model_is_asked(samples, said):
    with pytest.raises(HarnessError, match=said):
        look(samples)


def test_samples_are_named_by_digests_of_all_that_they_ask_and_of_their_groups():
    samples = [*TEN, Sample("chat", (Message("user", "é"),), "t", ("a", "b"))]
    found = look(samples)
    asked = "\n".join(repr((s.id, s.prompt, s.target, s.choices)) for s in samples)
    assert found.digest == hashlib.sha256(asked.encode()).hexdigest()
    groups = [(s.id, s.cluster, sorted(s.metadata.items())) for s in samples]
    assert found.groups == fingerprint({"groups": groups})


def test_a_limit_draws_by_the_digests_of_ids_and_keeps_the_tasks_order():
    samples = look(TEN, {"n"})
    drawn = sorted(TEN, key=lambda s: hashlib.sha256(s.id.encode()).digest())
    for limit in (1, 4, 7):
        chosen = samples.choose(limit)
        assert walk(chosen) == [s.id for s in TEN if s in drawn[:limit]]
        numbers = [chosen.facts.fields["n"].values[c] for c in chosen.facts.fields["n"].codes]
        assert walk(chosen) == [f"s{n}" for n in numbers]
    assert samples.choose(None) is samples.choose(10) is samples


def test_windows_are_cut_at_fixed_numbers(monkeypatch):
    monkeypatch.setattr(module, "WINDOW", 4)
    windows = [(first, len(window)) for first, window in look(TEN).windows()]
    assert windows == [(0, 4), (4, 4), (8, 2)]


@pytest.mark.parametrize(
    "changed", [Sample("s3", "other"), Sample("s3", "word " * 3, "target"), Sample("s33", "word ")]
)
def test_a_task_that_yields_other_samples_the_second_time_is_refused(changed):
    samples = look(TEN)
    samples.task.given = [*TEN[:3], changed, *TEN[4:]]
    with pytest.raises(HarnessError, match="does not yield the same samples each time"):
        walk(samples)


def test_a_task_that_yields_fewer_samples_the_second_time_is_refused():
    samples = look(TEN)
    samples.task.given = TEN[:-1]
    with pytest.raises(HarnessError, match="does not yield the same samples each time"):
        walk(samples)


def test_ids_are_found_by_number_and_strange_ones_are_not():
    samples = look(TEN).choose(7)
    ids = walk(samples)
    asked = pa.chunked_array([[ids[5], "nobody"], [ids[0], ids[5]]])
    assert samples.numbers(asked).tolist() == [5, -1, 0, 5]


def test_facts_are_what_estimates_ask_of_samples():
    facts = look([*TEN, Sample("alone", "x")], {"odd"}).facts
    odd = facts.fields["odd"]
    assert [odd.values[code] for code in odd.codes] == [n % 2 == 1 for n in range(10)] + [None]
    _, clusters = np.unique(facts.clusters, return_inverse=True)
    assert len(set(clusters)) == 4
    assert len(set(clusters[:4])) == len(set(clusters[4:8])) == 1


def test_equal_values_of_other_types_are_other_groups():
    samples = [Sample(str(i), "x", metadata={"v": v}) for i, v in enumerate((1, True, 1.0, "1"))]
    assert look(samples, {"v"}).facts.fields["v"].codes.tolist() == [0, 1, 2, 3]


def test_the_examples_have_the_columns_and_types_of_all():
    odd = [
        Sample("a", "x", metadata={"n": 1}),
        Sample("b", "x", metadata={"n": 2, "late": None}),
        Sample("c", "x", "target", metadata={"late": "yes"}),
        Sample("d", "x", metadata={"n": 2.5}),
        Sample("e", "x", metadata={"n": 3}),
    ]
    found = look(odd)
    assert [s.id for s in found.examples] == ["a", "b", "c", "d"]
    schema = samples_table(found.examples).schema
    assert schema.equals(samples_table(odd).schema)
    first = samples_table(odd[:1], schema)
    assert json.loads(json.dumps(first.to_pylist())) == [
        {
            "sample_id": "a",
            "cluster": "a",
            "prompt": "x",
            "messages": None,
            "target": None,
            "n": 1.0,
            "late": None,
        }
    ]


def test_metadata_named_like_a_column_of_ours_gets_a_name_of_its_own():
    table = samples_table([Sample("a", "x", metadata={"prompt_": 1, "prompt": 2})])
    assert table.select(["prompt", "prompt_", "prompt__"]).to_pylist() == [
        {"prompt": "x", "prompt_": 2, "prompt__": 1}
    ]


def test_a_limit_of_a_task_with_whole_clusters_is_of_clusters():
    grid = [Sample(f"s{i}-{j}", "p", cluster=f"c{i}") for i in range(6) for j in range(3)]
    samples = look(grid)
    samples.task.whole_clusters = True
    for limit in (1, 4):
        kept = walk(samples.choose(limit))
        assert len(kept) == 3 * limit
        assert len({name.split("-")[0] for name in kept}) == limit
        assert set(walk(samples.choose(limit))) <= set(walk(samples.choose(limit + 1)))
    assert samples.choose(6) is samples


class Talks:
    """Yields what it is given, as turns of dialogues."""

    name, version, whole_clusters = "talks", "1", True
    estimands = ()

    def __init__(self, *turns):
        self.turns = turns

    def records(self):
        return Records("starter", [{}])

    def samples(self, records):
        yield from (Sample(i, "Hm?", cluster=c, after=after) for i, c, after in self.turns)

    def next_turn(self, sample, answers):
        return sample


@pytest.mark.parametrize(
    "turns",
    [
        [("a", "x", None), ("b", "x", "c")],
        [("a", "x", None), ("b", "y", "a")],
        [("b", "x", "a")],
        [("a", "x", None), ("b", "x", "a"), ("c", "x", "a")],
    ],
)
def test_a_turn_comes_after_the_sample_before_it_in_its_cluster(turns):
    with pytest.raises(HarnessError, match="which is not the sample before it"):
        look_over(Talks(*turns))


def test_a_task_of_dialogues_says_what_is_asked_next_and_is_cut_by_clusters(monkeypatch):
    turns = Talks(("a", "x", None), ("b", "x", "a"))
    digest = look_over(turns).digest
    assert digest != look_over(Talks(("a", "x", None), ("b", "x", None))).digest
    turns.whole_clusters = False
    with pytest.raises(HarnessError, match="needs next_turn and whole_clusters=True"):
        look_over(turns)
    turns.whole_clusters = True
    monkeypatch.delattr(Talks, "next_turn")
    with pytest.raises(HarnessError, match="needs next_turn and whole_clusters=True"):
        look_over(turns)
