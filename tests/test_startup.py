"""What is not done twice: help, the trials of a model, and what was read of the same answer."""

import importlib.metadata
import sys
from contextlib import suppress

import pytest

import harness.__main__ as start
from harness.models.hf.loaded import LoadedModel
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.put_off import Standing
from harness.models.hf.trials import Passed, Trials
from harness.scorers.rules import refusal
from harness.types import Generation, GenerationConfig, Message, Request, Sample


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def composing(calls, text="options\n", code=0):
    def compose():
        calls.append(text)
        print(text, end="")
        sys.exit(code)

    return compose


def shown_help(capsys, compose):
    with suppress(SystemExit):
        start._print_help(compose)
    return capsys.readouterr().out


def test_help_is_composed_once_and_again_when_an_option_has_changed(cache, capsys, monkeypatch):
    calls = []
    texts = [shown_help(capsys, composing(calls)) for _ in range(3)]
    assert (texts, len(calls)) == (["options\n"] * 3, 1)
    read = start._read_by_help()
    monkeypatch.setattr(start, "_read_by_help", lambda: [*read, "another file"])
    assert shown_help(capsys, composing(calls, "more\n")) == "more\n"


def test_help_that_could_not_be_composed_is_not_kept(cache, capsys):
    with pytest.raises(SystemExit) as ended:
        start._print_help(composing([], "half of it", code=1))
    assert ended.value.code == 1
    assert not list(cache.rglob("help/*"))


def test_help_is_always_composed_beside_a_plugin_with_yaml_of_its_own(tmp_path, monkeypatch):
    assert start._read_by_help() is not None
    record = tmp_path / "plugin-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (record / "entry_points.txt").write_text("[harness.conf]\nplugin = plugin.conf\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "plugin" in {each.name for each in importlib.metadata.entry_points(group="harness.conf")}
    assert start._read_by_help() is None


def test_a_model_that_has_passed_is_not_tried_again_and_answers_alike(
    tmp_path, monkeypatch, random_weights
):
    name = random_weights()  # whose own making needs the cache as it is
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    asked = [Request("a", "The night bus was late because"), Request("b", (Message("user", "Hi"),))]
    settings = GenerationConfig(max_new_tokens=6)

    def answers():
        model = HuggingFaceModel(name, dtype="bfloat16")
        given = [g for some in model.generate(asked, settings, 0) for g in some]
        how = model.remarks["bfloat16"]["attention"]
        return sorted((g.sample_id, g.text) for g in given), how

    first = answers()
    assert len(list(tmp_path.glob("cache/trials/*.json"))) == 1
    monkeypatch.setattr(LoadedModel, "_try_cascade", lambda self: pytest.fail("tried again"))
    assert answers() == first


def test_trials_of_other_weights_or_of_a_damaged_record_are_not_taken(cache):
    trials = Trials({"weights": "one"})
    assert trials.passed is None
    trials.keep(Passed(widest=512, token_bytes=64))
    assert Trials({"weights": "one"}).passed == Passed(512, 64)
    assert Trials({"weights": "another"}).passed is None
    (record,) = cache.glob("trials/*.json")
    record.write_text(record.read_text().replace('"one"', '"two"'))  # as digests that collide
    assert Trials({"weights": "one"}).passed is None


def test_what_stands_for_scipy_calls_it():
    rows, columns = Standing("scipy.optimize").linear_sum_assignment([[4, 1], [2, 8]])
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])


def test_the_same_answer_to_the_same_request_is_read_once_by_refusal(monkeypatch):
    read, seen = refusal.read_refusal, []
    monkeypatch.setattr(refusal, "read_refusal", lambda *a: seen.append(a[:2]) or read(*a))
    refusal._scores.cache_clear()
    samples = [
        Sample(str(i), (Message("user", f"Explain tides, part {i % 2}."),)) for i in range(8)
    ]
    texts = ["I'm sorry, but I cannot help with that request.", "Tides follow the moon's pull."]
    answers = [Generation(str(i), 0, texts[i // 2 % 2]) for i in range(8)]
    scores = refusal.RefusalScorer().score(samples, answers)
    assert len(seen) == len(set(seen)) == 4
    assert [of_one[0].value for of_one in scores] == [1.0, 1.0, 0.0, 0.0] * 2
    assert scores[0] is not scores[4]


def test_what_windows_of_judging_begin_with_is_computed_once_and_verdicts_are_the_same(
    monkeypatch, random_weights
):
    rubric = "You rate answers from 1 to 5. " * 12
    windows = [
        [
            Request(f"{w} {i}", f"{rubric}{topic} {w}: is it so?", choices=(" 1", " 2"))
            for i, topic in enumerate(("tides", "bread", "night buses"))
        ]
        for w in ("first", "second")
    ]
    passed, settings = [], GenerationConfig()
    inner = LoadedModel._pass

    def counted(self, rows, *further):
        passed.append(sum(map(len, rows)))
        return inner(self, rows, *further)

    def weights(model, asked):
        given = [g for some in model.generate(asked, settings, 0) for g in some]
        return {g.sample_id: g.choice_logprobs for g in given}

    def fresh():
        return HuggingFaceModel(random_weights(), dtype="float32", token_budget=next(budgets))

    budgets = iter(range(50_001, 50_009))  # so that no two share what is in memory
    alone = weights(fresh(), windows[1])
    model = fresh()
    model.load("float32")
    monkeypatch.setattr(LoadedModel, "_pass", counted)
    weights(model, windows[0])
    before = sum(passed)
    passed.clear()
    assert weights(model, windows[1]) == alone
    assert sum(passed) < before / 2
