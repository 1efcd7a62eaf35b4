"""Mitigations of one model beside each other: the page, its words, and what it leaves out."""

import csv
import hashlib
import json
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pytest

from harness.mitigate.compare import trade
from harness.mitigate.compare.cells import Cell, Chances, Column, worded
from harness.mitigate.compare.comparing import compared
from harness.mitigate.compare.page import as_markdown, write_page
from harness.mitigate.compare.systems import systems_of
from harness.mitigations.answers.guard import Guard
from harness.mitigations.prompts.system_prompt import SystemPrompt
from harness.models.echo import EchoModel
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.scorers.likelihood.text_likelihood import TextLikelihoodScorer
from harness.statistics import Paired
from harness.store import read_runs
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Metric
from harness.types.records import Score
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig
from tasks.neutral_text import NeutralText
from tasks.real_toxicity_prompts import RealToxicityPrompts

GUARDED = 0.45


class Toxic:
    """A number of each text's own, from 0 to 1; a refusal has none."""

    metrics = MappingProxyType({"toxicity": Metric(0.0, 1.0, Direction.LOWER)})
    identity = MappingProxyType({"scorer": "toxic"})

    def score(self, samples, generations):
        return [[Score("toxicity", self.value(g.text))] for g in generations]

    def value(self, text):
        if text.startswith("No"):
            return 0.0
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:2]) / 65_536


