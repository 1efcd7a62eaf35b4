"""Logs of other tools: every text, score and error as the tool has them; nothing is guessed."""

import json
import zipfile
from collections.abc import Mapping

import pytest
from hydra.utils import get_class

from harness.bridges.files.rows import Rows
from harness.bridges.logs.choose import read_log, shared, source_of
from harness.bridges.logs.head import look
from harness.bridges.logs.imported import ImportedScorer
from harness.command import CONF_DIR
from harness.types import Direction, Generation, HarnessError, Sample
from tests.conftest import SHARED

TOOLS = SHARED / "other_tools"
SOURCES = {
    path.stem: get_class(path.read_text("utf-8").split("_target_: ")[1].split()[0])()
    for path in sorted((CONF_DIR / "source").glob("*.yaml"))
}


def read(path, format=None):
    return read_log(path, source_of(path, SOURCES, format))


def values(log, metric):
    return [score[metric].value for score in log.scores.values() if metric in score]


def rows(log):
    return {row["id"]: row for row in Rows(log.spool)}


def answers(log):
    return [answer for row in Rows(log.spool) for answer in row["answers"]]


FIGURES = {
    "inspect/arc_qwen.json": {"choice": (1, 3)},
    "inspect/log_formats.eval": {"match": (0, 1)},
    "inspect/log_formats.json": {"match": (0, 1)},
    "inspect/small_facts_zstd.eval": {"includes": (4, 8), "match": (4, 8)},
    "garak/report_test.report.jsonl": {"always.Pass": (0, 8)},
    "garak/quack.report.jsonl": {"lmrc.QuackMedicine": (0, 1)},
    "garak/test_with_ci.report.jsonl": {"always.Pass": (0, 4)},
    "helm/hellaswag": {"exact_match": (3, 10)},
    "lm_eval/samples_facts_mc_2026-11-28T13-07-39.810085.jsonl": {
        "acc": (1, 6), "acc_norm": (2, 6),
    },
    "lm_eval/samples_facts_gen_2026-11-28T13-07-39.810085.jsonl": {"exact_match": (0, 6)},
    "promptfoo/out.json": {"passed": (2, 6), "score": (3, 6)},
    "deepeval/test_run.json": {"Exact Match": (1, 4), "Pattern Match": (2, 4), "passed": (1, 4)},
    "deepeval/evaluation_result.json": {"Exact Match": (1, 4), "Pattern Match": (2, 4)},
    "evalscope/reviews_iquiz_EQ.jsonl": {"acc": (7, 10)},
}  # fmt: skip
"""By log the sum and the number of each score, as the tools' own readers give them."""


@pytest.mark.skipif(not TOOLS.is_dir(), reason=f"no logs of other tools at {TOOLS}")
@pytest.mark.parametrize("name", FIGURES)
def test_a_log_gives_the_figures_of_its_own_tool(name):
    log = read(TOOLS / name)
    for metric, (total, count) in FIGURES[name].items():
        assert (sum(values(log, metric)), len(values(log, metric))) == (total, count)


@pytest.mark.skipif(not TOOLS.is_dir(), reason=f"no logs of other tools at {TOOLS}")
def test_garak_s_summary_of_what_is_not_in_the_file_is_said():
    log = read(TOOLS / "garak/test_with_ci.report.jsonl")
    assert "counts 50 outputs, and the file holds 4" in log.notes[0]


@pytest.mark.skipif(not TOOLS.is_dir(), reason=f"no logs of other tools at {TOOLS}")
def test_both_forms_of_inspect_hold_the_same():
    archive, document = (read(TOOLS / f"inspect/log_formats.{kind}") for kind in ("eval", "json"))
    assert rows(archive) == rows(document)
    assert dict(archive.scores) == dict(document.scores)


@pytest.mark.skipif(not TOOLS.is_dir(), reason=f"no logs of other tools at {TOOLS}")
def test_a_later_version_and_an_aggregate_are_refused_in_a_sentence():
    with pytest.raises(HarnessError, match="version 4 of Inspect's format"):
        read(TOOLS / "inspect/log_version_3.txt")
    with pytest.raises(HarnessError, match="aggregate results without samples"):
        read(TOOLS / "every_eval_ever/example.json")


