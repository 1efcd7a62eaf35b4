"""Dialogues that are in the data: the person's turns, and a counsellor's between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.data import name_field, nested
from harness.types import HarnessError
from tasks.counseling_dialogue.automaton import brief_of

ROLES = {"client": "user", "user": "user", "counsellor": "assistant", "counselor": "assistant",
         "assistant": "assistant"}  # fmt: skip


@dataclass(frozen=True)
class Script:
    """A dialogue as it was held; it begins with the person, and the roles take turns."""

    id: str
    topic: str
    person: Sequence[str]
    counsellor: Sequence[str]
    """What was answered to each; the last may be lacking."""

    @property
    def brief(self) -> str:
        """Who they are, for a model that speaks for them: what they said in the script."""
        return brief_of(self.person)


def script_of(row: Mapping[str, object], name: str, where: str) -> Script:
    """A dialogue of CPsyCoun's layout: `turns`, each with `role` and `text` (or `content`).

    What somebody says in several turns at once is one turn.

    Raises:
        HarnessError: it is none, or a role is unknown.
    """
    listed_turns = row.get("turns", row.get("prompt"))
    listed_turns = nested(listed_turns) if isinstance(listed_turns, str) else listed_turns
    if not isinstance(listed_turns, Sequence) or isinstance(listed_turns, str) or not listed_turns:
        raise HarnessError(f"{where} has no turns: a list of role and text")
    turns: list[tuple[str, str]] = []
    for place, turn in enumerate(listed_turns, 1):
        parts = turn if isinstance(turn, Mapping) else {}
        role, text = parts.get("role"), parts.get("text", parts.get("content"))
        if role not in ROLES:
            raise HarnessError(
                f"{where}: turn {place} has the role {role!r}, none of {', '.join(ROLES)}"
            )
        if not isinstance(text, str) or not text.strip():
            raise HarnessError(f"{where}: turn {place} has the text {text!r}, which says nothing")
        if turns and turns[-1][0] == ROLES[role]:
            turns[-1] = ROLES[role], f"{turns[-1][1]}\n{text}"
        else:
            turns.append((ROLES[role], text))
    if turns[0][0] != "user":
        raise HarnessError(f"{where} begins with the counsellor; it must begin with the person")
    return Script(
        name,
        name_field(row, "topic", "not stated"),
        [text for role, text in turns if role == "user"],
        [text for role, text in turns if role == "assistant"],
    )
