"""A run keeps what was asked, and what a template added to it stands where a person looks."""

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pyarrow.parquet as pq
import pytest

from harness.bridges.files.answers import of_file
from harness.mitigations.prompts.system_prompt import SystemPrompt
from harness.models.echo import EchoModel
from harness.models.hf.model import HuggingFaceModel
from harness.report.console import print_run
from harness.report.page import write_report
from harness.runs.flow import run
from harness.runs.plan import Plan
from harness.score.answers import AnswersTask, StoredModel
from harness.scorers.rules.refusal import RefusalScorer
from harness.statistics.means import Mean
from harness.store import FinishedRun
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Estimand, Metric
from harness.types.records import Message, Records, Sample, Score
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig

TURNS = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
ASSISTANT = "{% if add_generation_prompt %}<|assistant|>{% endif %}"
VENDOR = "{% if messages[0].role != 'system' %}<|system|>You are Clever.<|end|>{% endif %}"
DATED = "<|system|>{{ strftime_now('%d %b %Y') }}<|end|>"
SAID = "I cannot help with that request."


class Questions:
    """Three questions of one turn each."""

    name = "questions"
    version = "1"
    estimands = (Estimand("length", "length", Mean()),)

    def records(self):
        return Records("starter", [{"n": n} for n in range(3)])

    def samples(self, records):
        for row in records.rows:
            yield Sample(f"s{row['n']}", (Message("user", f"Question {row['n']}?"),))


class Length:
    """Counts words, up to ten."""

    metrics = MappingProxyType({"length": Metric(0.0, 10.0, Direction.LOWER)})
    identity = MappingProxyType({"version": "1"})

    def score(self, samples, generations):
        return [[Score("length", float(len(g.text.split())))] for g in generations]


@pytest.fixture
def plan(tmp_path) -> Plan:
    return Plan(
        task=Questions(),
        model=EchoModel(),
        scorers=ScorerRegistry({"length": Length()}),
        generation=GenerationConfig(max_new_tokens=4),
        protocol="fast",
        seed=0,
        results=tmp_path / "results",
        options={},
    )


@pytest.fixture
def model(tiny_checkpoint):
    """A checkpoint with a template, as a model."""

    def make(template, **options):
        steps = ["<|assistant|>", SAID, "</s>"]
        return HuggingFaceModel(
            str(tiny_checkpoint(steps, template=template + ASSISTANT, words=[SAID])), **options
        )

    return make


def test_a_run_keeps_its_first_prompt_and_tells_of_the_vendor_s_text(
    plan, model, no_progress, capsys
):
    result = run(replace(plan, model=model(VENDOR + TURNS)), no_progress)
    first = json.loads((result.folder / "run.json").read_text())["first_prompt"]
    assert first["sample"] == "s0"
    assert first["text"] == (
        "<|system|>You are Clever.<|end|><|user|>Question 0?<|end|><|assistant|>"
    )
    assert len(first["sha256"]) == 64
    assert (first["vendor_text"], first["vendor_stands"]) == ("You are Clever.", "alone")
    print_run(FinishedRun.read(result.folder))
    note = "note: The chat template's own system text stands in every prompt"
    assert note in capsys.readouterr().out
    page = write_report(result.folder).read_text()
    assert "&lt;|system|&gt;You are Clever." in page
    assert "own system text stands in every prompt" in page


@pytest.mark.parametrize(("keep", "stands"), [(False, "gone"), (True, "before")])
def test_a_system_prompt_takes_the_vendor_s_place_or_stands_after_it(
    plan, model, no_progress, keep, stands
):
    mitigation = SystemPrompt("Careful.", keep=keep)
    asked = replace(plan, model=model(VENDOR + TURNS), mitigation=mitigation)
    info = run(asked, no_progress).info
    assert info["first_prompt"]["vendor_stands"] == stands
    kept = "You are Clever.\n\n" if keep else ""
    assert info["first_prompt"]["text"].startswith(f"<|system|>{kept}Careful.<|end|><|user|>")
    assert ("mitigation.keep=true" in info["notes"][0]) is (not keep)


def test_a_backend_that_renders_nothing_here_cannot_keep_a_vendor_s_text(plan, no_progress):
    asked = replace(plan, mitigation=SystemPrompt("Careful.", keep=True))
    with pytest.raises(HarnessError, match=r"mitigation\.keep=true: the prompts of model='echo'"):
        run(asked, no_progress)


