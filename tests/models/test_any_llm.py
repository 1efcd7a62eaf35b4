"""Models by any-llm-sdk, against servers of ours that speak Anthropic's and Gemini's interfaces."""

import pytest
from aiohttp import web

from harness.models.any_llm.model import AnyModel
from harness.models.openai import honouring
from harness.models.openai.probing import QUESTION
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")
"""Of google-genai as it is imported."""
SECRET = "sk-ant-verysecret123"
PROBES = {QUESTION, honouring.DRAW, honouring.ASK}


class Provider:
    """Speaks both interfaces; `trouble` gives by a word of the prompt what goes wrong there."""

    def __init__(self):
        self.trouble = {}
        self.bodies = []
        self.keys = set()
        self.times = {}

    async def anthropic(self, request):
        body = await request.json()
        self.keys.add(request.headers.get("x-api-key"))
        return self._answered(body, body["messages"][-1]["content"], self._message)

    async def gemini(self, request):
        body = await request.json()
        assert request.path.endswith("gemini-m:generateContent"), request.path
        self.keys.add(request.headers.get("x-goog-api-key"))
        return self._answered(body, body["contents"][-1]["parts"][0]["text"], self._candidate)

    def _answered(self, body, said, usual):
        if said not in PROBES:
            self.bodies.append(body)
        self.times[said] = self.times.get(said, 0) + 1
        answer = self.trouble.get(said) or self.trouble.get("")
        if callable(answer):
            answer = answer(body, self.times[said])
        if isinstance(answer, web.Response):
            return answer
        return web.json_response(answer or usual(f"to {said}"))

    def _message(self, text):
        return message(text)

    def _candidate(self, text):
        return candidate(text)


def message(text, end="end_turn", thought=None):
    """As Anthropic's interface answers."""
    content = [{"type": "text", "text": text}] if text else []
    if thought:
        content.insert(0, {"type": "thinking", "thinking": thought, "signature": "c2ln"})
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
        "stop_reason": end, "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 3},
    }  # fmt: skip


def candidate(text, end="STOP", thought=None):
    """As Gemini's interface answers."""
    parts = [{"text": thought, "thought": True}] if thought else []
    parts += [{"text": text}] if text else []
    one = {"content": {"role": "model", "parts": parts}, "index": 0} | (
        {"finishReason": end} if end else {}
    )
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 3, "totalTokenCount": 10}
    return {"candidates": [one], "usageMetadata": usage, "responseId": "1"}


def fault(status, words, kind="invalid_request_error", headers=None):
    error = {"type": "error", "error": {"type": kind, "message": words}}
    return lambda body, times: web.json_response(error, status=status, headers=headers)


@pytest.fixture
def provider(monkeypatch, serving):
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    monkeypatch.setenv("GEMINI_API_KEY", SECRET)
    served = Provider()
    routes = {"POST /v1/messages": served.anthropic, "POST /{path:.*}": served.gemini}
    with serving(routes) as served.url:
        yield served


def claude(provider, **options):
    settings = {"seeds": False, "retries": 0} | options
    return AnyModel("claude-m", "anthropic", provider.url, **settings)


def gemini(provider, **options):
    return AnyModel("gemini-m", "gemini", provider.url, **{"retries": 0} | options)


def asks(*texts):
    return [Request(text, (Message("user", text),)) for text in texts]


def answers(model, requests, **settings):
    generation = GenerationConfig(max_new_tokens=8, **settings)
    return {
        answer.sample_id: answer
        for part in model.generate(requests, generation, 0)
        for answer in part
    }


def test_anthropic_s_interface_is_asked_and_read(provider):
    provider.trouble = {
        "short": message("Take", "max_tokens"),
        "stopped": message("Take two.", "stop_sequence"),
        "thought": message("Take two.", thought="Two will do."),
    }
    system = Request("hi", (Message("system", "Be brief."), Message("user", "hi")))
    model = claude(provider)
    found = answers(model, [system, *asks(*provider.trouble)], stop=["###"])
    assert (found["hi"].text, found["hi"].prompt_tokens, found["hi"].tokens) == ("to hi", 7, 3)
    ends = {name: answer.finish_reason for name, answer in found.items()}
    assert ends == {"hi": "stop", "short": "length", "stopped": "stop", "thought": "stop"}
    assert (found["thought"].text, found["thought"].thinking) == ("Take two.", "Two will do.")
    (body,) = [body for body in provider.bodies if body["messages"][0]["content"] == "hi"]
    assert (body["system"], body["max_tokens"], body["stop_sequences"]) == ("Be brief.", 8, ["###"])
    assert provider.keys == {SECRET}


def test_gemini_s_interface_is_asked_and_read(provider):
    provider.trouble = {
        "short": candidate("Take", "MAX_TOKENS"),
        "thought": candidate("Take two.", thought="Two will do."),
    }
    found = answers(gemini(provider), asks("hi", *provider.trouble), temperature=0.5)
    assert (found["hi"].text, found["hi"].prompt_tokens, found["hi"].tokens) == ("to hi", 7, 3)
    assert found["short"].finish_reason == "length"
    assert (found["thought"].text, found["thought"].thinking) == ("Take two.", "Two will do.")
    (body,) = [b for b in provider.bodies if b["contents"][0]["parts"][0]["text"] == "hi"]
    settings = body["generationConfig"]
    assert (settings["maxOutputTokens"], settings["temperature"]) == (8, 0.5)
    assert isinstance(settings["seed"], int)


