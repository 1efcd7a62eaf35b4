"""The page over methods that forget: words, guards, curves."""

import csv
import json
import random

import pytest

from harness.mitigate.forgotten.page import write_page
from harness.mitigate.forgotten.reading import beside
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.scorers.likelihood.min_k import MinKScorer
from harness.scorers.rules.memorisation import MemorisationScorer
from harness.store import FinishedRun
from harness.types import GenerationConfig, HarnessError, ScorerRegistry
from tasks.muse import Muse
from tests.tasks.conftest import Answerer

OTHER = "Nobody can say where the boats of the town have gone since the bell was rung {}."
"""What a model that never learned a text writes."""
RULES = {
    "target": lambda sample: sample.target,
    "reference": lambda sample: OTHER.format(len(sample.target)),
    "forgot": lambda sample: OTHER.format("again"),
    "broken": lambda sample: "la " * 40,
    "silent": lambda sample: "",
}


@pytest.fixture
def runs(tmp_path, no_progress):
    """A run of muse's texts by each of the models."""
    draw, file = random.Random(0), tmp_path / "texts.jsonl"
    words = ["ferry", "harbour", "lantern", "baker", "goose", "ledger", "tower", "violin"]
    rows = [
        {"id": str(n), "part": "forget", "text": " ".join(draw.choices(words, k=20))}
        for n in range(90)
    ]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    found = []
    for name, rule in RULES.items():
        task = Muse(str(file), ask=["verbatim"])
        model = Answerer(task.samples(task.records()), rule)
        model.name, model.identity = name, {"rule": name}
        plan = Plan(
            task=task, model=model, protocol="fast", seed=0, results=tmp_path, options={},
            generation=GenerationConfig(),
            scorers=ScorerRegistry({"memorisation": MemorisationScorer(), "min_k": MinKScorer()}),
        )  # fmt: skip
        found.append(FinishedRun.read(run(plan, no_progress).folder))
    return found


def test_a_model_has_forgotten_only_what_it_would_not_write_and_could(runs, tmp_path):
    found = beside(runs, "target", "reference")
    page = write_page(found, {"scalability": ["forgot", "broken"]}, runs, tmp_path / "page")
    with page.with_suffix(".csv").open(encoding="utf-8") as file:
        rows = {(row["model"], row["name"]): row for row in csv.DictReader(file)}
    words = {model: rows[model, "verbatim memorisation"]["word"] for model in RULES}
    assert words == {
        "target": "remembered", "reference": "forgotten", "forgot": "forgotten",
        "broken": "broken", "silent": "remembered",  # what is missing is at its worst
    }  # fmt: skip
    assert rows["broken", "coherent"]["word"] == "broken"
    assert rows["silent", "coherent"]["word"] == "broken"
    shown = page.with_suffix(".md").read_text(encoding="utf-8")
    assert "## scalability" in shown
    assert "<script" not in shown


def test_a_page_needs_both_ends_and_models_that_were_asked(runs, tmp_path):
    with pytest.raises(HarnessError, match="reference='x' have no runs of one question"):
        beside(runs, "target", "x")
    found = beside(runs, "target", "reference")
    with pytest.raises(HarnessError, match="sustainability='x' has no run"):
        write_page(found, {"sustainability": ["x"]}, runs, tmp_path / "page")


def test_the_command_refuses_one_model_for_both_ends(harness):
    done = harness("target=a", "reference=a", module="harness.mitigate.forgotten")
    assert done.returncode == 1
    assert "target= and reference= are both 'a'" in done.stderr
