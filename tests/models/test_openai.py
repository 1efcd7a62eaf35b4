"""A served model, against a server of ours on loopback that behaves, and misbehaves."""

import asyncio
import json
from collections import Counter, defaultdict

import pyarrow.parquet as pq
import pytest
from aiohttp import web

from harness.models.openai import honouring
from harness.models.openai.model import ServedModel
from harness.models.openai.probing import BEGUN, QUESTION
from harness.scorers.judged.harmfulness import HarmfulnessScorer
from harness.testing import check_model
from harness.types.declared import notes_of
from harness.types.errors import HarnessError
from harness.types.identity import seed_of
from harness.types.records import Generation, Message, Request, Sample
from harness.types.settings import GenerationConfig

SECRET = "sk-verysecret123"
HONOURING = {honouring.DRAW, honouring.DRAW_BEGUN, honouring.ASK, honouring.ASK_BEGUN}
"""What is asked to find what a server honours."""
HEEDS = (
    "asked at the start, the server honours n, seed, logprobs; stop ignored: an answer went on "
    "behind a stop string"
)
"""What is found of the server here, which ends no answer at a stop string."""


class Server:
    """Answers in OpenAI's format; `trouble` maps a word in the prompt to what goes wrong there."""

    def __init__(self):
        self.trouble = {}
        self.times = defaultdict(int)
        self.bodies = []
        self.probes = []
        self.honouring = []
        self.keys = []
        self.at_once = self.most = 0

    async def answer(self, request):
        self.keys.append(request.headers.get("Authorization"))
        body = await request.json()
        said = body["messages"][-1]["content"] if "messages" in body else body["prompt"]
        if said in (QUESTION, BEGUN):
            self.probes.append(body)
            return await self._answer(request, body)
        if said in HONOURING:
            self.honouring.append(body)
            return await self._answer(request, body)
        self.bodies.append(body)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(0.02)
            return await self._answer(request, body)
        finally:
            self.at_once -= 1

    async def _answer(self, request, body):
        chat = "messages" in body
        said = body["messages"][-1]["content"] if chat else body["prompt"]
        self.times[said] += 1
        for word, act in self.trouble.items():
            if word in said:
                found = await act(self, request, said)
                if found is not None:
                    return found
        text = f"echo {said} {body.get('seed')}"
        choice = {"index": 0, "finish_reason": "stop", "logprobs": None}
        if body.get("logprobs"):
            tops = [{"token": t, "logprob": w, "bytes": None} for t, w in
                    ((" A", -0.5), (" B", -1.5), (" red", -2.0), ("x", -9.0))]  # fmt: skip
            first = {"token": " A", "logprob": -0.5, "bytes": None, "top_logprobs": tops}
            choice["logprobs"] = (
                {"content": [first]}
                if chat
                else {"top_logprobs": [{t["token"]: t["logprob"] for t in tops}], "tokens": [" A"],
                      "token_logprobs": [-0.5], "text_offset": [0]}
            )  # fmt: skip
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        answer = reply(choice, chat)
        answer["choices"] = [self.one(choice, number) for number in range(body.get("n", 1))]
        return web.json_response(answer)

    def one(self, choice, number):
        said = {} if number == 0 or "message" not in choice else {
            "message": {"role": "assistant", "content": f"{choice['message']['content']} {number}"}
        }  # fmt: skip
        return choice | {"index": number} | said


def reply(choice, chat=True):
    return {
        "id": "1", "created": 1, "model": "m", "choices": [choice],
        "object": "chat.completion" if chat else "text_completion",
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }  # fmt: skip


@pytest.fixture
def server(serving):
    served = Server()
    paths = ("/v1/chat/completions", "/v1/completions")
    with serving({f"POST {path}": served.answer for path in paths}) as address:
        served.url = f"{address}/v1"
        yield served


def asks(*texts, indices=(0,)):
    return [Request(text, (Message("user", text),), indices) for text in texts]


def answers(model, requests, seed=0, **settings):
    found = {}
    for some in model.generate(requests, GenerationConfig(max_new_tokens=8, **settings), seed):
        for generation in some:
            found[generation.sample_id, generation.index] = generation
    return found


@pytest.mark.long
def test_it_keeps_the_contract(server):
    check_model(ServedModel("m", server.url))


