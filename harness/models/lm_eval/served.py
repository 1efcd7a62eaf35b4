"""What servers say to lm-eval, which hands on neither their failures nor why an answer ends.

lm-eval 0.4.13 gives an empty text where the content is null, where an answer has no message, and
where a chat server sends an error with status 200 (`parse_generations` in
lm_eval/models/openai_completions.py, the placeholder in lm_eval/models/api_models.py). Here the
server's own words are read beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from harness.types import HarnessError

Finish = Literal["stop", "length", "filtered", "unknown"]
ENDS: Mapping[object, Finish] = {
    None: "unknown",
    **dict.fromkeys(("stop", "end_turn", "stop_sequence", "eos", "eos_token"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "model_length"), "length"),
    **dict.fromkeys(("content_filter", "refusal"), "filtered"),
}  # fmt: skip
"""Why an answer ends, in the words of OpenAI, Anthropic, Mistral and TGI."""
SHOWN = 200
"""Characters of a server's answer that are quoted."""


class Said(str):
    """An answer as it passes through lm-eval: its text, why it ends, and why there is none."""

    finish: Finish
    error: str | None

    def __new__(cls, text: str, finish: Finish = "unknown", error: str | None = None) -> Said:
        """An answer; without a text where `error` says why."""
        made = super().__new__(cls, text)
        made.finish, made.error = finish, error
        return made


def is_served(lm: Any) -> bool:
    """Whether lm-eval asks a server over HTTP, and reads what comes back itself."""
    return any(kind.__name__ == "TemplateAPI" for kind in type(lm).__mro__)


def listen(lm: Any) -> None:
    """Have a server's answers read before lm-eval makes texts of them."""
    parse = lm.parse_generations

    def parse_generations(outputs: Any, **options: Any) -> list[Said]:
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


def _answers(body: Any, parse: Any) -> list[Said]:
    """The answers in the body of a reply.

    Raises:
        ValueError: there are none; lm-eval then asks again, and gives up after `max_retries`.
    """
    if not isinstance(body, dict) or body.get("error"):
        raise ValueError(f"the server answered with an error: {_quoted(body)}")
    if isinstance(body.get("content"), list):  # Anthropic's
        return [_read(body, _joined(body["content"]), body.get("stop_reason"))]
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise ValueError(f"the server's reply holds no answer: {_quoted(body)}")
    placed = sorted(choices, key=lambda choice: choice.get("index", 0))
    return [_choice(choice, parse) for choice in placed]


def _choice(choice: Mapping[str, Any], parse: Any) -> Said:
    message = choice.get("message")
    if isinstance(message, dict):
        text = _joined(message.get("content")) or message.get("refusal") or message.get("content")
        if isinstance(text, str):
            shown = {"index": 0, "message": {**message, "content": text}}
            text = parse(outputs={"choices": [shown]})[0]
    else:
        text = choice.get("text")
    return _read(choice, text, choice.get("finish_reason"))


def _read(answer: Mapping[str, Any], text: Any, reason: Any) -> Said:
    """An answer; what is no whole answer says why."""
    if answer.get("error"):
        return Said("", error=f"the server broke off with an error: {_quoted(answer['error'])}")
    if not isinstance(reason, str | None) or reason not in ENDS:
        word = _quoted(reason)
        return Said("", error=f"the answer ends for a reason that is not known: {word}")
    finish = ENDS[reason]
    if isinstance(text, str) and (text or finish != "filtered"):
        return Said(text, finish)
    if finish == "filtered":
        return Said("", finish)
    return Said("", error=f"the server gave no text: {_quoted(answer)}")


def _joined(content: Any) -> str | None:
    """The text of content: as it stands, or of its parts; None where there is none."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return None
    texts = [p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str)]
    return "".join(texts) if texts else None


def _quoted(what: Any) -> str:
    return json.dumps(what, default=str, ensure_ascii=False)[:SHOWN]
