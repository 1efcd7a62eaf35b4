"""What a file is that cannot be read as its ending says, by its first bytes or its first lines."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

MAGIC = (
    (b"PK\x03\x04", "a zip archive (a spreadsheet or a log of Inspect's is one)"),
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "packed by gzip"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd"),
    (b"BZh", "packed by bzip2"),
    (b"\xfd7zXZ", "packed by xz"),
    (b"7z\xbc\xaf\x27\x1c", "packed by 7-Zip"),
    (b"\xff\xfe\x00\x00", "text in UTF-32"),
    (b"\x00\x00\xfe\xff", "text in UTF-32"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
    (b"SQLite", "a database of SQLite"),
    (b"ARROW1", "an Arrow or Feather file"),
    (b"\xff\xff\xff\xff", "a stream of Arrow's (as data sets are kept on disk)"),
    (b"ORC", "an ORC file"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet (.xls)"),
    (b"%PDF", "a PDF document"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x80\x02", "a pickle, which is not read, for it can run code"),
    (b"\x80\x03", "a pickle, which is not read, for it can run code"),
    (b"\x80\x04", "a pickle, which is not read, for it can run code"),
    (b"\x80\x05", "a pickle, which is not read, for it can run code"),
)
"""How files begin (their formats' own specifications), and what they are."""
LOOKED_AT = 65_536
"""Bytes of a text that are looked at."""
PAGE = re.compile(r"\s*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
POINTER = "version https://git-lfs.github.com/spec/"
STREAMED = re.compile(r"(?:data|event|id): ?\S")
"""How a line of server-sent events begins."""
POINTERS = "a pointer of Git LFS and not the file itself: fetch it with git lfs pull"
NAME = re.compile(r'\s*"?[\w .()-]{1,60}"?\s*')
"""A column's name in a header."""
HTML = "a page of HTML, such as one that asks for a login: download the file itself"
EVENTS = "a server's stream of events: save the answers that were put together from it"
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def seems(path: Path) -> str | None:
    """What the first bytes of a file say that it is; None: they say nothing."""
    with path.open("rb") as file:
        start = file.read(8)
    return next((kind for magic, kind in MAGIC if start.startswith(magic)), None)


def looks_like(path: Path) -> str | None:
    """What a file of text is that another ending would have, and what to do; None: unknown."""
    with path.open("rb") as file:
        text = file.read(LOOKED_AT).decode(errors="replace").lstrip("\ufeff")
    text = text.lstrip()
    if text.startswith(POINTER):
        return POINTERS
    if PAGE.match(text):
        return HTML
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    if not lines:
        return "an empty file"
    if STREAMED.match(lines[0]):
        return EVENTS
    return _of_json(text, lines) or _of_table(lines, path.suffix.lower() == ".csv")


def _of_json(text: str, lines: list[str]) -> str | None:
    """What text is that begins as JSON does, or as a literal of Python's."""
    if text[0] not in "[{":
        if len(lines) > 1 and lines[1].lstrip().startswith("{"):
            return "JSON lines below a line of something else: take that line out"
        return None
    decoder = json.JSONDecoder()
    try:
        first, end = decoder.raw_decode(text)
    except (ValueError, RecursionError):
        return _of_python(lines[0])
    remainder = text[end:].lstrip()
    if isinstance(first, list):
        if remainder.startswith("["):
            return "an array in each line: write each row as an object in a line, named .jsonl"
        return None if remainder else "a JSON array: name it .json"
    if not remainder.startswith("{"):
        return None
    if "\n" in text[:end].strip() or "\n" not in text[end : len(text) - len(remainder)]:
        return "JSON objects one after the other: write each into a line of its own, named .jsonl"
    return "JSON lines: name it .jsonl"


def _of_python(line: str) -> str | None:
    try:
        value = ast.literal_eval(line.strip().rstrip(","))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(value, dict | list):
        return None
    return "literals of Python's, as str() writes them: write it with json.dumps"


def _of_table(lines: list[str], is_csv: bool) -> str | None:
    """What lines are that may be a table's, the first of them its header."""
    for mark, word in SEPARATORS.items():
        counts = {line.count(mark) for line in lines[:5]}
        if len(counts) == 1 and counts != {0}:
            return f"a table with {word}: save it with commas, named .csv"
    names = lines[0].split(",")
    if not is_csv and 1 < len(names) < 200 and all(map(NAME.fullmatch, names)):
        return "a table with commas: name it .csv"
    return None