def test_each_generation_has_a_seed_of_its_own_that_nothing_beside_it_changes(server):
    model = ServedModel("m", server.url)
    found = answers(model, asks("one", "two", indices=(0, 3)), seed=5)
    assert found["two", 3].text == f"echo two {seed_of(5, 'two', 3)}"
    assert len({g.text for g in found.values()}) == 4
    again = answers(model, [Request("two", (Message("user", "two"),), (3,))], seed=5)
    assert again["two", 3].text == found["two", 3].text
    assert (found["two", 3].prompt_tokens, found["two", 3].tokens) == (3, 2)


def test_messages_go_to_chat_and_text_to_completions_with_their_settings(server):
    model = ServedModel("m", server.url, seeds=False, extra={"repetition_penalty": 1.1})
    answers(model, [Request("raw", "Once"), *asks("hello")], top_k=40, temperature=0.5)
    raw, chat = sorted(server.bodies, key=lambda body: "messages" in body)
    assert (raw["prompt"], chat["messages"]) == ("Once", [{"role": "user", "content": "hello"}])
    for body in (raw, chat):
        assert (body["temperature"], body["top_k"], body["max_tokens"]) == (0.5, 40, 8)
        assert body["repetition_penalty"] == 1.1
        assert "seed" not in body


def test_no_more_requests_than_allowed_are_under_way(server):
    found = answers(ServedModel("m", server.url, concurrency=3), asks(*map(str, range(20))))
    assert len(found) == 20
    assert server.most == 3


def status(code, times=10**6, headers=None, text="down"):
    async def act(server, request, said):
        if server.times[said] <= times:
            body = {"error": {"message": f"{text} {SECRET}", "code": code}}
            return web.json_response(body, status=code, headers=headers)
        return None

    return act


def in_a_200(code, times=10**6):
    async def act(server, request, said):
        if server.times[said] <= times:
            return web.json_response({"error": {"message": "too many", "code": code}})
        return None

    return act


def sends(text, kind="application/json", status=200):
    async def act(server, request, said):
        return web.Response(text=text, content_type=kind, status=status)

    return act


async def barred(server, request, said):
    error = {"message": "The prompt was filtered.", "code": "content_filter", "param": "prompt"}
    return web.json_response({"error": error}, status=400)


async def resets(server, request, said):
    request.transport.abort()
    return web.Response()


async def stalls(server, request, said):
    await asyncio.sleep(3)