def test_a_later_version_of_every_eval_ever_is_refused(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(eee_record(schema_version="0.4.0")) + "\n")
    with pytest.raises(HarnessError, match=r"version 0\.4\.0 of Every Eval Ever's schema"):
        read(path)


def inspect_sample(name=1, epoch=1, text="yes", grade="C", **more):
    said = {"role": "assistant", "content": text}
    return {
        "id": name, "epoch": epoch, "input": "Is it?", "target": "yes", "metadata": {"topic": "t"},
        "messages": [{"role": "system", "content": "Be brief."},
                     {"role": "user", "content": "Is it?"}, said],
        "output": {"model": "m", "choices": [{"message": said, "stop_reason": "max_tokens"}],
                   "usage": {"input_tokens": 7, "output_tokens": 2}, "time": 1.5},
        "scores": {"match": {"value": grade, "explanation": "why"}}, **more,
    }  # fmt: skip


def inspect_log(samples, **more):
    about = {"task": "facts", "task_version": 3, "model": "m/x", "packages": {"inspect_ai": "0.3"}}
    return {"version": 2, "status": "success", "eval": about, **more, "samples": samples}


def written(path, content):
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_a_sample_of_inspect_keeps_all_that_it_has(tmp_path):
    path = written(tmp_path / "log", inspect_log([inspect_sample(), inspect_sample(epoch=2)]))
    log = read(path)
    stored = log.stored(path)
    (row,) = stored.records.rows
    assert (log.tool, log.version, log.model, log.task) == ("inspect_ai", "0.3", "m/x", "facts 3")
    assert row["prompt"] == [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Is it?"},
    ]  # fmt: skip
    assert (row["target"], row["metadata"], stored.n) == ("yes", {"inspect topic": "t"}, 2)
    assert row["answers"][0] == {
        "text": "yes", "error": None, "finish_reason": "length", "prompt_tokens": 7, "tokens": 2,
        "thinking": None, "choice_logprobs": None,
    }  # fmt: skip
    assert log.scores["1", 1]["match"].explanation == "why"
    assert values(log, "seconds") == [1.5, 1.5]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("C", 1.0), ("P", 0.5), ("I", 0.0), ("N", 0.0), (True, 1.0), (0.25, 0.25), ("0.5", 0.5),
     ("fine", None), (None, None), (float("nan"), None)],
)  # fmt: skip
def test_a_grade_of_inspect_is_the_number_that_inspect_reads(tmp_path, value, expected):
    path = tmp_path / "log.json"
    path.write_text(json.dumps(inspect_log([inspect_sample(grade=value)])).replace("NaN", "null"))
    (score,) = [of_answer["match"] for of_answer in read(path).scores.values()]
    assert score.value == expected
    assert (score.error is None) == (expected is not None)


def test_parts_of_a_score_are_metrics_and_attachments_texts(tmp_path):
    key = "0" * 32
    sample = inspect_sample(text=f"attachment://{key}", attachments={key: "the whole answer"})
    sample["scores"] = {"judge": {"value": {"harm": 0.1, "tone": 0.9}}}
    log = read(written(tmp_path / "log.json", inspect_log([sample])))
    assert answers(log)[0]["text"] == "the whole answer"
    assert (values(log, "judge.harm"), values(log, "judge.tone")) == ([0.1], [0.9])


def test_an_error_is_missing_with_its_reason_and_no_score_is_a_zero(tmp_path):
    failed = inspect_sample(name=2, error={"message": "429"}, scores={})
    log = read(written(tmp_path / "log.json", inspect_log([inspect_sample(), failed])))
    assert [answer["error"] for answer in answers(log)] == [None, "inspect_ai: 429"]
    scorer = ImportedScorer(log)
    (scores,) = scorer.score([Sample("2", "Is it?")], [Generation("2", 0, "x")])
    assert scores[0].value is None
    assert scores[0].error == "inspect_ai has no match of this answer"