@pytest.mark.parametrize(
    ("make", "answer", "word"),
    [
        (claude, message("Take", "pause_turn"), "'pause_turn'"),
        (claude, message("Take", "a_new_reason"), "a_new_reason"),
        (claude, message("Take", None), "unspecified"),
        (gemini, candidate("Take", "OTHER"), "'OTHER'"),
        (gemini, candidate("Take", "LANGUAGE"), "'LANGUAGE'"),
        (gemini, candidate("Take", None), "unspecified"),
    ],
)
def test_an_answer_that_broke_off_is_a_failure_though_the_library_calls_its_end_stop(
    provider, make, answer, word
):
    provider.trouble = {"hi": answer}
    found = answers(make(provider), asks("hi", "well"))
    assert word in found["hi"].error
    assert found["hi"].text is None
    assert found["well"].error is None


def test_a_run_notes_whose_word_an_answer_s_end_is(provider):
    """Of these two the provider's; the library would call any other's unknown end a whole one's."""
    assert not claude(provider).notes
    (note,) = AnyModel("m", "bedrock").notes
    assert note.startswith("Why answers of bedrock end is as any-llm-sdk says it")


@pytest.mark.parametrize(
    ("make", "answer"),
    [
        (claude, message("", "refusal")),
        (gemini, candidate("", "SAFETY")),
        (gemini, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
    ],
)
def test_what_a_filter_withheld_holds_no_words_of_the_library_s(provider, make, answer):
    provider.trouble = {"hi": answer}
    found = answers(make(provider), asks("hi"))["hi"]
    assert (found.text, found.finish_reason, found.error) == ("", "filtered", None)


def test_what_a_provider_does_not_take_ends_the_run_with_what_to_set(provider):
    with pytest.raises(HarnessError, match=r"'seed'.*; set backend\.seeds=false"):
        answers(claude(provider, seeds=True), asks("hi"))
    words = "`temperature` and `top_p` cannot both be specified"
    provider.trouble = {"": fault(400, words)}
    with pytest.raises(HarnessError, match=r"set backend\.omit=\[temperature\] and backend\.omit"):
        answers(claude(provider), asks("hi"))
    assert provider.bodies == []


def test_what_a_provider_honours_is_found(provider):
    model = claude(provider)
    answers(model, asks("hi"))
    honours = model.remarks["probe"]["honours"]
    assert honours["n"].startswith("refused: ")
    assert honours["seed"] == "not sent"
    assert honours["logprobs"].startswith("refused: ")
    model = gemini(provider)
    answers(model, asks("hi"))
    honours = model.remarks["probe"]["honours"]
    assert honours["seed"] == "not known: draws of two seeds were the same"
    assert honours["logprobs"].startswith("ignored: ")


def test_what_a_later_try_mends_is_mended_and_what_none_does_keeps_its_reason(provider):
    busy = fault(529, "Overloaded", "overloaded_error", {"retry-after": "0.1"})
    provider.trouble = {
        "busy": lambda body, times: busy(body, times) if times < 3 else message("at last"),
        "long": fault(400, f"prompt is too long {SECRET}"),
        "down": busy,
    }
    found = answers(claude(provider, retries=2), asks("busy", "long", "down"))
    assert found["busy"].text == "at last"
    assert "prompt is too long ***" in found["long"].error
    assert "529" in found["down"].error
    assert "Overloaded" in found["down"].error
    assert (provider.times["busy"], provider.times["long"], provider.times["down"]) == (3, 1, 3)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (fault(401, "invalid x-api-key", "authentication_error"), "does not take the key"),
        (fault(404, "model: claude-m", "not_found_error"), "knows no such model"),
        (fault(400, "Your credit balance is too low"), "has nothing left"),
    ],
)
def test_what_every_request_would_meet_ends_the_run(provider, answer, said):
    provider.trouble = {"": answer}
    with pytest.raises(HarnessError, match=said):
        answers(claude(provider), asks("hi"))


def test_a_server_that_is_not_there_and_one_that_is_too_slow_are_told_apart(provider):
    model = AnyModel("m", "anthropic", "http://127.0.0.1:9", seeds=False, retries=0)
    with pytest.raises(HarnessError, match="no server can be asked at anthropic at http://127"):
        answers(model, asks("hi"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"provider": "nobody"}, "backend.provider='nobody': 'nobody' is not a supported provider"),
        ({"provider": "cohere"}, r"pip install any-llm-sdk\[cohere\]"),
        (
            {"client": {"aws_secret_access_key": "x"}},
            "backend.client holds 'aws_secret_access_key'",
        ),
        ({"api_base": "localhost"}, "backend.api_base='localhost' is no address"),
        ({"concurrency": 0}, "backend.concurrency=0 must be at least 1"),
    ],
)
def test_options_that_cannot_be_are_refused(options, said, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    with pytest.raises(HarnessError, match=said):
        answers(AnyModel("m", **{"provider": "anthropic"} | options), asks("hi"))


def test_a_missing_key_names_its_variable(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(HarnessError, match="ANTHROPIC_API_KEY"):
        answers(AnyModel("m", "anthropic"), asks("hi"))


def test_a_text_to_go_on_with_is_refused_before_anything_is_asked(provider):
    with pytest.raises(HarnessError, match="backend=any_llm sends messages alone"):
        answers(claude(provider), [Request("q", "Once upon a time")])
    assert provider.times == {}


def test_a_run_from_the_command_line(provider, harness, tmp_path):
    done = harness(
        "task=med_harm", "limit=3", "scorer=[refusal]", "model=claude-m", "backend=any_llm",
        "backend.provider=anthropic", f"backend.api_base={provider.url}", "backend.seeds=false",
    )  # fmt: skip
    assert "asked at the start, the server honours" in " ".join(done.stdout.split()), done.stderr
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    for path in folder.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes(), path
