"""A model that speaks for the person: who it is, what is kept of it, and what it adds."""

import json
from dataclasses import replace
from math import sqrt

import numpy as np
import pyarrow.parquet as pq
import pytest

from harness.evidence.bundle.archive import pack
from harness.evidence.bundle.contents import entries_of
from harness.evidence.verify.check import check
from harness.evidence.verify.findings import faults
from harness.models.echo import EchoModel
from harness.models.person import ModelPerson
from harness.runs.dialogues import UNSAID
from harness.runs.flow import run
from harness.runs.persons import EMPTY
from harness.runs.plan import Plan
from harness.scorers.rules.guidance_dialogue import GuidanceDialogueScorer
from harness.statistics import SpreadOverRepeats
from harness.store.finished import FinishedRun
from harness.types.errors import HarnessError
from harness.types.measures import Direction, Metric
from harness.types.records import Generation, Message
from harness.types.registry import ScorerRegistry
from harness.types.settings import GenerationConfig
from tasks.counseling_dialogue import CounselingDialogue
from tasks.rubrics import Rubrics

HELPS = "Please call 988, the crisis line, if you are in danger of hurting yourself."
LISTENS = "That sounds hard, and I am glad that you wrote to me about it today."


class Listener(EchoModel):
    """Names help to those who say that they want to die; is asked with what stands before."""

    def __init__(self):
        super().__init__(name="listener")
        self.prompts = []

    def generate(self, requests, generation, seed):
        self.prompts += [request.prompt for request in requests]
        for request in requests:
            text = HELPS if "want to die" in request.prompt[-1].content else LISTENS
            yield [Generation(request.sample_id, i, text) for i in request.indices]


class Speaker(EchoModel):
    """Says what it is given, by the index of the repeat; the last is said from then on."""

    def __init__(self, *words, stop=None):
        super().__init__(name="speaker")
        self.words, self.stop, self.requests = words, stop, []

    def generate(self, requests, generation, seed):
        if self.stop is not None and len(self.requests) >= self.stop:
            raise KeyboardInterrupt
        self.requests.append((requests, generation))
        for request in requests:
            (index,) = request.indices
            yield [Generation(request.sample_id, index, self.words[index % len(self.words)])]


def planned(folder, speaker, model=None, n=1, turns=3, **options):
    return Plan(
        task=CounselingDialogue(turns=turns, **options),
        model=model or Listener(),
        scorers=ScorerRegistry({"guidance_dialogue": GuidanceDialogueScorer()}),
        generation=GenerationConfig(n=n),
        protocol="fast",
        seed=0,
        results=folder,
        options={},
        person=ModelPerson("speaker", speaker),
    )


def test_a_model_speaks_after_the_first_turn_and_is_asked_as_the_person(tmp_path, no_progress):
    speaker, model = Speaker("I do not know. It is all a bit much for me."), Listener()
    run(planned(tmp_path, speaker, model), no_progress)
    assert [len(requests) for requests, _ in speaker.requests] == [21, 21]
    requests, generation = speaker.requests[1]
    prompt = requests[0].prompt
    roles = [message.role for message in prompt]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert prompt[2].content == model.prompts[0][0].content  # the persona's own first words
    assert prompt[3].content == prompt[5].content == LISTENS
    assert prompt[4].content == "I do not know. It is all a bit much for me."
    assert "never the counsellor" in prompt[0].content
    assert generation.temperature == 1.0
    (last,) = {prompt[-1] for prompt in model.prompts[-21:]}
    assert last == Message("user", "I do not know. It is all a bit much for me.")


def test_who_speaks_stands_in_every_row_and_makes_another_run(tmp_path, no_progress):
    folder = run(planned(tmp_path, Speaker("Yes, I see.")), no_progress).folder
    for table in ("scores", "estimates"):
        (who,) = set(pq.read_table(folder / f"{table}.parquet")["person"].to_pylist())
        assert who.startswith("speaker@")
    assert json.loads((folder / "run.json").read_text())["identity"]["person"]["name"] == "speaker"
    plain = replace(planned(tmp_path, Speaker()), person=None)
    other = run(plain, no_progress).folder
    assert other != folder
    assert "person" not in pq.read_table(other / "scores.parquet").column_names
    rows = pq.read_table(folder / "samples.parquet").to_pylist()
    turns = [m["content"] for m in json.loads(rows[2]["messages"])]
    assert turns[2::2] == ["Yes, I see.", "Yes, I see."]


def test_what_a_person_said_is_kept_over_kills_and_never_asked_for_twice(tmp_path, no_progress):
    words = "Nothing helps, I think.", "Well, I want to die."
    whole = run(planned(tmp_path / "whole", Speaker(*words), n=2), no_progress).folder
    with pytest.raises(KeyboardInterrupt):
        run(planned(tmp_path / "cut", Speaker(*words, stop=1), n=2), no_progress)
    speaker = Speaker(*words)
    cut = run(planned(tmp_path / "cut", speaker, n=2), no_progress).folder
    assert len(speaker.requests) == 1
    read = [pq.read_table(f / "scores.parquet").drop_columns("run").to_pylist()
            for f in (whole, cut)]  # fmt: skip
    assert read[0] == read[1]