def test_tool_calls_and_their_results_stay_readable(tmp_path):
    sample = inspect_sample()
    sample["messages"][2:2] = [
        {"role": "assistant", "content": "",
         "tool_calls": [{"function": "look_up", "arguments": {"of": "it"}}]},
        {"role": "tool", "function": "look_up", "content": "it is"},
    ]  # fmt: skip
    log = read(written(tmp_path / "log.json", inspect_log([sample])))
    prompt = rows(log)["1"]["prompt"]
    assert prompt[2:] == [
        {"role": "assistant", "content": '[calls look_up({"of": "it"})]'},
        {"role": "user", "content": "[look_up gives] it is"},
    ]


def archive_of(path, samples, header=True):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        start = inspect_log([])
        archive.writestr("_journal/start.json", json.dumps({**start, "status": "started"}))
        for sample in samples:
            archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
        if header:
            archive.writestr("header.json", json.dumps(start))
    return path


def test_an_evaluation_that_did_not_end_is_read_and_said(tmp_path):
    log = read(archive_of(tmp_path / "log.eval", [inspect_sample()], header=False))
    assert "ended with status 'started'" in log.notes[0]


@pytest.mark.parametrize("kind", ["eval", "json", "jsonl"])
def test_a_log_that_is_cut_off_is_refused_and_nothing_is_read(tmp_path, kind):
    samples = [inspect_sample(name=n, text="yes" * 200) for n in range(50)]
    path = tmp_path / f"log.{kind}"
    if kind == "eval":
        archive_of(path, samples)
    elif kind == "json":
        written(path, inspect_log(samples))
    else:
        lines = [garak_attempt(n) for n in range(50)]
        path.write_text("\n".join(map(json.dumps, [{"entry_type": "init"}, *lines])), "utf-8")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(HarnessError, match="is the file cut off"):
        read(path, {"eval": "inspect", "json": "inspect", "jsonl": "garak"}[kind])


@pytest.mark.skipif(not TOOLS.is_dir(), reason=f"no logs of other tools at {TOOLS}")
@pytest.mark.parametrize("name", [name for name in FIGURES if name != "helm/hellaswag"])
def test_half_of_any_tool_s_log_is_refused(tmp_path, name):
    head = look(TOOLS / name)
    (of_tool,) = [kind for kind, source in SOURCES.items() if source.recognises(head)]
    content = (TOOLS / name).read_bytes()
    half = tmp_path / (TOOLS / name).name
    half.write_bytes(content[: len(content) // 2])
    with pytest.raises(HarnessError, match="is the file cut off"):
        read(half, of_tool)


@pytest.mark.skipif(not TOOLS.is_dir(), reason=f"no logs of other tools at {TOOLS}")
@pytest.mark.parametrize("name", ["scenario_state.json", "per_instance_stats.json"])
def test_half_of_a_helm_run_is_refused(tmp_path, name):
    for path in (TOOLS / "helm/hellaswag").iterdir():
        content = path.read_bytes()
        kept = content[: len(content) // 2] if path.name == name else content
        (tmp_path / path.name).write_bytes(kept)
    with pytest.raises(HarnessError, match="is the file cut off"):
        read(tmp_path, "helm")


def garak_attempt(n, status=2, score=1.0, text="out"):
    return {
        "entry_type": "attempt", "uuid": str(n), "status": status, "probe_classname": "p.X",
        "prompt": {"turns": [{"role": "user", "content": {"text": f"say {n}"}}]},
        "outputs": [{"text": text}, None],
        "detector_results": {"d.Y": [score, None]} if status == 2 else {},
    }  # fmt: skip


def test_an_attempt_of_garak_counts_once_by_its_last_status(tmp_path):
    path = tmp_path / "x.jsonl"
    entries = [{"entry_type": "init", "garak_version": "0.13"}, garak_attempt(1, 1),
               garak_attempt(1), garak_attempt(2, 1)]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, entries)), "utf-8")
    log = read(path)
    assert values(log, "d.Y") == [1.0, None]
    assert log.metrics["d.Y"].better is Direction.LOWER
    assert [answer["error"] for answer in answers(log)] == [None, "garak has no output"] * 2
    assert log.counts["{} outputs were not seen by any detector"] == 2


