"""A run keeps what was asked, and what a template added to it stands where a person looks."""

import json

import pyarrow.parquet as pq
import pytest

TURNS = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
ASSISTANT = "{% if add_generation_prompt %}<|assistant|>{% endif %}"
VENDOR = "{% if messages[0].role != 'system' %}<|system|>You are Clever.<|end|>{% endif %}"
DATED = "<|system|>{{ strftime_now('%d %b %Y') }}<|end|>"
SAID = "I cannot help with that request."


@pytest.fixture
def run(harness, tiny_checkpoint, tmp_path):
    """Run med_harm on a tiny checkpoint with a template; gives the process and its run.json."""

    def call(template, *args, name="tiny"):
        folder = tmp_path / name
        if not folder.exists():
            tiny_checkpoint(
                ["<|assistant|>", SAID, "</s>"], name=name, template=template, words=[SAID]
            )
        made = harness("task=med_harm", "scorer=[refusal]", f"model={folder}", *args)
        infos = [json.loads(path.read_text()) for path in tmp_path.glob("results/runs/*/run.json")]
        return made, infos

    return call


def test_a_run_keeps_its_first_prompt_and_tells_of_the_vendor_s_text(run, tmp_path):
    made, (info,) = run(VENDOR + TURNS + ASSISTANT, "limit=2", "report=true")
    first = info["first_prompt"]
    assert first["text"].startswith("<|system|>You are Clever.<|end|><|user|>")
    assert len(first["sha256"]) == 64
    assert (first["vendor_text"], first["vendor_stands"]) == ("You are Clever.", "alone")
    note = "The chat template's own system text stands in every prompt"
    assert any(one.startswith(note) for one in info["notes"])
    assert f"note: {note}" in made.stdout
    (page,) = tmp_path.glob("results/runs/*/report.html")
    assert "&lt;|system|&gt;You are Clever." in page.read_text()


@pytest.mark.parametrize(("keep", "stands"), [("false", "gone"), ("true", "before")])
def test_a_system_prompt_takes_the_vendor_s_place_or_stands_after_it(run, keep, stands):
    options = ["mitigation=system_prompt", "mitigation.text=Careful", f"mitigation.keep={keep}"]
    made, (info,) = run(VENDOR + TURNS + ASSISTANT, "limit=1", *options)
    assert made.returncode == 0
    assert info["first_prompt"]["vendor_stands"] == stands
    kept = "You are Clever.\n\n" if keep == "true" else ""
    assert info["first_prompt"]["text"].startswith(f"<|system|>{kept}Careful<|end|><|user|>")


def test_a_backend_that_renders_nothing_here_cannot_keep_a_vendor_s_text(harness):
    options = ["mitigation=system_prompt", "mitigation.keep=true"]
    made = harness("task=med_harm", "scorer=[refusal]", "backend=echo", "limit=1", *options)
    assert (made.returncode, "mitigation.keep=true: the prompts of" in made.stderr) == (2, True)


def test_where_prompts_are_rendered_elsewhere_the_messages_are_kept(harness, tmp_path):
    harness("task=med_harm", "scorer=[refusal]", "backend=echo", "limit=1")
    (path,) = tmp_path.glob("results/runs/*/run.json")
    first = json.loads(path.read_text())["first_prompt"]
    assert [turn["role"] for turn in first["messages"]] == ["user"]
    assert first["rendered"] == "by the server or backend"


def test_a_day_fixes_the_prompts_and_names_the_run(run):
    _, (info,) = run(DATED + TURNS + ASSISTANT, "limit=1")
    assert "01 Jan 2025" in info["first_prompt"]["text"]
    _, (again,) = run(DATED + TURNS + ASSISTANT, "limit=2")  # goes on in the same folder
    assert again["first_prompt"] == info["first_prompt"]
    assert again["identity"]["model"]["today"] == "2025-01-01"
    _, infos = run(DATED + TURNS + ASSISTANT, "limit=1", "backend.today=2026-01-31")
    texts = [one["first_prompt"]["text"] for one in infos]
    assert sorted("31 Jan 2026" in text for text in texts) == [False, True]


def test_a_run_does_not_go_on_with_prompts_that_are_rendered_otherwise(run, tmp_path):
    run(TURNS + ASSISTANT, "limit=1")
    (path,) = tmp_path.glob("results/runs/*/run.json")
    info = json.loads(path.read_text())
    info["first_prompt"]["sha256"] = "0" * 64
    path.write_text(json.dumps(info))
    made, _ = run(TURNS + ASSISTANT, "limit=2")
    assert "is rendered otherwise than when this run began" in made.stderr
    (shard,) = tmp_path.glob("results/runs/*/generations/*.parquet")
    assert pq.read_table(shard).num_rows == 1


def test_an_answer_without_an_end_of_thinking_is_missing_where_most_have_one(harness, tmp_path):
    ended = [f"They ask for harm.</think>{SAID}"] * 3
    rows = [*ended, "They ask for harm, and I could say", *ended]
    lines = [json.dumps({"prompt": str(n), "answer": text}) for n, text in enumerate(rows)]
    (tmp_path / "answers.jsonl").write_text("\n".join(lines))
    made = harness("answers=answers.jsonl", "scorer=[refusal]", module="harness.score")
    (folder,) = tmp_path.glob("results/runs/*")
    tables = map(pq.read_table, sorted(folder.glob("generations/*.parquet")))
    failed = [row for table in tables for row in table.to_pylist() if row["error"]]
    assert [row["thinking"] for row in failed] == [rows[3]]
    assert "its thinking cannot be told from its answer" in failed[0]["error"]
    assert "note: 1 answers are missing" in made.stdout.replace("\n", " ")
    scores = pq.read_table(folder / "scores.parquet").to_pylist()
    values = {row["sample_id"]: row["value"] for row in scores if row["metric"] == "refusal"}
    assert list(values.values()).count(1.0) == 6
    assert list(values.values()).count(None) == 1


def test_one_end_mark_among_many_answers_is_noted_and_changes_nothing(harness, tmp_path):
    rows = [SAID, SAID, SAID, f"Hm.</think>{SAID}"]
    lines = [json.dumps({"prompt": str(n), "answer": text}) for n, text in enumerate(rows)]
    (tmp_path / "answers.jsonl").write_text("\n".join(lines))
    made = harness("answers=answers.jsonl", "scorer=[refusal]", module="harness.score")
    assert (made.returncode, "set thinking.opened=true" in made.stdout) == (0, True)
