"""Fields of an answer that is to be JSON or YAML, as models write it.

JSON is tried first, then YAML, of which JSON with single quotes, trailing commas, bare words or
comments after # is a part: what either reads, nobody had to guess at. An answer that is cut off is
not mended, since what was to follow is not known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

FENCE = re.compile(r"```[ \t]*[\w+-]*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
LINE = re.compile(
    r"^[ \t]*(?:[-*][ \t]+)?[\"'*`_]*([\w][\w ./-]{0,60})[\"'*`_]*[ \t]*:", re.MULTILINE
)
MENDED = (
    (re.compile(r"\t"), "  "),
    (re.compile(r"(:[ ]*)(\d{1,3}(?:,\d{3})+(?:\.\d+)?)(?=\s*[,}\n])"), r'\1"\2"'),
    (re.compile(r"(?m)(?<=[\s,{])//[^\"'\n]*$"), ""),
    (re.compile(r"\\(?![\\\"/bfnrtu])"), r"\\\\"),
)
"""What models write that is no YAML and has but one meaning: tabs, thousands without quotes,
comments of JavaScript, and backslashes that escape nothing."""
MOST = 20_000
"""Letters of an object; of a longer one nothing is read."""
MOST_OBJECTS = 50
DEEPEST = 20


def read_fields(text: str, names: Collection[str]) -> dict[str, str] | None:
    r"""Those of some fields that the last object of an answer holds which has any of them.

    Names of nested objects are joined by "_"; large and small letters, blanks, points and hyphens
    of names are alike. A list of objects is one object; a field that holds another list is none.

    >>> read_fields("Sure!\n```json\n{'arm': {'Events': 3,}, 'n': N/A}\n```", ["arm_events", "n"])
    {'arm_events': '3', 'n': 'N/A'}
    >>> read_fields("arm:\n  events: 3\n", ["arm_events"])
    {'arm_events': '3'}

    Args:
        text: the answer, with whatever stands before and after.
        names: of the fields, in small letters with "_".

    Returns:
        None where no object that can be read has any of them; none of them where one stands twice
        with values that differ.
    """
    field_names = set(names)
    last = None
    for written in _objects(text, field_names):
        pairs = [pair for pair in _flat(_read(written), "") if pair[0] in field_names]
        if pairs:
            last = dict(pairs) if len(set(pairs)) == len(dict(pairs)) else {}
    return last


def _objects(text: str, field_names: Collection[str]) -> Iterator[str]:
    """What may be an object: what fences and braces hold, and else lines with a colon."""
    fences = [fence[1] for fence in FENCE.finditer(text)][-MOST_OBJECTS:]
    for part in fences or [text]:
        braces = list(_braces(part))[-MOST_OBJECTS:]
        yield from braces or [part if fences else _lines(part, field_names)]


def _braces(text: str) -> Iterator[str]:
    """What stands between a brace and the one that closes it, outside of all others."""
    depth = start = 0
    for mark in re.finditer(r"\"(?:[^\"\\\n]|\\.)*\"|[{}]", text):
        if mark[0] == "{":
            start = start if depth else mark.start()
            depth += 1
        elif mark[0] == "}" and depth:
            depth -= 1
            if not depth:
                yield text[start : mark.end()]


def _lines(text: str, field_names: Collection[str]) -> str:
    """The lines from the first that names a field, or its beginning, while they have colons."""
    starts = (
        line.start()
        for line in LINE.finditer(text)
        if any(f"{name}_".startswith(f"{_name(line[1])}_") for name in field_names)
    )
    begin = next(starts, len(text))
    lines = []
    for line in text[begin:].split("\n"):
        if line.strip() and not LINE.match(line):
            break
        lines.append(re.sub(r"^([ \t]*)[-*][ \t]+(?=\S)", r"\1  ", line).replace("**", ""))
    return "\n".join(lines)


def _read(text: str) -> object:
    if len(text) > MOST:
        return None
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_int=str, parse_float=str,
                          parse_constant=str)  # fmt: skip
    except (ValueError, RecursionError):
        pass
    import yaml

    for pattern, instead in MENDED:
        text = pattern.sub(instead, text)
    try:
        return _plain(yaml.compose(text, yaml.SafeLoader), set(), 0)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose fields have one value each.

    Raises:
        ValueError: a name stands twice with values that differ.
    """
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if fields.setdefault(_name(name), value) != value:
            raise ValueError(name)
    return fields


def _plain(node: Any, seen: set[int], depth: int) -> object:
    """What a node of YAML holds, every scalar as text.

    Raises:
        ValueError: it refers to itself or to another, or is too deep.
    """
    if node is None or id(node) in seen or depth > DEEPEST:
        raise ValueError
    seen.add(id(node))
    if isinstance(node.value, str):
        return node.value
    if node.id == "sequence":
        return [_plain(item, seen, depth + 1) for item in node.value]
    return _unique([(str(k.value), _plain(v, seen, depth + 1)) for k, v in node.value])


def _flat(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}_{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _flat(inner, path) if isinstance(inner, Mapping) else ()
    elif path:
        yield path, "null" if value is None else str(value).strip()


def _name(name: str) -> str:
    return re.sub(r"[\s./_-]+", "_", name.strip(" \t#*_`\"'").casefold())
