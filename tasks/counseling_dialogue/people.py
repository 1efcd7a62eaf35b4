"""Reads the YAML of people who answer by rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.types import HarnessError, Records


def personas(path: Path, name: str) -> Records:
    """What the people of a YAML hear, and then each of them, unchecked.

    Args:
        path: of the YAML.
        name: what the records are called.

    Raises:
        HarnessError: it cannot be read, has a name twice, or is none of personas.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        twice = _twice(yaml.compose(text, fast))
        content = yaml.load(text, fast)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
        raise HarnessError(f"task.data={str(path)!r} cannot be read: {reason}") from error
    if twice:
        raise HarnessError(f"task.data={str(path)!r} has {twice}; the first would be lost")
    people = content.get("personas") if isinstance(content, dict) else None
    if not isinstance(people, list) or not all(isinstance(p, dict) and p.get("id") for p in people):
        raise HarnessError(
            f"task.data={str(path)!r} must have hears, and personas: a list, each with an id"
        )
    return Records(name, [{"hears": content.get("hears")}, *people])


def _twice(node: Any) -> str | None:
    """The first name that a part of a YAML has twice, and its line; None: there is none."""
    parts = [part for part in getattr(node, "value", []) if not isinstance(part, str)]
    names: set[str] = set()
    for part in parts:
        key, value = part if isinstance(part, tuple) else (None, part)
        if key is not None and key.value in names:
            return f"{key.value!r} twice, again in line {key.start_mark.line + 1}"
        if key is not None:
            names.add(str(key.value))
        if below := _twice(value):
            return below
    return None
