"""Files of answers as people have them: which column is what, and what is no answer."""

import csv
import json

import pytest

from harness.bridges.files.answers import of_file
from harness.bridges.files.failures import failure
from harness.runs.samples import look_over
from harness.score.answers import AnswersTask, StoredModel
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

MODULE = {"module": "harness.score"}
REFUSED = "I cannot help with that."


def lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def table(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def read(path, prompt=None, answer=None, model=None, **options):
    return of_file(path, prompt, answer, model, **options)


def asked(stored):
    task = AnswersTask(stored, ["x"])
    return [sample.prompt for sample in task.samples(task.records())]


def answered(stored):
    requests = [Request(str(row["id"]), "") for row in stored.records.rows]
    model = StoredModel(stored)
    return [g for some in model.generate(requests, GenerationConfig(), 0) for g in some]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["question", "answer", "response"],
            "'answer', 'response': say which with columns.answer=",
        ),
        (["question", "answer", "generation"], "'answer', 'generation': say which"),
        (["question", "Answer", "model_output"], "'Answer', 'model_output': say which"),
        (["question", "answer", "gptPrediction"], "'answer', 'gptPrediction': say which"),
        (["instruction", "input", "output", "text"], "'output', 'text': say which"),
        (
            ["prompt", "question", "response"],
            "'prompt', 'question': say which with columns.prompt=",
        ),
        (["instruction", "prompt", "response"], "'instruction', 'prompt': say which"),
        (["question", "correct_answer"], "has no column answer or response or reply"),
        (["question", "answer", "pred"], "'answer', 'pred': say which with columns.answer="),
        (["question", "answer", "gpt-4o"], "'answer', 'gpt-4o': say which"),
        (["question", "answer", "generated"], "'answer', 'generated': say which"),
        (["question", "answer", "llama3_8b"], "'answer', 'llama3_8b': say which"),
        (["question", "answer", "responses"], "'answer', 'responses': say which"),
        (["question", "answer", "response.content"], "'answer', 'response.content': say which"),
        (["question", "output", "candidate"], "'output', 'candidate': say which"),
        (["question", "answer", "assistant"], "'answer', 'assistant': say which"),
        (["question", "answer", "Antwort"], "'answer', 'Antwort': say which"),
        (["question", "answer", "\u56de\u7b54"], "'answer', '\u56de\u7b54': say which"),
        (["question", "pred"], "has no column answer or response or reply"),
        (["user_prompt", "response"], "may hold the prompts, 'user_prompt': say so with columns."),
        (["human", "response"], "may hold the prompts, 'human': say so with columns.prompt=human"),
        (["query_text", "response"], "may hold the prompts, 'query_text': say so with"),
        (["prompts", "response"], "may hold the prompts, 'prompts': say so with"),
    ],
)
def test_where_two_columns_would_do_or_none_the_user_is_asked_in_a_sentence(tmp_path, names, said):
    path = table(tmp_path / "a.csv", names, [f"{name} text" for name in names])
    with pytest.raises(HarnessError) as caught:
        read(path)
    assert f"answers={str(path)!r} has" in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "prompt", "answer"),
    [
        (["question", "answer", "correct_answer"], "question", "answer"),
        (["Prompt", "Response", "reference_response"], "Prompt", "Response"),
        (["query", "llama_completion"], "query", "llama_completion"),
        (["question", "answer", "response_time"], "question", "answer"),
        (["question", "answer", "model"], "question", "answer"),
        (["question", "response", "model_name"], "question", "response"),
        (["question", "response", "generated_at"], "question", "response"),
        (["question", "response", "llm_score"], "question", "response"),
        (["question", "response", "gold_prediction"], "question", "response"),
        (["question", "response", "system_prompt"], "question", "response"),
    ],
)
def test_the_one_column_that_would_do_is_read_and_noted(tmp_path, names, prompt, answer):
    stored = read(table(tmp_path / "a.csv", names, [f"{name} text" for name in names]))
    assert asked(stored) == [f"{prompt} text"]
    assert [g.text for g in answered(stored)] == [f"{answer} text"]
    assert stored.notes == [f"a.csv: {prompt!r} was read as the prompt, {answer!r} as the answer"]


def test_columns_that_are_named_are_read_whatever_else_there_is(tmp_path):
    path = table(tmp_path / "a.csv", ["question", "input", "answer", "response"], "abcd")
    stored = read(path, "input", "response")
    assert (asked(stored), answered(stored)[0].text) == (["b"], "d")


