"""Batches: written, sent once, gone on with by another process, joined by id."""

import json

import pytest
from aiohttp import web

from harness.models.openai import batching
from harness.models.openai.model import ServedModel
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

SECRET = "sk-verysecret123"


class Server:
    """Answers requests at once for the probe, and batches in OpenAI's format when it is told to."""

    def __init__(self):
        self.files = {}
        self.batches = {}
        self.ended = True
        self.status = "completed"
        self.trouble = {}
        self.asked = []
        self.lists = True

    async def chat(self, request):
        return web.json_response(answered("probe"))

    async def upload(self, request):
        form = await request.post()
        assert form["purpose"] == "batch"
        name = f"file-{len(self.files)}"
        self.files[name] = form["file"].file.read().decode()
        return web.json_response(
            {"id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "x",
             "purpose": "batch", "status": "processed"}
        )  # fmt: skip

    async def create(self, request):
        body = await request.json()
        assert body["completion_window"] == "24h"
        name = f"batch-{len(self.batches)}"
        lines = list(map(json.loads, self.files[body["input_file_id"]].splitlines()))
        assert {line["url"] for line in lines} == {body["endpoint"]}
        self.batches[name] = body | {"lines": lines}
        self.asked += [line["body"]["messages"][-1]["content"] for line in lines]
        return web.json_response(self._state(name, "validating"))

    async def retrieve(self, request):
        name = request.match_info["name"]
        return web.json_response(self._state(name, self.status if self.ended else "in_progress"))

    async def listed(self, request):
        if not self.lists:
            return web.json_response({"error": {"message": "no such path"}}, status=404)
        found = [self._state(name, "in_progress") for name in self.batches]
        return web.json_response({"object": "list", "data": found, "has_more": False})

    async def content(self, request):
        name, kind = request.match_info["name"].rsplit("-", 1)
        lines = []
        for line in reversed(self.batches[name]["lines"]):  # in an order of the server's own
            said = line["body"]["messages"][-1]["content"]
            usual = {"response": {"status_code": 200, "body": answered(f"to {said}")}}
            result = self.trouble.get(said, usual)
            if result is not None and (kind == "errors") == ("error" in result):
                lines.append(json.dumps({"id": "1", "custom_id": line["custom_id"], **result}))
        return web.Response(text="\n".join(lines))

    def _state(self, name, status):
        body = self.batches[name]
        errors = {"object": "list", "data": [{"code": "x", "message": "line 1 is wrong"}]}
        return {
            "id": name, "object": "batch", "endpoint": body["endpoint"], "status": status,
            "completion_window": "24h", "created_at": 1, "input_file_id": body["input_file_id"],
            "metadata": body["metadata"], "output_file_id": f"{name}-answers",
            "error_file_id": f"{name}-errors", "errors": errors if status == "failed" else None,
        }  # fmt: skip


