"""A judge's prompt, and the same in the languages of what it judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path


@dataclass(frozen=True, slots=True)
class JudgePrompt:
    """The parts of a prompt by which a judge rates an answer to a request."""

    system: str
    rubric: str
    """The levels, each on a line that begins with its number."""
    request: str
    """What stands above the request."""
    answer: str
    """What stands above the answer."""
    weighed: str
    """The question to a judge whose digits are weighed."""
    written: str
    """The question to a judge that writes."""
    proof: str
    """What is added where it has to quote the answer."""


@cache
def translated(path: Path) -> Mapping[str, JudgePrompt]:
    """The prompts of a YAML by ISO 639-1 code of their language."""
    import yaml

    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {code: JudgePrompt(**parts) for code, parts in content.items()}


def digest(path: Path) -> str:
    """What names the prompts in a scorer's identity."""
    return sha256(repr(sorted(translated(path).items())).encode()).hexdigest()[:8]
