"""Conversations that PyRIT (Microsoft) keeps in its memory, as JSON.

Up to 0.14 `memory.export_conversations` writes it, scores included. PyRIT 1 has no export: what it
names in its place, the message pieces of the memory dumped as JSON, has neither scores nor target.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.bridges.logs.head import Head
from harness.bridges.logs.log import HIT, OPEN, Answer, Log, question_id
from harness.bridges.logs.reading import items_of

NEEDED = {"conversation_id", "role", "original_value"}
KINDS = ("class_name", "__type__")
"""Keys under which an identifier has the class, today's and last year's."""


class PyritExport:
    """Reads an array of message pieces; a conversation's last answer is what is scored."""

    tool = "pyrit"

    def recognises(self, head: Head) -> bool:
        """By the keys of a piece."""
        return head.is_array and set(head.keys) >= NEEDED

    def read(self, path: Path) -> Log:
        """Each conversation.

        Raises:
            Unreadable: it is no whole JSON array.
        """
        log = Log(self.tool, "unknown", "unknown", path.stem)
        conversations = log.spool.shelf()
        for piece in items_of(path, "item"):
            name = str(piece["conversation_id"])
            conversations[name] = [*conversations.get(name, []), piece]
        for name, pieces in conversations.items():
            _add(log, name, sorted(pieces, key=lambda piece: int(piece.get("sequence") or 0)))
        return log


def _add(log: Log, name: str, pieces: list[Mapping[str, Any]]) -> None:
    """Keep a conversation: all before the last answer is what was asked."""
    last = pieces.pop() if pieces and _role(pieces[-1]["role"]) == "assistant" else None
    asked = [
        {"role": _role(piece["role"]), "content": str(piece.get("converted_value") or "")}
        for piece in pieces
    ]
    prompt: Any = asked
    if len(asked) == 1 and asked[0]["role"] == "user":
        prompt = asked[0]["content"]
    for piece in [*pieces, last or {}]:
        target = piece.get("prompt_target_identifier") or {}
        if isinstance(target, Mapping) and (kind := _kind(target)):
            log.model = str(target.get("model_name") or kind)
            log.version = str(target.get("pyrit_version") or log.version)
    described = {"labels": str(last.get("labels") or "") if last else "", "turns": len(pieces)}
    place = log.add(name or question_id(prompt), prompt, _answer(last), described=described)
    for score in (last or {}).get("scores") or ():
        _score(log, place, score)


def _role(role: object) -> str:
    if role in ("assistant", "simulated_assistant"):
        return "assistant"
    return "system" if role in ("system", "developer") else "user"


def _kind(identifier: object) -> str | None:
    """The class that an identifier names."""
    if not isinstance(identifier, Mapping):
        return None
    return next((str(identifier[key]) for key in KINDS if identifier.get(key)), None)


def _answer(piece: Mapping[str, Any] | None) -> Answer:
    if piece is None:
        return Answer(error="the conversation has no answer", finish_reason="error")
    kind = piece.get("response_error") or "none"
    text = piece.get("original_value")
    if kind == "blocked":  # its text is the filter's, not the model's
        return Answer(finish_reason="filtered")
    if kind not in ("none", "empty") or not isinstance(text, str):
        return Answer(error=f"pyrit: {kind}", finish_reason="error")
    return Answer(text)


def _score(log: Log, place: tuple[str, int], score: Mapping[str, Any]) -> None:
    """Keep a score: yes and no, or a number from 0 to 1, of which 1 is what was looked for."""
    kind = _kind(score.get("scorer_class_identifier"))
    category = score.get("score_category")
    categories = category if isinstance(category, list) else [category]
    name = ".".join([str(kind or "score"), *(str(part) for part in categories if part)])
    value = score.get("score_value")
    if score.get("score_type") == "true_false":
        number: object = {"true": 1.0, "false": 0.0}.get(str(value).lower(), value)
    else:
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            number = value
    known = score.get("score_type") in ("true_false", "float_scale")
    log.score(place, name, number, HIT if known else OPEN, explanation=score.get("score_rationale"))
