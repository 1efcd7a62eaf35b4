"""What servers say to lm-eval, which hands on neither their failures nor why an answer ends.

lm-eval 0.4.13 gives an empty text where the content is null, where an answer has no message, and
where a chat server sends an error with status 200 (`parse_generations` in
lm_eval/models/openai_completions.py, the placeholder in lm_eval/models/api_models.py). Here the
server's own words are read beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from harness.models.openai.ends import Finish, finish_of
from harness.models.openai.faults import UnansweredError
from harness.models.openai.parts import read_content, read_message
from harness.types import HarnessError

SHOWN = 200
"""Characters of a server's answer that are quoted."""


class ServedAnswer(str):
    """An answer as it passes through lm-eval: its text, why it ends, and why there is none."""

    finish: Finish
    error: str | None

    def __new__(
        cls, text: str, finish: Finish = "unknown", error: str | None = None
    ) -> ServedAnswer:
        """An answer; without a text where `error` says why."""
        answer = super().__new__(cls, text)
        answer.finish, answer.error = finish, error
        return answer


def is_served(lm: Any) -> bool:
    """Whether lm-eval asks a server over HTTP, and reads what comes back itself."""
    return any(kind.__name__ == "TemplateAPI" for kind in type(lm).__mro__)


def listen(lm: Any) -> None:
    """Have a server's answers read before lm-eval makes texts of them."""
    parse = lm.parse_generations

    def parse_generations(outputs: Any, **options: Any) -> list[ServedAnswer]:
        bodies = outputs if isinstance(outputs, list) else [outputs]
        return [answer for body in bodies for answer in _answers(body, parse)]

    lm.parse_generations = parse_generations


def check_honoured(lm: Any, kind: str, settings: Mapping[str, Any], chat: bool) -> None:
    """Refuse settings that lm-eval would change on their way to the server.

    Raises:
        HarnessError: it would ask with another temperature.
    """
    messages: Any = [{"role": "user", "content": "a"}] if chat else "a"
    payload = lm._create_payload(messages, generate=True, gen_kwargs=dict(settings), seed=0)
    asked, sent = settings["temperature"], payload.get("temperature", settings["temperature"])
    if sent != asked:
        raise HarnessError(
            f"lm-eval's {kind} asks model {lm.model!r} with temperature {sent:g} instead of "
            f"{asked:g}; set generation.temperature={sent:g}, or use backend=openai"
        )


def _answers(body: Any, parse: Any) -> list[ServedAnswer]:
    """The answers in the body of a reply.

    Raises:
        ValueError: there are none; lm-eval then asks again, and gives up after `max_retries`.
    """
    if not isinstance(body, dict) or body.get("error"):
        raise ValueError(f"the server answered with an error: {_quoted(body)}")
    if isinstance(body.get("content"), list):  # Anthropic's
        return [_read(body, lambda: read_content(body["content"])[0], body.get("stop_reason"))]
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise ValueError(f"the server's reply holds no answer: {_quoted(body)}")
    placed = sorted(choices, key=lambda choice: choice.get("index", 0))
    return [_choice(choice, parse) for choice in placed]


def _choice(choice: Mapping[str, Any], parse: Any) -> ServedAnswer:
    def text() -> Any:
        if "message" not in choice:
            return choice.get("text")
        content = read_message(choice["message"])[0]
        if not content and choice["message"].get("content") is None:
            return None
        plain_choice = {"index": 0, "message": {**choice["message"], "content": content}}
        return parse(outputs={"choices": [plain_choice]})[0]

    return _read(choice, text, choice.get("finish_reason"))


def _read(answer: Mapping[str, Any], text: Callable[[], Any], reason: object) -> ServedAnswer:
    """An answer; what is no whole answer says why."""
    if answer.get("error"):
        return ServedAnswer(
            "", error=f"the server broke off with an error: {_quoted(answer['error'])}"
        )
    try:
        finish = finish_of(reason, ends=False)
        written = text()
    except UnansweredError as error:
        return ServedAnswer("", error=str(error))
    if isinstance(written, str) and (written or finish != "filtered"):
        return ServedAnswer(written, finish)
    if finish == "filtered":
        return ServedAnswer("", finish)
    return ServedAnswer("", error=f"the server gave no text: {_quoted(answer)}")


def _quoted(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)[:SHOWN]
