"""The blocks of a page, as Markdown and as a page of HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from harness.types import isolated, visible

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}table{border-collapse:collapse;font-size:.85rem;display:block;"
    "overflow-x:auto}td,th{border-bottom:1px solid #ccc;padding:.3rem .6rem;text-align:left;"
    "vertical-align:top}p,h1,h2,li{overflow-wrap:anywhere}h2{margin-top:2.5rem}"
    "@media print{table{display:table}}"
)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a level from 1."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a head."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


Block = Heading | Paragraph | Items | Table


def as_markdown(blocks: Sequence[Block]) -> str:
    """The page as Markdown."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def as_html(blocks: Sequence[Block], title: str) -> str:
    """The page as one file: no script, no font, no picture of elsewhere."""
    body = "\n".join(_html(block) for block in blocks)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {_line(text)}"
        case Paragraph(text):
            return _line(text)
        case Items(texts):
            return "\n".join(f"- {_line(text)}" for text in texts)
        case Table(head, rows):
            lines = [head, ["---"] * len(head), *rows]
            return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return _element(f"h{level}", text)
        case Paragraph(text):
            return _element("p", text)
        case Items(texts):
            return f"<ul>{''.join(_element('li', text) for text in texts)}</ul>"
        case Table(head, rows):
            top = "".join(_element("th", cell) for cell in head)
            lines = ("".join(_element("td", cell) for cell in row) for row in rows)
            body = "".join(f"<tr>{line}</tr>" for line in lines)
            return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _element(tag: str, text: str) -> str:
    """A text in its own direction, with what would not be seen in it written out."""
    return f'<{tag} dir="auto">{escape(isolated(visible(text)))}</{tag}>'


def _line(text: str) -> str:
    """The text on a line of its own, in which no mark-up of the text's acts."""
    return " ".join(text.split()).replace("<", "&lt;").replace("`", "\\`")


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")