def test_promptfoo_s_provider_errors_are_missing_and_two_providers_refused(tmp_path):
    def case(provider, **more):
        return {"prompt": {"raw": "p", "label": "l"}, "provider": {"id": provider}, "testIdx": 0,
                "promptIdx": 0, "vars": {}, **more}  # fmt: skip

    failed = case("a", failureReason=2, error="502", score=0, success=False, response={"error": ""})
    content = {"evalId": "e", "results": {"version": 3, "results": [failed]}, "config": {}}
    log = read(written(tmp_path / "out.json", content))
    assert answers(log)[0]["error"] == "promptfoo: 502"
    assert values(log, "score") == values(log, "passed") == [None]
    content["results"]["results"].append(case("b", response={"output": "x"}, score=1))
    with pytest.raises(HarnessError, match=r"2 providers \(a, b\)"):
        read(written(tmp_path / "out.json", content))
    content["results"]["version"] = 4
    with pytest.raises(HarnessError, match="version 4 of promptfoo's results"):
        read(written(tmp_path / "out.json", content))


SLOW = {"error": {"message": "slow"}}


def test_a_batch_is_joined_by_custom_id_and_what_has_no_line_is_missing(tmp_path):
    def body(**message):
        choice = {"message": message, "finish_reason": "stop"}
        return {"model": "gpt", "choices": [choice], "usage": {"completion_tokens": 3}}

    asked = [{"custom_id": n, "body": {"messages": [{"role": "user", "content": f"q{n}"}]}}
             for n in "abcd"]  # fmt: skip
    got = [
        {"custom_id": "b", "response": {"status_code": 200, "body": body(content="two")}},
        {"custom_id": "a", "response": {"status_code": 200, "body": body(refusal="no")}},
        {
            "custom_id": "c",
            "response": {"status_code": 429, "body": {"error": {"message": "slow"}}},
        },
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, asked)), "utf-8")
    (tmp_path / "out.jsonl").write_text("\n".join(map(json.dumps, got)), "utf-8")
    log = read(tmp_path)
    assert [(a["text"], a["error"]) for a in answers(log)] == [
        ("no", None), ("two", None), (None, "status 429: slow"),
        (None, "the batch's output has no line for this request"),
    ]  # fmt: skip
    assert [row["prompt"][0]["content"] for row in rows(log).values()] == ["qa", "qb", "qc", "qd"]
    assert "holds no requests" in read(tmp_path / "out.jsonl").notes[0]


def piece(role, text, sequence, of="c", **more):
    """A piece as PyRIT 0.14 exports it."""
    target = {"class_name": "Mock", "pyrit_version": "0.14.0", "model_name": "mock-1"}
    return {"conversation_id": of, "role": role, "sequence": sequence, "original_value": text,
            "converted_value": text, "prompt_target_identifier": target, **more}  # fmt: skip


def test_what_pyrit_s_filter_blocked_is_no_answer_of_the_model(tmp_path):
    pieces = [
        piece("user", "one", 0), piece("assistant", "filtered", 1, response_error="blocked"),
        piece("user", "two", 0, "d"), piece("assistant", "500", 1, "d", response_error="unknown"),
        piece("user", "three", 0, "e"), piece("simulated_assistant", "four", 1, "e"),
    ]  # fmt: skip
    log = read(written(tmp_path / "x.json", pieces))
    assert (log.tool, log.version, log.model) == ("pyrit", "0.14.0", "mock-1")
    assert [(a["text"], a["error"], a["finish_reason"]) for a in answers(log)] == [
        (None, None, "filtered"), (None, "pyrit: unknown", "error"), ("four", None, "unknown"),
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["class_name", "__type__"])
def test_pyrit_s_conversation_ends_with_the_answer_that_is_scored(tmp_path, key):

    verdict = {
        "score_value": "True",
        "score_type": "true_false",
        "score_rationale": "it did",
        "scorer_class_identifier": {key: "SelfAsk"},
        "score_category": None,
    }
    pieces = [piece("user", "one", 0), piece("assistant", "two", 1), piece("user", "three", 2),
              piece("assistant", "four", 3, scores=[verdict])]  # fmt: skip
    log = read(written(tmp_path / "x.json", pieces))
    assert [turn["content"] for turn in rows(log)["c"]["prompt"]] == ["one", "two", "three"]
    assert answers(log)[0]["text"] == "four"
    assert values(log, "SelfAsk") == [1.0]