def test_where_prompts_are_rendered_elsewhere_the_messages_are_kept(plan, no_progress):
    result = run(plan, no_progress)
    assert result.info["first_prompt"] == {
        "sample": "s0",
        "messages": [{"role": "user", "content": "Question 0?"}],
        "rendered": "by the server or backend",
    }
    assert "rendered by the server or backend" in write_report(result.folder).read_text()


def test_a_long_prompt_is_kept_in_part(plan, no_progress):
    class Long(Questions):
        def samples(self, records):
            yield Sample("s", "a" * 30_001)

    first = run(replace(plan, task=Long()), no_progress).info["first_prompt"]
    assert first["text"] == "a" * 20_000
    assert first["characters"] == 30_001


def test_a_day_fixes_the_prompts_and_names_the_run(plan, model, no_progress):
    asked = replace(plan, model=model(DATED + TURNS), limit=1)
    first = run(asked, no_progress)
    assert "01 Jan 2025" in first.info["first_prompt"]["text"]
    more = run(replace(asked, limit=3), no_progress)
    assert more.folder == first.folder
    assert more.info["first_prompt"] == first.info["first_prompt"]
    assert more.info["identity"]["model"]["today"] == "2025-01-01"
    other = run(replace(asked, model=model(DATED + TURNS, today="2026-01-31")), no_progress)
    assert "31 Jan 2026" in other.info["first_prompt"]["text"]
    assert other.folder != first.folder


def test_a_run_does_not_go_on_with_prompts_that_are_rendered_otherwise(plan, model, no_progress):
    asked = replace(plan, model=model(TURNS), limit=1)
    path = run(asked, no_progress).folder / "run.json"
    info = json.loads(path.read_text())
    info["first_prompt"]["sha256"] = "0" * 64
    path.write_text(json.dumps(info))
    with pytest.raises(HarnessError, match="is rendered otherwise than when this run began"):
        run(replace(asked, limit=3), no_progress)
    (shard,) = path.parent.glob("generations/*.parquet")
    assert pq.read_table(shard).num_rows == 1


def test_a_template_that_leaves_a_message_out_ends_the_run_before_the_model_loads(
    plan, model, no_progress
):
    dropping = model(TURNS.replace("messages %}", "messages[1:] %}"))
    asked = replace(plan, model=dropping, mitigation=SystemPrompt("Careful."))
    with pytest.raises(HarnessError, match=r"the system message 'Careful\.' is not in the prompt"):
        run(asked, no_progress)
    assert dropping.device_used is None


def scored(plan: Plan, folder: Path, texts: list[str], no_progress):
    """The run that scores texts as they stand in a file, with the generations that are stored."""
    lines = [json.dumps({"prompt": str(n), "answer": text}) for n, text in enumerate(texts)]
    (folder / "answers.jsonl").write_text("\n".join(lines))
    stored = of_file(folder / "answers.jsonl", None, None, None)
    scorers = ScorerRegistry({"refusal": RefusalScorer()})
    task = AnswersTask(stored, list(scorers.metrics))
    result = run(replace(plan, task=task, model=StoredModel(stored), scorers=scorers), no_progress)
    tables = map(pq.read_table, sorted(result.folder.glob("generations/*.parquet")))
    return result, [row for table in tables for row in table.to_pylist()]


def test_an_answer_without_an_end_of_thinking_is_missing_where_most_have_one(
    plan, tmp_path, no_progress
):
    ended = [f"They ask for harm.</think>{SAID}"] * 3
    texts = [*ended, "They ask for harm, and I could say", *ended]
    result, rows = scored(plan, tmp_path, texts, no_progress)
    (failed,) = [row for row in rows if row["error"]]
    assert failed["thinking"] == texts[3]
    assert "its thinking cannot be told from its answer" in failed["error"]
    notes = result.info["notes"]
    assert any(note.startswith("Answers that are missing: 1, for most answers") for note in notes)
    scores = pq.read_table(result.folder / "scores.parquet").to_pylist()
    values = [row["value"] for row in scores if row["metric"] == "refusal"]
    assert (values.count(1.0), values.count(None)) == (6, 1)


def test_one_end_mark_among_many_answers_is_noted_and_changes_nothing(plan, tmp_path, no_progress):
    texts = [SAID, SAID, SAID, f"Hm.</think>{SAID}"]
    result, rows = scored(plan, tmp_path, texts, no_progress)
    assert [row["error"] for row in rows] == [None] * 4
    assert any("set thinking.opened=true" in note for note in result.info["notes"])