def test_the_reference_beside_a_response_is_not_scored(harness, tmp_path):
    table(tmp_path / "both.csv", ["question", "answer", "response"], ["How?", "Ask.", REFUSED])
    done = harness("answers=both.csv", "scorer=[refusal]", **MODULE)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "results" / "runs").exists()
    done = harness("answers=both.csv", "scorer=[refusal]", "columns.answer=response", **MODULE)
    assert done.returncode == 0, done.stderr
    flat = " ".join(done.stdout.split())
    assert "both.csv: 'question' was read as the prompt, 'response' as the answer" in flat


def test_alpaca_s_instruction_and_input_are_the_prompt(tmp_path):
    path = tmp_path / "alpaca.json"
    row = {"instruction": "Add.", "input": "2, 3", "output": "5"}
    path.write_text(json.dumps([row, row | {"input": ""}]))
    stored = read(path)
    assert asked(stored) == ["Add.\n\n2, 3", "Add."]
    assert [g.text for g in answered(stored)] == ["5", "5"]
    assert "'instruction' with 'input' was read as the prompt" in stored.notes[0]


TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How's it?"}]
PARTS = [
    {"role": "user", "content": [{"type": "text", "text": "How "}, {"type": "text", "text": "?"}]}
]


@pytest.mark.parametrize(
    "value", [TURNS, json.dumps(TURNS), str(TURNS), {"messages": TURNS}, f"\n {TURNS!r}"]
)
def test_turns_are_turns_in_json_and_in_python_s_literals(tmp_path, value):
    (prompt,) = asked(read(lines(tmp_path / "a.jsonl", {"prompt": value, "response": "x"})))
    assert prompt == (Message("system", "Be brief."), Message("user", "How's it?"))


