"""What servers say to lm-eval, from a loopback server with one oddity each."""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.models.lm_eval import LmEvalModel
from harness.types.errors import HarnessError
from harness.types.records import Message, Request
from harness.types.settings import GenerationConfig

CHAT = (Message("user", "Name a colour."),)
GREEDY = GenerationConfig(max_new_tokens=12, stop=["END"])


@contextmanager
def server(body):
    """A server that answers everything with one body; gives its address and what it was sent."""
    sent = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            content = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *parts):
            pass

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))  # looks for its end
    thread.start()
    try:
        yield f"http://127.0.0.1:{served.server_port}/v1/chat/completions", sent
    finally:
        served.shutdown()
        served.server_close()
        thread.join()


def answer_to(body, concurrent=1, chunk=1):
    with server(body) as (address, _):
        args = {"base_url": address, "max_retries": 1, "num_concurrent": concurrent}
        model = LmEvalModel("m", type="local-chat-completions", args=args, chunk=chunk)
        (found,) = [one for part in model.generate([Request("a", CHAT)], GREEDY, 0) for one in part]
        return found


def choice(content, reason="stop", **more):
    return {"choices": [{"index": 0, "message": {"content": content}, "finish_reason": reason}
                        | more]}  # fmt: skip


@pytest.mark.parametrize("concurrent", [1, 4])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "overloaded"}}, "answered with an error: .*overloaded"),
        ({"error": "quota", "choices": []}, "answered with an error: .*quota"),
        ({"choices": []}, "holds no answer"),
        ({"detail": "Not Found"}, "holds no answer: .*Not Found"),
        (["a list"], "answered with an error|holds no answer"),
        (choice(None), "gave no text"),
        (choice([{"type": "image_url", "image_url": "x"}]), "a part of the kind 'image_url'"),
        (
            choice("", tool_calls=[])
            | {
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "tool_calls",
                        "message": {"content": None, "tool_calls": [{"function": {"name": "f"}}]},
                    }
                ]
            },
            "calls a tool instead of answering",
        ),
        (choice("Blue", "melted"), "a reason that is not known: finish_reason .melted"),
        (choice("Blue", ["stop"]), r"not known: finish_reason"),
        (choice("Half", error={"message": "broken pipe"}), "broke off with an error: .*pipe"),
        ({"choices": [{"index": 0, "finish_reason": "stop"}]}, "gave no text"),
    ],
)
def test_what_is_no_answer_fails_with_the_server_s_words(body, said, concurrent):
    found = answer_to(body, concurrent)
    assert found.text is None
    assert re.search(said, found.error), found.error


@pytest.mark.parametrize("concurrent", [1, 4])
@pytest.mark.parametrize(
    ("body", "text", "finish"),
    [
        (choice("Blue."), "Blue.", "stop"),
        (choice("Blue and", "length"), "Blue and", "length"),
        (choice(""), "", "stop"),
        (choice("Blue.", None), "Blue.", "unknown"),
        (choice("Bl", "content_filter"), "Bl", "filtered"),
        (choice(None, "content_filter"), "", "filtered"),
        (choice("Blue.END</s> and more", "length"), "Blue.", "stop"),
        (choice([{"type": "text", "text": "Bl"}, {"type": "text", "text": "ue."}]),
         "Blue.", "stop"),
        (choice([{"type": "reasoning", "text": "Hm"}, {"type": "text", "text": "Blue."}]),
         "Blue.", "stop"),
        ({"choices": [{"index": 0, "finish_reason": "stop",
                       "message": {"content": None, "refusal": "No."}}]}, "No.", "stop"),
    ],
)  # fmt: skip
def test_an_answer_is_kept_with_why_it_ends(body, text, finish, concurrent):
    found = answer_to(body, concurrent)
    assert (found.text, found.finish_reason, found.error) == (text, finish, None)


def test_a_temperature_that_lm_eval_would_change_is_refused(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-no-use")
    with server(choice("Blue.")) as (address, sent):
        for name in ("o1-mini", "gpt-5-small"):
            model = LmEvalModel(name, type="openai-chat-completions", args={"base_url": address})
            with pytest.raises(HarnessError, match=r"with temperature 1 instead of 0; set gener"):
                list(model.generate([Request("a", CHAT)], GREEDY, 0))
        assert not sent
