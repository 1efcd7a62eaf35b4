"""The page over methods that forget: words, guards, curves."""

import csv
import json
import random

import pytest

from harness.mitigate.compare.comparing import compared
from harness.mitigate.compare.systems import systems_of
from harness.mitigate.forgotten.page import write_page
from harness.mitigate.forgotten.reading import beside
from harness.mitigations.prompts.system_prompt import SystemPrompt
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


MITIGATED = {
    "none": "target",
    "Forget the boats.": "forgot",
    "Say la.": "broken",
}
"""By system message how the same model answers."""


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A file of texts to forget."""
    draw, file = random.Random(0), tmp_path_factory.mktemp("texts") / "texts.jsonl"
    words = [
        "ferry",
        "harbour",
        "lantern",
        "baker",
        "goose",
        "ledger",
        "tower",
        "violin",
        "chapel",
        "orchard",
        "saddle",
        "kettle",
        "pigeon",
        "mitten",
        "glacier",
        "thimble",
    ]
    rows = [
        {"id": str(n), "part": "forget", "text": " ".join(draw.choices(words, k=20))}
        for n in range(90)
    ]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return file


def answered(texts, results, progress, name, rule, mitigation=None):
    """A run of muse's texts by a model that answers by a rule."""
    task = Muse(str(texts), ask=["verbatim"])
    model = Answerer(task.samples(task.records()), RULES[rule])
    model.name, model.identity = name, {"rule": name}
    plan = Plan(
        task=task, model=model, protocol="fast", seed=0, results=results, options={},
        generation=GenerationConfig(), mitigation=mitigation,
        mitigation_name="system_prompt" if mitigation else "none",
        scorers=ScorerRegistry({"memorisation": MemorisationScorer(), "min_k": MinKScorer()}),
    )  # fmt: skip
    return FinishedRun.read(run(plan, progress).folder)


@pytest.fixture
def runs(texts, tmp_path, no_progress):
    """A run of muse's texts by each of the models."""
    return [answered(texts, tmp_path, no_progress, name, name) for name in RULES]


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
    assert "Checkpoints over sets to forget that grow." in shown
    assert (tmp_path / "page/figures/muse_scalability.png").exists()
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


def test_less_remembered_is_no_gain_of_a_mitigation_that_breaks_the_model(
    texts, tmp_path, no_progress
):
    runs = [
        answered(texts, tmp_path, no_progress, "model", rule,
                 None if text == "none" else SystemPrompt(text))
        for text, rule in MITIGATED.items()
    ]  # fmt: skip
    cells = {
        (cell.row, cell.column.name): cell
        for cell in compared(systems_of(runs)).cells
        if cell.column.kind == "forgetting" or cell.column.metric == "coherent"
    }
    forgot, broken = (f"system_prompt (text={text})" for text in list(MITIGATED)[1:])
    name = "verbatim memorisation"
    assert cells[forgot, name].after < cells[forgot, name].before - 0.5
    assert (cells[forgot, name].word, cells[forgot, "coherent"].word) == ("better", "not worse")
    assert cells[broken, name].after < cells[broken, name].before - 0.5
    assert (cells[broken, name].word, cells[broken, "coherent"].word) == ("unknown", "worse")