def answered(text):
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": text}}
    return {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def server(monkeypatch, serving):
    monkeypatch.setattr(batching, "SOON", 0.05)
    served = Server()
    routes = {
        "POST /v1/chat/completions": served.chat,
        "POST /v1/files": served.upload,
        "GET /v1/files/{name}/content": served.content,
        "POST /v1/batches": served.create,
        "GET /v1/batches": served.listed,
        "GET /v1/batches/{name}": served.retrieve,
    }
    with serving(routes) as address:
        served.url = f"{address}/v1"
        yield served


def asks(*texts, indices=(0,)):
    return [Request(text, (Message("user", text),), indices) for text in texts]


def answers(server, requests, seed=0, **options):
    settings = {"batch": True, "batch_wait": 20.0, "retries": 0, "probe": False} | options
    model = ServedModel("m", server.url, **settings)
    parts = model.generate(requests, GenerationConfig(max_new_tokens=8, temperature=1.0), seed)
    return {(one.sample_id, one.index): one for part in parts for one in part}


def test_all_requests_go_in_one_batch_and_their_answers_are_joined_by_id(server):
    found = answers(server, asks("one", "two", "three", indices=(0, 1)))
    assert {key: one.text for key, one in found.items()} == {
        (text, index): f"to {text}" for text in ("one", "two", "three") for index in (0, 1)
    }
    assert (found["one", 0].prompt_tokens, found["one", 0].tokens) == (3, 2)
    assert len(server.batches) == 1
    (batch,) = server.batches.values()
    assert len({line["custom_id"] for line in batch["lines"]}) == 6
    assert len({line["body"]["seed"] for line in batch["lines"]}) == 6


def test_a_batch_under_way_ends_the_command_and_another_process_goes_on_with_it(server):
    server.ended = False
    with pytest.raises(HarnessError, match=r"batch batch-0 .* is under way .* the same command"):
        answers(server, asks("one", "two"), batch_wait=0.0)
    server.ended = True
    found = answers(server, asks("one", "two"))
    assert [one.text for one in found.values()] == ["to one", "to two"]
    assert server.asked == ["one", "two"]


def test_of_what_is_left_of_a_batch_nothing_is_sent_again_and_what_is_new_is(server):
    answers(server, asks("one", "two"))
    found = answers(server, asks("two", "three"))
    assert {one.text for one in found.values()} == {"to two", "to three"}
    assert server.asked == ["one", "two", "three"]
    answers(server, asks("two"), seed=1)
    assert server.asked[3:] == ["two"]


def test_a_batch_that_nobody_noted_as_sent_is_found_at_the_server(server, tmp_path):
    answers(server, asks("one"))
    (state,) = tmp_path.rglob("*.json")
    state.write_text('{"batch": null, "failed": []}')
    assert answers(server, asks("one"))["one", 0].text == "to one"
    assert server.asked == ["one"]
    state.write_text('{"batch": null, "failed": []}')
    server.lists = False
    answers(server, asks("one"))
    assert server.asked == ["one", "one"]


def test_failures_keep_their_reasons_and_are_asked_anew(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    refused = {"error": {"message": f"too long {SECRET}", "code": "context_length_exceeded"}}
    barred = {"error": {"message": "filtered", "code": "content_filter"}}
    server.trouble = {
        "long": {"response": {"status_code": 400, "body": refused}},
        "barred": {"response": {"status_code": 400, "body": barred}},
        "late": {"response": None, "error": {"code": "batch_expired", "message": "not in time"}},
        "gone": None,
        "odd": {"response": {"status_code": 200, "body": {"choices": []}}},
    }
    server.status = "expired"
    found = answers(server, asks("well", *server.trouble))
    assert (found["well", 0].text, found["barred", 0].finish_reason) == ("to well", "filtered")
    reasons = {name: one.error for (name, _), one in found.items() if one.error}
    assert reasons["long"] == "the server answered 400: too long *** (context_length_exceeded)"
    assert "not in time" in reasons["late"]
    assert reasons["gone"] == "the batch is expired, and holds nothing of this request"
    assert "it has no choices" in reasons["odd"]
    failed = [*reasons]
    server.asked, server.trouble, server.status = [], {}, "completed"
    again = answers(server, asks(*failed))
    assert {one.error for one in again.values()} == {None}
    assert sorted(server.asked) == sorted(failed)


def test_a_batch_that_is_refused_as_a_whole_is_forgotten(server):
    server.status = "failed"
    with pytest.raises(HarnessError, match=r"batch-0 at http.* was refused: line 1 is wrong"):
        answers(server, asks("one"))
    server.status = "completed"
    assert answers(server, asks("one"))["one", 0].text == "to one"
    assert len(server.batches) == 2


def test_more_than_a_server_takes_goes_in_several_batches(server, monkeypatch):
    monkeypatch.setattr("harness.models.openai.batch_files.MOST", 2)
    found = answers(server, asks(*"abcde"))
    assert sorted(one.text for one in found.values()) == [f"to {name}" for name in "abcde"]
    assert [len(batch["lines"]) for batch in server.batches.values()] == [2, 2, 1]


def test_a_server_without_batches_says_so():
    model = ServedModel("m", "http://127.0.0.1:9/v1", batch=True, retries=0, probe=False)
    for fault in ("written to the server", "looked for"):  # the file of the first call is kept
        with pytest.raises(HarnessError, match=rf"could not be {fault} .*batch=false"):
            list(model.generate(asks("one"), GenerationConfig(), 0))


def test_batches_halve_the_price_and_change_no_identity(server):
    prices = {"input": 2.0, "output": 8.0}
    batched = ServedModel("m", server.url, batch=True, prices=prices)
    live = ServedModel("m", server.url, prices=prices)
    assert (batched.prices, live.prices) == ({"input": 1.0, "output": 4.0}, prices)
    assert batched.identity == live.identity
    with pytest.raises(HarnessError, match="exclude each other"):
        ServedModel("m", server.url, batch=True, stream=True)


def test_a_run_is_ended_and_gone_on_with_from_the_command_line(server, harness, tmp_path):
    command = [
        "task=med_harm", "limit=4", "scorer=[refusal]", "model=m", "backend=openai",
        "backend.batch=true", "backend.batch_wait=0", f"backend.base_url={server.url}",
    ]  # fmt: skip
    server.ended = False
    settings = {"HARNESS_CACHE": str(tmp_path / "cache"), "OPENAI_API_KEY": SECRET}
    first = harness(*command, **settings)
    assert first.returncode != 0
    assert "the same command goes on with it" in " ".join(first.stderr.split())
    server.ended = True
    done = harness(*command, **settings)
    assert "4 samples, 4 generations" in " ".join(done.stdout.split()), done.stderr
    assert len(server.asked) == 4
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes(), path