@dataclass(frozen=True)
class Tagged:
    """Puts a word behind each answer, so that each draw has a number of its own."""

    model: EchoModel
    name: str = "tagged"
    weighs_choices: bool = True

    @property
    def identity(self):
        return {"model": self.name}

    def generate(self, requests, generation, seed):
        for answers in self.model.generate(requests, generation, seed):
            yield [a if a.text is None else replace(a, text=f"{a.text} {a.index}")
                   for a in answers]  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Runs of a model as it is, behind two guards and a prompt, on two tasks."""
    from contextlib import contextmanager

    @contextmanager
    def quiet(what, total):
        yield lambda done: None

    folder = tmp_path_factory.mktemp("results")
    toxicity = RealToxicityPrompts(n=2)
    made = {
        "none": None,
        "guard": Guard(Toxic(), GUARDED, refusal="No."),
        "strict": Guard(Toxic(), 0.05, refusal="No."),
        "system_prompt": SystemPrompt("Be kind."),
    }
    for task, scorers in (
        (toxicity, {"toxic": Toxic()}),
        (NeutralText(), {"text_likelihood": TextLikelihoodScorer()}),
    ):
        for name, mitigation in made.items():
            if task is toxicity or name in ("none", "system_prompt"):
                plan = Plan(
                    task=task, model=Tagged(EchoModel()), scorers=ScorerRegistry(scorers),
                    generation=GenerationConfig(n=2 if task is toxicity else 1),
                    protocol="fast", seed=0, results=folder, options={}, mitigation=mitigation,
                    mitigation_name="guard" if name == "strict" else name,
                )  # fmt: skip
                run(plan, quiet)
    return folder


@pytest.fixture(scope="module")
def page(results):
    return compared(systems_of(read_runs(results)[0]))


def cell(found, row, name):
    return next(c for c in found.cells if c.row == row and c.column.name == name)


def test_a_guard_that_replaces_is_safer_by_its_exact_difference(page, results):
    found = cell(page, f"guard (threshold={GUARDED})", "toxicity probability")
    assert (found.word, found.after) == ("safer", 0.0)
    assert found.difference == pytest.approx(-found.before)
    assert found.interval[0] < found.difference < found.interval[1] < 0
    assert found.worse.method == "McNemar exact, Tango score"
    assert found.own_scorer
    assert not cell(page, "system_prompt", "toxicity probability").own_scorer


def test_a_row_is_a_mitigation_at_a_strength_and_the_base_is_no_row(page):
    names = [system.name for system in page.systems.rows]
    assert names == ["guard (threshold=0.05)", f"guard (threshold={GUARDED})", "system_prompt"]
    assert page.systems.base.name == "none"


def test_distinct_n_grams_are_compared_prompt_by_prompt(page):
    found = cell(page, "guard (threshold=0.05)", "distinct-2")
    assert found.column.better is Direction.HIGHER
    assert found.word == "worse"  # refusals are all alike
    assert found.difference < 0


def test_what_a_mitigation_was_not_made_for_stands_as_a_side_effect(page):
    sides = {one.row: one for one in page.sides}["guard (threshold=0.05)"]
    assert {c.column.kind for c in sides.cells} == {"diversity"}
    assert [c.column.name for c in sides.with_word("worse")][:1] == ["distinct-2"]
    assert sides.entanglement > 1  # more than a margin


def test_tph_needs_neutral_text_and_says_so(page):
    tphs = {tph.row: tph for tph in page.tphs}
    assert tphs["guard (threshold=0.05)"].reason == "run task=neutral_text"
    plain = tphs["system_prompt"]
    assert plain.toxic is not None
    assert plain.perplexity is not None


def test_tph_is_none_where_a_filter_makes_texts_impossible(monkeypatch):
    toxic = np.array([0.5, 1.0]), np.array([0.0, 0.5])
    for losses, reason in (
        ([4.0, np.nan], "1 of 2 neutral texts have no value"),
        ([np.nan, np.nan], "2 of 2 neutral texts have no value"),
    ):
        neutral = np.array([3.0, 3.0]), np.array(losses)
        monkeypatch.setattr(trade, "_toxic", lambda pair: toxic)
        monkeypatch.setattr(trade, "_neutral", lambda pair, sides=neutral: sides)
        found = trade.tph_of("a", [None])
        assert (found.value, found.reason) == (None, reason)


def test_the_best_of_many_is_chosen_by_one_half_and_measured_on_the_other(page):
    best = next(b for b in page.bests if b.column.name == "expected maximum toxicity")
    assert best.among == 3
    assert best.chosen.row == best.again.row == best.whole.row == "guard (threshold=0.05)"
    pairs = best.whole.worse.pairs
    assert best.chosen.worse.pairs + best.again.worse.pairs == pairs
    assert abs(best.chosen.worse.pairs - best.again.worse.pairs) <= 1
    assert best.shrunk > best.whole.difference  # drawn towards the others


def test_costs_count_calls_and_the_model_as_it_is_has_rate_one(page):
    costs = {one.row: one for one in page.costs}
    assert costs["none"].rate == pytest.approx(1.0)
    assert costs["guard (threshold=0.05)"].calls == 1.0
    assert costs["none"].peak_bytes > 0


def test_the_page_is_markdown_a_tidy_table_html_and_figures(page, tmp_path):
    written = write_page(page, tmp_path)
    assert written.read_text().count("<table") >= 4
    assert "<strong>safer</strong>\u2020" in written.read_text()
    assert "(the same in each of " in written.read_text()
    assert "<script src" not in written.read_text()
    text = (tmp_path / "mitigations.md").read_text()
    assert "**safer**\u2020" in text
    assert "**unknown**" not in text
    assert "-0.000" not in text
    assert "harm of all: python -m harness task=med\\_harm" in text
    assert "system\\_prompt: not known; tuned\\_on.NAME= says it" in text
    rows = list(csv.DictReader((tmp_path / "mitigations.csv").read_text().splitlines()))
    assert len(rows) == len(page.cells)
    assert {row["word"] for row in rows} <= {"safer", "better", "not worse", "worse", "unknown"}
    assert rows[0]["family"] == str(len(rows))
    figures = sorted(path.name for path in (tmp_path / "figures").glob("*.png"))
    assert figures == ["expected_maximum_toxicity_against_perplexity_of_neutral_text.png"]


def test_the_order_of_runs_changes_nothing(results, page):
    again = compared(systems_of(read_runs(results)[0][::-1]))
    assert as_markdown(again, ()) == as_markdown(page, ())


def paired(difference):
    return Paired(difference, 0.1, difference - 0.2, difference + 0.2, 0.5, 0.5, "t", 9, 9, 9)


def cells_with(*chances, kind="harm"):
    return [
        Cell("m", Column(kind, "t", str(n), Direction.LOWER, "m", "s", 0.1, 1.0), 0.5, 0.4,
             paired(-0.1), each, (0, 0))
        for n, each in enumerate(chances)
    ]  # fmt: skip


NOTHING = Chances(0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("chances", "kind", "word"),
    [
        (Chances(0.99, 0.001, 0.5), "harm", "safer"),
        (Chances(0.99, 0.001, 0.5), "accuracy", "better"),
        (Chances(0.001, 0.99, 0.5), "harm", "worse"),
        (Chances(0.001, 0.99, 0.001), "harm", "not worse"),
        (Chances(0.5, 0.5, 0.001), "harm", "not worse"),
        (NOTHING, "harm", "unknown"),
    ],
)
def test_a_cell_s_word_follows_from_its_three_chances(chances, kind, word):
    assert worded(cells_with(chances, kind=kind))[0].word == word


def test_a_word_that_holds_alone_may_not_hold_among_many():
    lone = Chances(0.99, 0.01, 0.5)
    assert worded(cells_with(lone))[0].word == "safer"
    assert worded(cells_with(lone, *[NOTHING] * 4))[0].word == "unknown"
    surely = Chances(0.5, 0.5, 0.02)
    assert worded(cells_with(surely))[0].word == "not worse"
    assert worded(cells_with(surely, NOTHING))[0].word == "unknown"


def test_without_a_difference_nothing_is_said():
    nothing = replace(paired(0.0), difference=None)
    lost = replace(cells_with(Chances(0.0, 0.0, 0.0))[0], worse=nothing)
    assert worded([lost])[0].word == "unknown"


def test_of_several_models_the_one_as_it_is_must_be_named(write_run, tmp_path):
    values = np.linspace(0, 1, 20)
    for model in ("a", "b"):
        write_run(tmp_path, model, values)
    runs, _ = read_runs(tmp_path)
    with pytest.raises(HarnessError, match=r"are of several models \(a, b\); name the one"):
        systems_of(runs)
    systems = systems_of(runs, "a")
    assert [one.reason for one in systems.left_out] == ["is of b, not of a"]
    with pytest.raises(HarnessError, match=r"no mitigated run has a counterpart"):
        compared(systems)
    with pytest.raises(HarnessError, match=r"base='c': no run .* there are a, b"):
        systems_of(runs, "c")


def test_an_edited_checkpoint_is_a_row_of_its_base_and_says_what_it_was_fitted_on(
    write_run, tmp_path
):
    edited = tmp_path / "edited"
    edited.mkdir()
    card = {"method": "model_surgery", "options": {"alpha": 2}, "base_weights": "base",
            "data": ["ours"], "texts": 48, "data_sha256": "c" * 64}  # fmt: skip
    lines = (f"{key}: {json.dumps(value)}\n" for key, value in card.items())
    (edited / "mitigation.yaml").write_text("".join(lines))
    write_run(tmp_path, "base", np.linspace(0, 1, 20))
    write_run(tmp_path, str(edited), np.linspace(0, 1, 20), name="edited-0")
    runs, _ = read_runs(tmp_path)
    base = next(one for one in runs if one.info.model == "base")
    row = systems_of([replace(base, info=replace(base.info)), *runs], "base").rows[0]
    assert row.name == "model_surgery"
    assert row.tuned_on == "fitted on 48 texts of ours (SHA-256 cccccccc)"


def test_aims_and_splits_may_be_said_on_the_command_line(results):
    runs, _ = read_runs(results)
    rows = systems_of(runs, None, {"guard": ["harm"]}, {"system_prompt": "200 prompts"}).rows
    assert rows[0].made_for == ("harm",)
    assert rows[2].tuned_on == "200 prompts"


def test_an_unknown_convention_is_answered_with_those_that_there_are(results):
    with pytest.raises(HarnessError, match="distinct='us' is not one of dexperts, li, ngrams"):
        compared(systems_of(read_runs(results)[0]), "us")


def test_the_command_writes_the_page(results, tmp_path, harness):
    options = [f"results={results}", f"to={tmp_path}", "tuned_on.guard=200 other prompts"]
    done = harness(*options, module="harness.mitigate.compare")
    assert done.returncode == 0, done.stderr
    assert "tagged under 3 mitigations: " in done.stdout
    assert "200 other prompts" in (tmp_path / "mitigations.md").read_text()
    done = harness(*options, "made_for.guard=[speed]", module="harness.mitigate.compare")
    assert "made_for.guard: 'speed' is not one of harm, toxicity" in done.stderr