@pytest.mark.parametrize("value", [PARTS, json.dumps(PARTS), PARTS[0]])
def test_parts_of_a_turn_are_its_text(tmp_path, value):
    (prompt,) = asked(read(lines(tmp_path / "a.jsonl", {"prompt": value, "response": "x"})))
    assert prompt == (Message("user", "How ?"),)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "'image_url'"),
        ([{"role": "tool", "content": "4"}], "role 'tool', none of system, user, assistant"),
        ([{"from": "human", "value": "hi"}], "holds a part of type None|holds {'from'"),
        ([{"role": "user", "content": None}], "the content of a turn is None"),
        ([{"role": "user"}], "no turn with role and content"),
        (["hi"], "holds 'hi', which is no turn"),
        (True, "the prompt is True, neither a text nor turns"),
        ("[{'role': 'user', 'content': array(['a'])}]", "can be read neither as JSON nor as"),
        (
            "[{'role': 'user', 'content': 'a'}\n {'role': 'user', 'content': 'b'}]",
            "neither as JSON",
        ),
    ],
)
def test_a_prompt_that_is_neither_text_nor_turns_is_one_sentence(tmp_path, value, said):
    path = lines(tmp_path / "a.jsonl", {"prompt": value, "response": "x"})
    with pytest.raises(HarnessError, match=rf"record 1 of a\.jsonl: .*(?:{said})") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_record_without_a_prompt_has_none_and_is_counted(tmp_path):
    path = lines(
        tmp_path / "a.jsonl",
        {"prompt": None, "response": "x"}, {"response": "y"}, {"prompt": 5, "response": "z"},
    )  # fmt: skip
    stored = read(path)
    assert asked(stored) == ["", "", "5"]
    assert "2 records of a.jsonl have no prompt" in stored.notes[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([{"type": "text", "text": "a"}, {"type": "output_text", "text": "b"}], "ab"),
        ({"role": "assistant", "content": "c"}, "c"),
        ([{"role": "assistant", "content": "d"}], "d"),
        ("{'role': 'assistant', 'content': \"It's e\"}", "It's e"),
        ('[{"type": "text", "text": "f"}]', "f"),
        ('{"content": "an answer in JSON"}', '{"content": "an answer in JSON"}'),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_the_text_of_messages_and_parts_is_the_answer(tmp_path, value, text):
    stored = read(lines(tmp_path / "a.jsonl", {"prompt": "p", "response": value}))
    assert [g.text for g in answered(stored)] == [text]


@pytest.mark.parametrize(
    "value",
    [
        None, True, 42, 1.5, float("nan"), ["a", "b"], {"text": "a"}, [],
        [{"type": "image_url"}], {"role": "user", "content": "x"}, "['I cannot help.']",
        "[{'role': 'assistant', 'content': array(1)}]", "a lone \ud800",
    ],
)  # fmt: skip
def test_an_answer_that_is_no_text_is_missing_and_says_what_stands_there(tmp_path, value):
    stored = read(lines(tmp_path / "a.jsonl", {"prompt": "p", "response": value}))
    (generation,) = answered(stored)
    assert generation.text is None
    assert generation.error.startswith("the file has ")


def test_a_record_that_says_what_went_wrong_has_no_answer_for_that_reason(tmp_path):
    row = {"prompt": "p", "response": "", "error": "timed out"}
    (generation,) = answered(read(lines(tmp_path / "a.jsonl", row)))
    assert (generation.text, generation.error) == (None, "the file's error is 'timed out'")


FAILURES = [
    "error", "API error", "[API ERROR]", "TIMEOUT", "Timed out.", "FAILED", "BLOCKED", "[BLOCKED]",
    "SAFETY", "content_filter", "finish_reason: SAFETY", "no_answer", "[skipped]", "N.A.", "nil",
    "HTTP 503", "Request failed with status code 429", "An error occurred: Connection error.",
    "An error occurred while processing your request.", "Error communicating with OpenAI",
    "RuntimeError: CUDA error: device-side assert triggered", "OSError: [Errno 28]",
    "botocore.exceptions.ClientError: x", "java.lang.NullPointerException", "[Errno 111] refused",
    "ECONNRESET", "litellm.exceptions.Timeout: x", "Failed to generate response", "No response",
    "no response generated", "Overloaded", "The model `x` does not exist",
    "This model's maximum context length is 4096 tokens.", "Incorrect API key provided: sk-***",
    "That model is currently overloaded with other requests.", "The response was blocked.", "Error",
    "</s>", "<|endoftext|><|endoftext|>", "<pad>", "[Error: timeout]", "ERROR: x failed",
    "error: generation failed", "<error>x</error>", "Unknown error occurred", "socket hang up",
    "Sorry, something went wrong. Please try again later.", '{"detail":"Not Found"}',
    "<html><body>502</body></html>", "504 Gateway Time-out", "Anthropic API error: overloaded",
    "nan", "NaN", "None", "null", "NULL", "N/A", "#N/A", "<NA>", "undefined", " None\n", "<empty>",
    "[empty]", "(no response)", "<ERROR>", "$ERROR$", "ERROR", "[ERROR] 429 Too Many Requests",
    "[Error] something", "Error code: 500 - {'error': {'message': 'x'}}", "Error code: 429",
    "Error: 503", "Error 500: boom", "ERROR: Rate limit exceeded", "Error: Request timed out.",
    "Error: timeout", "Internal server error", "Internal Server Error.",
    "500 Internal Server Error",
    "429 Too Many Requests", "HTTP 503 Service Unavailable", "HTTP/1.1 502 Bad Gateway",
    "503: Service Unavailable", "Too Many Requests", "Request timed out.", "Connection error.",
    "429 Client Error: Too Many Requests for url: http://x", "HTTP Error 503: Service Unavailable",
    "Client error '429 Too Many Requests' for url 'http://x'", "Rate limit exceeded: try later",
    "openai.RateLimitError: Error code: 429 - {}", "RateLimitError('x')", "TimeoutError",
    "requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='x')",
    "Traceback (most recent call last):\n  File", "CUDA out of memory. Tried to allocate 2 GiB",
    '{"error": {"message": "overloaded"}}', "{'error': 'x'}", '{"type": "error", "error": {}}',
    "<html>\n<head><title>502 Bad Gateway</title></head>", "ChatCompletion(id='chatcmpl-1')",
    '{"id": "chatcmpl-1", "choices": []}', "You exceeded your current quota, please check",
]  # fmt: skip
ANSWERS = [
    "No.", "none", "none.", "None of them.", "NA", "Na", "Nan is my grandmother.", "Nothing", "",
    "500 mg twice daily", "450 calories", "404", "400 mg",
    "Error 404 means that a page is missing.",
    "Error bars show the spread.", "ERROR rates rise.", "Error: the drug is contraindicated.",
    "Internal server errors are faults.", "ZeroDivisionError: division by zero", "Not found.",
    "Gone.", "Overloaded.", "Timeout.", "Empty", "Missing.", "Unauthorized.", "(a)", "[1, 2]",
    '{"answer": 4}', "<html><title>My page</title>", "Null hypothesis.", "The error says 500.",
    "Rate limits protect servers.", "Undefined.", "I cannot help with that.",
    "ValueError: the value is wrong", "Error.", "Failed.", "Blocked arteries need care.", "Safety",
    "No response is needed.", "An error occurred in the dosing of the drug.", "Refused.",
    "ERROR: I cannot help with that.", "Exception: do not give it in pregnancy.", "<b>No</b>",
    "Something went wrong in the operation, and the surgeon said so.", "Skipped meals harm.",
    "The response was immunological.", "Failed to thrive, says the chart.", "Forbidden.",
]  # fmt: skip


def test_texts_that_programs_write_for_failures_are_told_from_short_answers():
    assert [text for text in FAILURES if failure(text) is None] == []
    assert [text for text in ANSWERS if failure(text) is not None] == []


def test_texts_that_stand_for_a_failure_are_missing_unless_the_user_says_otherwise(
    harness, tmp_path
):
    rows = [[f"q{i}", text] for i, text in enumerate(["nan", "[ERROR] 429 Too Many", REFUSED])]
    table(tmp_path / "a.csv", ["prompt", "answer"], *rows)
    args = ["answers=a.csv", "scorer=[refusal]", "max_unmeasured=1"]
    done = harness(*args, **MODULE)
    assert done.returncode == 0, done.stderr
    flat = " ".join(done.stdout.split())
    assert "3 generations, 2 of them failed" in flat
    assert "2 answers of a.csv are texts that stand for a failure ('nan', '[ERROR] 429 Too" in flat
    done = harness(*args, "failed_texts=false", **MODULE)
    assert "3 generations, 0 of them failed" in " ".join(done.stdout.split())


SAMPLE = {
    "doc_id": 0, "doc": {}, "target": "", "filtered_resps": ["x"], "filter": "none",
    "arguments": {"gen_args_0": {"arg_0": "How?", "arg_1": {}}}, "resps": [[REFUSED]],
}  # fmt: skip


def test_a_chat_of_lm_eval_s_is_turns(tmp_path):
    chat = {"gen_args_0": {"arg_0": [json.dumps(TURNS)], "arg_1": {}}}
    (prompt,) = asked(read(lines(tmp_path / "s.jsonl", SAMPLE | {"arguments": chat})))
    assert prompt == (Message("system", "Be brief."), Message("user", "How's it?"))


def test_documents_of_two_filters_are_scored_once(tmp_path):
    rows = [
        SAMPLE | {"doc_id": i, "filter": name, "filtered_resps": [name]}
        for name in ("strict-match", "flexible-extract") for i in range(3)
    ]  # fmt: skip
    stored = read(lines(tmp_path / "s.jsonl", *rows))
    assert len(stored.records.rows) == 3
    assert stored.n == 1
    assert "are left out: flexible-extract (3)" in stored.notes[0]


def test_several_answers_to_a_document_are_several_and_other_documents_are_others(tmp_path):
    other = SAMPLE | {"resps": [["a", "b"]], "filter": "other"}
    stored = read(lines(tmp_path / "s.jsonl", SAMPLE, other))
    assert [len(row["answers"]) for row in stored.records.rows] == [1, 2]
    assert not stored.notes


def test_a_document_of_several_prompts_is_refused(tmp_path):
    arguments = {f"gen_args_{i}": {"arg_0": f"{i}?", "arg_1": {}} for i in range(2)}
    path = lines(tmp_path / "s.jsonl", SAMPLE | {"arguments": arguments, "resps": [["a"], ["b"]]})
    with pytest.raises(HarnessError, match="holds answers to 2 prompts of one document"):
        read(path)


def test_a_failure_in_lm_eval_s_samples_is_missing(tmp_path):
    stored = read(lines(tmp_path / "s.jsonl", SAMPLE | {"resps": [["Internal server error"]]}))
    assert answered(stored)[0].text is None


def test_answers_of_two_models_are_not_one_model_s(tmp_path):
    path = table(tmp_path / "a.csv", ["prompt", "answer", "model"], "pax", "pby")
    with pytest.raises(HarnessError, match=r"2 models by its column 'model' \(x, y\)"):
        read(path)
    assert read(path, model="both").model == "both"
    table(path, ["prompt", "answer", "model"], "pax", "pbx")
    assert read(path).model == "a"


@pytest.mark.parametrize(
    ("ids", "names", "noted"),
    [
        ([7, 8], ["7", "8"], False),
        (["a", "a"], ["000000", "000001"], True),
        (["a", None], ["000000", "000001"], True),
        ([1, "1"], ["000000", "000001"], True),
        ([None, None], ["000000", "000001"], False),
    ],
)
def test_ids_that_tell_no_records_apart_are_not_used_and_that_is_noted(tmp_path, ids, names, noted):
    rows = [{"id": name, "prompt": "p", "response": "r"} for name in ids]
    stored = read(lines(tmp_path / "a.jsonl", *rows))
    assert [row["id"] for row in stored.records.rows] == names
    assert any("the ids of a.jsonl are not used" in note for note in stored.notes) == noted
    assert look_over(AnswersTask(stored, ["x"]), stored.records).total == 2


@pytest.mark.parametrize("name", ["x.eval", "x.xlsx", "x.tsv", "x.jsonl.zip", "x"])
def test_a_file_of_another_kind_is_said_by_the_option_that_named_it(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04")
    with pytest.raises(HarnessError) as caught:
        read(tmp_path / name)
    assert str(caught.value).startswith("answers=")
    assert "task.data" not in str(caught.value)
    assert "a zip archive" in str(caught.value)