@pytest.mark.parametrize("n", [1, 2])
def test_a_bundle_of_dialogues_comes_out_of_its_rows(tmp_path, no_progress, n):
    """Repeats answer conversations of their own, of which a bundle has the first."""
    speaker = Speaker("Nothing helps, I think.", "Well, I want to die.")
    plan = planned(tmp_path, speaker, n=n)
    folder = run(plan, no_progress).folder
    content = pack(entries_of(FinishedRun.read(folder)))
    findings = check(content, dict(plan.scorers))
    assert not faults(findings)
    unread = [finding.words for finding in findings if "conversations of their own" in str(finding)]
    assert len(unread) == n - 1


def test_a_person_who_says_nothing_leaves_the_turn_without_an_answer(tmp_path, no_progress):
    done = run(planned(tmp_path, Speaker("Go on.", " "), n=2), no_progress)
    assert done.info["generations_failed"] == 21 * 2
    rows = pq.read_table(done.folder / "scores.parquet").to_pylist()
    errors = {(r["sample_id"], r["index"]): str(r["error"]) for r in rows
              if r["metric"] == "safety_asked"}  # fmt: skip
    assert f"{UNSAID}: {EMPTY}" in errors["grief-dog/02", 1]
    assert errors["grief-dog/02", 0] == errors["grief-dog/01", 1] == "None"
    again = replace(planned(tmp_path, Speaker("Go on.", "Yes."), n=2), retry_failed=True)
    assert run(again, no_progress).info["generations_failed"] == 0


def test_what_the_person_adds_is_estimated_over_repeats(tmp_path, no_progress):
    """Half of the repeats of each conversation get help: each has variance .5, and sd .71."""

    def spread(folder):
        rows = pq.read_table(folder / "estimates.parquet").to_pylist()
        return {row["name"]: row for row in rows if row["statistic"] == "sd over repeats"}

    speaker = Speaker("Nothing helps, I think.", "Well, I want to die.")
    folder = run(planned(tmp_path, speaker, n=2), no_progress).folder
    row = spread(folder)["emergency help given, crisis, over repeats"]
    assert row["estimate"] == pytest.approx(sqrt(0.5))
    assert (row["n"], row["clusters"], row["person"][:8]) == (14, 7, "speaker@")
    assert row["low"] < row["estimate"]
    automaton = replace(planned(tmp_path, Speaker(), n=2), person=None)
    rows = spread(run(automaton, no_progress).folder)
    assert {row["estimate"] for row in rows.values() if row["n_scored"]} == {0.0}


def test_a_person_that_has_no_turn_to_speak_in_is_refused_in_a_sentence(tmp_path, no_progress):
    plan = planned(tmp_path, Speaker())
    with pytest.raises(HarnessError, match="task 'rubrics' has no person_prompt; leave person="):
        replace(plan, task=Rubrics())
    path = tmp_path / "talk.jsonl"
    turns = [{"role": "client", "text": "I fear it."}, {"role": "counsellor", "text": "Oh."}]
    path.write_text(json.dumps({"id": "t", "topic": "fear", "turns": turns}) + "\n")
    gold = planned(tmp_path, Speaker(), data=str(path))
    with pytest.raises(HarnessError, match="has no turn to speak in, since sample 't/01'"):
        run(gold, no_progress)
    with pytest.raises(HarnessError, match="max_new_tokens=0 must be at least 1"):
        ModelPerson("speaker", Speaker(), max_new_tokens=0)


METRIC = Metric(0.0, 1.0, Direction.HIGHER)


def test_the_spread_over_repeats_is_worked_by_hand():
    """Variances 0, .5 and .125, whose mean is .2083."""
    values = np.array([0.0, 0.0, 1.0, 0.0, 0.5, 1.0])
    samples = np.array([0, 0, 1, 1, 2, 2])
    found = SpreadOverRepeats().estimate(values, samples, samples, METRIC)
    assert found.estimate == pytest.approx(sqrt(0.625 / 3))
    assert (found.worst, found.best) == (found.estimate, found.estimate)
    lost = np.where(np.arange(6) == 5, np.nan, values)
    found = SpreadOverRepeats().estimate(lost, samples, samples, METRIC)
    assert found.estimate == pytest.approx(0.5)  # of 0 and .5
    assert found.worst == pytest.approx(sqrt(0.625 / 3))  # .5 and 1, or 0, are .125
    assert found.best == pytest.approx(sqrt(0.5 / 3), abs=1e-6)
    assert (found.n, found.n_scored, found.n_failed, found.clusters) == (6, 5, 1, 2)
    nothing = SpreadOverRepeats().estimate(values[:1], samples[:1], samples[:1], METRIC)
    assert nothing.estimate is None


def test_the_command_line_takes_any_backend_as_the_person(tmp_path, harness):
    done = harness(
        "task=counseling_dialogue", "scorer=[guidance_dialogue]", "backend=echo", "model=echo",
        "person=model", "backend@person.backend=echo", "person.model=other", "task.turns=2",
        "limit=1", "max_unmeasured=1", "generation.n=2", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "results" / "runs").glob("*/scores.parquet")
    (who,) = set(pq.read_table(path)["person"].to_pylist())
    assert who.startswith("other@")
    assert "over repeats" in done.stdout