def lm_eval_sample(n, text="lol", **more):
    return {
        "doc_id": n, "doc": {"question": f"q{n}"}, "target": "yellow", "resps": [[text]],
        "arguments": {"gen_args_0": {"arg_0": f"q{n}", "arg_1": {"until": []}}},
        "filtered_resps": [text], "doc_hash": "d", "prompt_hash": "p", "target_hash": "t", **more,
    }  # fmt: skip


def test_lm_eval_s_layout_that_names_no_metrics_gives_the_same_scores(tmp_path):
    named = {"filter": "none", "metrics": ["exact_match"], "exact_match": 1.0}
    logs = []
    for name, more in {"of 0.4.5": {"exact_match": 1.0}, "of 0.4.13": named}.items():
        path = tmp_path / name
        path.write_text("\n".join(json.dumps(lm_eval_sample(n, **more)) for n in range(2)))
        logs.append(read(path))
    assert dict(logs[0].scores) == dict(logs[1].scores)
    assert rows(logs[0]) == rows(logs[1])
    assert values(logs[0], "exact_match") == [1.0, 1.0]


def eee_record(**more):
    return {
        "schema_version": "0.3.0", "evaluation_id": "e", "model_id": "m", "evaluation_name": "acc",
        "sample_id": "s", "interaction_type": "single_turn", "answer_attribution": [],
        "input": {"raw": "q", "reference": ["a"]}, "output": {"raw": ["x"]}, "messages": None,
        "evaluation": {"score": 0.0, "is_correct": False}, **more,
    }  # fmt: skip


def test_a_record_s_error_is_no_zero(tmp_path):
    other = eee_record(evaluation_name="f1", evaluation={"score": 0.5, "is_correct": False})
    lines = [eee_record(), eee_record(sample_id="t", error="timeout"), other]
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    log = read(path)
    assert values(log, "acc") == [0.0, None]
    assert values(log, "f1") == [0.5]
    assert len(answers(log)) == 2


def test_a_format_is_told_by_content_and_overridden_by_name(tmp_path):
    path = written(tmp_path / "misleading.csv", inspect_log([inspect_sample()]))
    assert source_of(path, SOURCES, None).tool == "inspect_ai"
    assert source_of(path, SOURCES, "table") is None
    with pytest.raises(HarnessError, match="format='nope' is none of table, "):
        source_of(path, SOURCES, "nope")
    with pytest.raises(HarnessError, match=r"is not as logs of deepeval are|holds no answers"):
        read(path, "deepeval").stored(path)
    table = written(tmp_path / "table.json", [{"prompt": "p", "answer": "a"}])
    assert source_of(table, SOURCES, None) is None


def test_each_source_keeps_the_contract():
    for name, source in SOURCES.items():
        assert isinstance(source.tool, str), name
        assert source.__doc__


HOSTILE = "<script>alert(1)</script>\u202e\u0000 {{7*7}} '; drop table runs; --\u2028=1+1"
LOGS_OF_ONE = {
    "inspect": lambda text: json.dumps(inspect_log([inspect_sample(text=text)])),
    "garak": lambda text: "\n".join(
        map(json.dumps, [{"entry_type": "init"}, garak_attempt(1, text=text)])
    ),
    "lm_eval": lambda text: json.dumps(lm_eval_sample(0, text)) + "\n",
    "every_eval_ever": lambda text: json.dumps(eee_record(output={"raw": [text]})) + "\n",
    "pyrit": lambda text: json.dumps([piece("user", "q", 0), piece("assistant", text, 1)]),
}
"""By format a log with one answer."""