async def half(server, request, said):
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"id": "1", "choices": [{"mess')
    request.transport.abort()
    return response


async def garbage(server, request, said):
    return web.Response(text="<html>busy</html>", content_type="application/json")


async def other(server, request, said):
    return web.json_response({"choices": []})


async def filtered(server, request, said):
    message = {"role": "assistant", "content": None}
    return web.json_response(
        reply({"index": 0, "finish_reason": "content_filter", "message": message})
    )


async def silent(server, request, said):
    message = {"role": "assistant", "content": ""}
    return web.json_response(reply({"index": 0, "finish_reason": "stop", "message": message}))


def test_what_a_second_try_mends_is_mended(server):
    server.trouble = {
        "busy": status(429, times=2, headers={"Retry-After": "0.1"}),
        "down": status(503, times=1),
        "within": in_a_200(429, times=1),
    }
    found = answers(ServedModel("m", server.url, retries=3), asks("busy", "down", "within", "well"))
    assert all(g.error is None for g in found.values())
    times = Counter({said: n for said, n in server.times.items() if said not in HONOURING})
    assert times == {"busy": 3, "down": 2, "within": 2, "well": 1, QUESTION: 1}


def test_what_still_fails_is_one_failure_with_its_reason(server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    server.trouble = {
        "down": status(500), "long": status(400, text="context too long"), "reset": resets,
        "stall": stalls, "half": half, "garbage": garbage, "other": other, "none": sends(""),
        "stream": sends('data: {"choices": []}', "text/event-stream"), "within": in_a_200(503),
        "page": sends("<html><title>Bad Gateway</title>", "text/html", 502),
    }  # fmt: skip
    model = ServedModel("m", server.url, retries=1, timeout=0.5)
    found = answers(model, asks(*server.trouble, "well"))
    reasons = {name: generation.error for (name, _), generation in found.items()}
    assert reasons.pop("well") is None
    assert "500" in reasons["down"]
    assert "context too long" in reasons["long"]
    assert reasons["stall"] == "no answer within 0.5 seconds"
    assert "connection failed" in reasons["reset"]
    assert "connection failed" in reasons["half"] or "cannot be read" in reasons["half"]
    assert "cannot be read" in reasons["garbage"]
    assert "cannot be read" in reasons["other"]
    assert "an empty body" in reasons["none"]
    assert "the stream of events (text/event-stream) holds no piece" in reasons["stream"]
    assert reasons["within"] == "the server answered 503: too many"
    assert reasons["page"] == "the server answered 502: an HTML page: Bad Gateway"
    assert server.keys[0] == f"Bearer {SECRET}"
    assert not any(SECRET in reason for reason in reasons.values())
    assert server.times["down"] == server.times["within"] == server.times["page"] == 2
    assert server.times["long"] == 1


@pytest.mark.parametrize(("code", "said"), [(401, "does not take the key"), (404, "no such model")])
def test_what_every_request_would_meet_ends_the_run(server, monkeypatch, code, said):
    monkeypatch.setenv("OTHER_KEY", SECRET)
    server.trouble = {"": status(code)}
    model = ServedModel("m", server.url, api_key_env="OTHER_KEY")
    with pytest.raises(HarnessError, match=said) as caught:
        answers(model, asks("a", "b"))
    assert SECRET not in str(caught.value)


def test_a_filter_and_silence_are_neither_failures_nor_answers(server):
    server.trouble = {"taboo": filtered, "silence": silent, "barred": barred}
    found = answers(ServedModel("m", server.url), asks("taboo", "silence", "barred"))
    assert found["taboo", 0].finish_reason == "filtered"
    assert found["barred", 0].finish_reason == "filtered"
    assert found["silence", 0].finish_reason == "stop"
    assert [g.error for g in found.values()] == [None, None, None]
    assert [g.text for g in found.values()] == ["", "", ""]


def test_all_answers_to_a_prompt_in_one_request(server):
    model = ServedModel("m", server.url, together=True)
    found = list(answers(model, asks("a", indices=(2, 5, 7))).values())
    assert len(server.bodies) == 1
    assert (server.bodies[0]["n"], server.bodies[0]["seed"]) == (3, seed_of(0, "a", 2))
    own = seed_of(0, "a", 2)
    assert [(one.index, one.text) for one in found] == [
        (2, f"echo a {own}"), (5, f"echo a {own} 1"), (7, f"echo a {own} 2")
    ]  # fmt: skip
    assert not model.asks_each
    assert model.identity != ServedModel("m", server.url).identity


def test_of_answers_that_a_server_left_out_nothing_is_made_up(server):
    async def fewer(server, request, said):
        choice = {"index": 1, "finish_reason": "stop", "logprobs": None,
                  "message": {"role": "assistant", "content": "only this"}}  # fmt: skip
        return web.json_response(reply(choice))

    server.trouble["lonely"] = fewer
    found = answers(ServedModel("m", server.url, together=True), asks("lonely", indices=(0, 1)))
    found = list(found.values())
    assert (found[0].text, found[1].text) == (None, "only this")
    assert found[0].error == "the server gave 1 of the 2 answers that it was asked for"


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thinking_that_a_server_keeps_apart_stays_apart(server, name):
    async def think(server, request, said):
        message = {"role": "assistant", "content": "so", name: "hm"}
        return web.json_response(reply({"index": 0, "finish_reason": "stop", "message": message}))

    server.trouble["a"] = think
    (found,) = answers(ServedModel("m", server.url), asks("a")).values()
    assert (found.text, found.thinking) == ("so", "hm")


def test_choices_are_weighed_by_the_first_token(server):
    model = ServedModel("m", server.url, choices=True, continues=True)
    prompt = (Message("user", "Which?"), Message("assistant", "Answer:"))
    found = answers(model, [Request("q", prompt, choices=(" A", " B", " C"))])
    assert found["q", 0].choice_logprobs == (-0.5, -1.5, float("-inf"))
    assert server.bodies[0]["continue_final_message"] is True
    assert server.bodies[0]["max_tokens"] == 1
    none = answers(model, [Request("q", prompt, choices=(" Y", " Z"))])
    assert "none of Y, Z is among" in none["q", 0].error


@pytest.mark.parametrize(
    ("options", "request_", "said"),
    [
        ({}, Request("q", (Message("user", "?"),), choices=(" A",)), "set backend.choices=true"),
        ({"choices": True}, Request("q", "?", choices=(" a b",)), "' a b' is not one word"),
        ({}, Request("q", (Message("user", "?"), Message("assistant", "So"))), "continues=true"),
    ],
)
def test_what_a_server_cannot_be_asked_is_said_before_it_is(server, options, request_, said):
    with pytest.raises(HarnessError, match=said):
        answers(ServedModel("m", server.url, **options), [request_])
    assert server.bodies == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"base_url": "localhost:8000"}, "is no address of a server"),
        ({"base_url": "http://me:pw@host/v1"}, "holds a user or a password"),
        ({"concurrency": 0}, "backend.concurrency=0 must be at least 1"),
        ({"timeout": 0.0}, "backend.timeout=0.0 must be a number of seconds above 0"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, said):
    with pytest.raises(HarnessError, match=said) as caught:
        ServedModel("m", **{"base_url": "http://localhost/v1"} | options)
    assert "pw" not in str(caught.value)


def test_a_run_keeps_what_failed_apart_and_asks_it_again(harness, server, tmp_path):
    prompts = ["down", "taboo", "silence", "well", "fine", "barred"]
    (tmp_path / "own.jsonl").write_text(
        "".join(json.dumps({"prompt": p, "category": 1, "id": p}) + "\n" for p in prompts)
    )
    server.trouble = {
        "down": status(500), "taboo": filtered, "silence": silent, "barred": barred
    }  # fmt: skip
    command = [
        "task=med_harm", "task.data=own.jsonl", "backend=openai", f"backend.base_url={server.url}",
        "backend.retries=0", "scorer=[refusal]", "model=m", "backend.omit=[temperature]",
        'generation.stop=["o w"]',
    ]  # fmt: skip
    done = harness(*command, OPENAI_API_KEY=SECRET)
    assert done.returncode == 3, done.stderr
    assert "2 answers withheld by a filter of the server's, 1 empty" in done.stdout
    assert "WARNING: a request failed: the server answered 500: down ***" in done.stderr
    assert "INFO: HTTP" not in done.stderr
    assert len(server.probes) == 1
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    info = json.loads((folder / "run.json").read_text())
    assert (info["generations_failed"], info["generations_filtered"]) == (1, 2)
    assert info["sessions"][0]["model"]["probe"]["tokens"] == 2
    heeds, note = info["notes"]
    after = "; answers are cut at stop strings after the server has written them"
    assert heeds == HEEDS + after
    honours = info["sessions"][0]["model"]["probe"]["honours"]
    assert honours == {"n": "yes", "seed": "yes", "logprobs": "yes: 4 likeliest tokens",
                       "stop": "ignored: an answer went on behind a stop string"}  # fmt: skip
    assert HEEDS in " ".join(done.stdout.split())
    assert note.startswith("temperature was left out of every request (backend.omit)")
    assert note in " ".join(done.stdout.split())
    texts = pq.ParquetDataset(folder / "generations").read().to_pylist()
    assert {g["text"] for g in texts if g["sample_id"] == "well"} == {"ech"}
    rows = pq.read_table(folder / "scores.parquet").to_pylist()
    reasons = {r["sample_id"]: r["error"] for r in rows if r["metric"] == "refusal"}
    assert reasons["taboo"] == reasons["barred"] == "the server's filter withheld the answer"
    assert reasons["silence"] == "empty answer"
    assert reasons["down"].startswith("no generation: the server answered 500")
    assert reasons["well"] == "too short to tell its language"  # "ech"
    assert reasons["fine"] is None
    server.trouble.pop("down")
    asked = server.times["well"], server.times["barred"]
    again = harness(*command, "retry=failed", OPENAI_API_KEY=SECRET)
    assert again.returncode == 3  # the filter and the silence stay
    assert (server.times["well"], server.times["barred"]) == asked
    assert len(server.probes) == 2
    harness(*command, OPENAI_API_KEY=SECRET)
    assert len(server.probes) == 2  # a finished run asks nothing
    info = json.loads((folder / "run.json").read_text())
    assert info["generations_failed"] == 0
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes(), path


def refuses(words, code=None, status=400, unless=lambda body: False):
    async def act(server, request, said):
        if unless(await request.json()):
            return None
        return web.json_response({"error": {"message": words, "code": code}}, status=status)

    return act


def test_a_parameter_that_is_refused_ends_the_run_before_anything_is_asked(server):
    words = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    server.trouble = {"": refuses(words, unless=lambda body: "max_tokens" not in body)}
    with pytest.raises(HarnessError) as caught:
        answers(ServedModel("m", server.url), asks("one", "two"))
    assert words in str(caught.value)
    assert str(caught.value).endswith("set backend.max_tokens_name=max_completion_tokens")
    assert (len(server.probes), server.bodies) == (1, [])
    model = ServedModel("m", server.url, max_tokens_name="max_completion_tokens")
    found = answers(model, asks("one", "two"))
    assert [g.error for g in found.values()] == [None, None]
    assert server.bodies[0]["max_completion_tokens"] == 8
    assert model.identity != ServedModel("m", server.url).identity


def test_a_server_that_answers_in_streams_alone_is_asked_for_streams(server):
    async def streams(server, request, prompt):
        body = await request.json()
        if not body.get("stream"):
            return web.json_response({"error": {"message": "only stream mode here"}}, status=400)
        assert body["stream_options"] == {"include_usage": True}
        parts = [{"content": "Take "}, {"content": "two."}, {}]
        ends = [None, None, "stop"]
        lines = [
            json.dumps({"choices": [{"index": 0, "delta": part, "finish_reason": end}]})
            for part, end in zip(parts, ends, strict=True)
        ] + ['{"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 3}}', "[DONE]"]
        text = "".join(f"data: {line}\n\n" for line in lines)
        return web.Response(text=text, content_type="text/event-stream")

    server.trouble = {"": streams}
    with pytest.raises(HarnessError, match=r"only stream mode here .*; set backend\.stream=true"):
        answers(ServedModel("m", server.url), asks("one"))
    found = answers(ServedModel("m", server.url, stream=True), asks("one"))
    assert (found["one", 0].text, found["one", 0].prompt_tokens, found["one", 0].tokens) == (
        "Take two.", 4, 3
    )  # fmt: skip


def test_how_much_a_model_reasons_is_sent_and_part_of_its_identity(server):
    model = ServedModel("m", server.url, reasoning_effort="low")
    answers(model, asks("one"))
    assert server.bodies[0]["reasoning_effort"] == "low"
    assert model.identity["reasoning_effort"] == "low"
    assert "reasoning_effort" not in ServedModel("m", server.url).identity
    server.trouble = {"": refuses("Unrecognized request argument supplied: reasoning_effort")}
    with pytest.raises(HarnessError, match=r"set backend\.reasoning_effort=null"):
        answers(ServedModel("m", server.url, reasoning_effort="low"), asks("one"))


def test_what_is_refused_alike_from_the_first_is_not_asked_to_the_end(server):
    server.trouble = {"ask": refuses("No more than 3 of request 123 at once")}
    requests = asks(*(f"ask {number}" for number in range(200)))
    refused = r"all (8|9|10|11) requests so far were refused: the server answered"  # 3 under way
    with pytest.raises(HarnessError, match=refused):
        answers(ServedModel("m", server.url, concurrency=4), requests)
    assert len(server.bodies) < 20
    server.bodies.clear()
    found = answers(ServedModel("m", server.url, concurrency=4), [*asks("well"), *requests[:20]])
    assert sum(g.error is not None for g in found.values()) == 20


def test_an_account_with_nothing_left_ends_the_run_at_once(server):
    server.trouble = {"": refuses("You have run out", "insufficient_quota", 429)}
    with pytest.raises(HarnessError, match="has nothing left: the server answered 429: You"):
        answers(ServedModel("m", server.url), asks("one"))
    assert len(server.probes) == 1
    server.trouble = {"one": server.trouble[""]}
    with pytest.raises(HarnessError, match="has nothing left"):
        answers(ServedModel("m", server.url), asks("one"))
    assert server.times["one"] == 1


def test_a_prompt_that_alone_is_forbidden_is_one_failure(server):
    server.trouble = {"two": refuses("not this one", status=403)}
    found = answers(ServedModel("m", server.url, concurrency=1), asks("one", "two"))
    assert (found["one", 0].error, "not this one" in found["two", 0].error) == (None, True)


def test_a_server_that_is_not_there_is_said_once():
    model = ServedModel("m", "http://127.0.0.1:9/v1", retries=0)
    with pytest.raises(HarnessError, match=r"no server can be asked at http://127.0.0.1:9/v1"):
        answers(model, asks("one"))


BEGINS = [Request("q", (Message("user", "Which?"), Message("assistant", "Answer:")))]


@pytest.mark.parametrize("text", ["The capital of France is Paris.", " Paris", "I cannot help."])
def test_a_server_that_begins_anew_where_it_was_to_go_on_is_found(server, text):
    server.trouble = {BEGUN: sends(json.dumps(reply(said(text))))}
    with pytest.raises(HarnessError, match="which begins anew"):
        answers(ServedModel("m", server.url, continues=True), BEGINS)
    assert server.bodies == []
    assert server.probes[0]["continue_final_message"] is True
    assert answers(ServedModel("m", server.url, continues=True, probe=False), BEGINS)


def test_a_server_that_goes_on_is_told_from_one_of_which_it_is_not_known(server):
    server.trouble = {BEGUN: sends(json.dumps(reply(said("is."))))}
    model = ServedModel("m", server.url, continues=True)
    answers(model, BEGINS)
    assert (model.remarks["probe"]["goes_on"], model.notes) == ("yes", [HEEDS])
    server.trouble = {}
    model = ServedModel("m", server.url, continues=True)
    answers(model, BEGINS)
    assert model.remarks["probe"]["goes_on"] == "not known"
    assert "could not be told" in model.notes[0]
    assert model.notes[1:] == [HEEDS]


def test_a_server_that_repeats_what_was_begun_is_found_and_the_repetition_taken_out(server):
    begun = "Answer:"
    server.trouble = {
        BEGUN: sends(json.dumps(reply(said(f"{BEGUN}is.")))),
        begun: sends(json.dumps(reply(said(f"{begun} B")))),
    }
    model = ServedModel("m", server.url, continues=True)
    (answer,) = answers(model, BEGINS).values()
    assert answer.text == " B"
    assert model.remarks["probe"]["goes_on"] == "yes, repeating what was begun"


def said(text):
    return {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}


def test_a_server_without_log_probabilities_is_found_and_few_of_them_are_noted(server):
    letters = [Request("q", (Message("user", "Which?"),), choices=(" A", " B"))]
    model = ServedModel("m", server.url, choices=True)
    answers(model, letters)
    assert "gives the 4 likeliest tokens where 20 are asked for" in model.notes[0]
    server.trouble = {QUESTION: sends(json.dumps(reply(said("A"))))}
    with pytest.raises(HarnessError, match="no log-probabilities of likely tokens"):
        answers(ServedModel("m", server.url, choices=True), letters)
    with pytest.raises(HarnessError, match="' A' and 'A' are one word"):
        answers(model, [Request("q", (Message("user", "Which?"),), choices=(" A", "A"))])


def test_a_server_that_gives_one_answer_of_many_is_found(server):
    server.trouble = {QUESTION: sends(json.dumps(reply(said("Paris."))))}
    with pytest.raises(HarnessError, match=r"gave 1: it ignores `n`; set backend.together=false"):
        answers(ServedModel("m", server.url, together=True), asks("one", indices=(0, 1, 2)))


def test_answers_beyond_the_limit_of_their_length_are_noted(server):
    async def long(server, request, prompt):
        answer = reply(said("so long"))
        answer["usage"]["completion_tokens"] = 500
        return web.json_response(answer)

    server.trouble = {"tale": long}
    model = ServedModel("m", server.url)
    answers(model, asks("tale", "well"))
    assert model.remarks["longest_answer"] == 500
    assert model.notes == [
        HEEDS,
        "the server does not keep to max_tokens: it took more than 8 for an answer",
    ]


def test_the_key_reaches_no_answer_and_no_sentence(server, monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    server.trouble = {
        "echo": sends(json.dumps(reply(said(f"Bearer {SECRET}")))),
        "bad": status(400),
    }
    found = answers(ServedModel("m", server.url), asks("echo", "bad", "well"))
    assert found["echo", 0].text == "Bearer ***"
    assert "down ***" in found["bad", 0].error
    assert SECRET not in caplog.text
    for key in (f"{SECRET}\n", f" {SECRET}", "schl\u00fcssel"):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with pytest.raises(HarnessError, match=r"the key in \$OPENAI_API_KEY has spaces") as caught:
            answers(ServedModel("m", server.url), asks("well"))
        assert key.strip() not in str(caught.value)


def test_what_a_judge_s_server_goes_without_is_noted_of_the_judge(server):
    judge = HarmfulnessScorer("j", ServedModel("j", server.url, omit=["top_p"]))
    judge.score([Sample("q", asks("well")[0].prompt)], [Generation("q", 0, "Take two.")])
    heeds, note = notes_of(judge)
    assert heeds == f"judge 'j': {HEEDS}"
    assert note.startswith("judge 'j': top_p was left out of every request (backend.omit)")