@pytest.mark.parametrize("kind", LOGS_OF_ONE)
def test_hostile_text_of_any_tool_is_kept_as_it_is(tmp_path, kind):
    path = tmp_path / "log"
    path.write_text(LOGS_OF_ONE[kind](HOSTILE), "utf-8")
    assert source_of(path, SOURCES, None) is SOURCES[kind]
    assert answers(read(path))[0]["text"] == HOSTILE
    assert (
        read(path).stored(path, failed_texts=False).records.rows[0]["answers"][0]["text"] == HOSTILE
    )


def test_hostile_text_is_kept_as_it_is(tmp_path):
    text = "<script>alert(1)</script>\u202e\u0000 {{7*7}}"
    path = written(tmp_path / "log.json", inspect_log([inspect_sample(text=text)]))
    assert answers(read(path))[0]["text"] == text
    path = archive_of(tmp_path / "log.eval", [inspect_sample(text="half of a \ud800")])
    answer = read(path).stored(path).records.rows[0]["answers"][0]
    assert (answer["text"], "it is not text" in answer["error"]) == (None, True)


def test_what_stands_for_a_failure_is_missing_unless_it_is_asked_for(tmp_path):
    path = written(tmp_path / "x.json", inspect_log([inspect_sample(text="[ERROR] 429 slow down")]))
    assert read(path).stored(path).records.rows[0]["answers"][0]["text"] is None
    assert read(path).stored(path, failed_texts=False).records.rows[0]["answers"][0]["text"]


def stored_log(tmp_path, name, samples):
    path = written(tmp_path / name, inspect_log(samples))
    return read(path).stored(path)


def test_two_logs_are_paired_by_id_where_questions_are_alike_else_by_what_was_asked(tmp_path):
    def sample(name, asked, **more):
        one = inspect_sample(name, **more)
        one["messages"] = [{"role": "user", "content": asked}, one["messages"][-1]]
        return one

    here = stored_log(tmp_path, "a", [sample(1, "x"), sample(2, "y"), sample(3, "z")])
    there = stored_log(tmp_path, "b", [sample(1, "x"), sample(2, "other"), sample(4, "w")])
    both = shared(here, there, ("a", "b"))
    assert [row["id"] for row in both.records.rows] == ["1"]
    assert "1 of one id ask something else and are left out" in both.notes[-1]
    renamed = stored_log(tmp_path, "c", [sample("p", "y", grade="I"), sample("q", "v")])
    sides = shared(here, renamed, ("a", "c")), shared(renamed, here, ("c", "a"))
    assert sides[0].records.rows[0]["id"] == sides[1].records.rows[0]["id"]
    (place,) = sides[1].imported.scores
    assert sides[1].imported.scores[place]["match"].value == 0.0
    assert place[0] == sides[1].records.rows[0]["id"]
    twice = stored_log(tmp_path, "e", [sample("p", "y"), sample("q", "y")])
    assert "1 that ask what another of their log asks" in shared(here, twice, ("a", "e")).notes[-1]
    with pytest.raises(HarnessError, match="no question of a stands in d"):
        shared(here, stored_log(tmp_path, "d", [sample("n", "none")]), ("a", "d"))


def test_the_head_of_a_file_says_what_it_begins_with(tmp_path):
    assert look(written(tmp_path / "a", {"b": 1, "c": {"d": 2}})).keys == ["b", "c"]
    array = look(written(tmp_path / "b", [{"e": 1}, {"f": 2}]))
    assert (array.keys, array.is_array) == (["e"], True)
    (tmp_path / "c").write_text('{"g": 1}\n{"h": 2}\n', "utf-8")
    assert [list(line) for line in look(tmp_path / "c").lines] == [["g"], ["h"]]
    long = {"entry_type": "init", "text": "x" * 100_000}
    (tmp_path / "d").write_text(f"{json.dumps(long)}\n{json.dumps(long)}\n", "utf-8")
    assert [line["entry_type"] for line in look(tmp_path / "d").lines] == ["init"]
    assert isinstance(look(tmp_path / "d").lines[0], Mapping)
    (tmp_path / "e").write_bytes(b"\x89PNG\r\n")
    assert not look(tmp_path / "e").keys
