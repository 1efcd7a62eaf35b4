"""Writes docs/options.md: every option, its default and what it means.

    python docs/options.py

An option is described where it is declared, by a comment in the YAML of conf/ or by the docstring
of a field, and what a plugin may say of itself by a trait; a test holds the page to it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import yaml

from harness.types import TRAITS

HERE = Path(__file__).resolve().parent
SCHEMAS = {
    "generation": ("harness/types/settings.py", "GenerationConfig"),
    "format": ("harness/data/labels.py", "LabelFormat"),
}
"""Options whose meaning stands in docstrings of a record's fields."""
CONF = HERE.parent / "conf"
PAGE = HERE / "options.md"
COMMANDS = {
    "config": "python -m harness",
    **{
        name: f"python -m harness.{name}"
        for name in ("report", "leaderboard", "regression", "score", "review", "agreement",
                     "drift", "train", "mitigate")
    },
    "mutate": "python -m harness.regression.mutate",
    "recover": "python -m harness.mitigate.recover",
    "compare": "python -m harness.mitigate.compare",
    "forgotten": "python -m harness.mitigate.forgotten",
}  # fmt: skip
GROUPS = {
    "task": "Tasks: task=NAME",
    "scorer": "Scorers: scorer=[NAME,...]",
    "backend": "Backends: backend=NAME",
    "mitigation": "Mitigations: mitigation=NAME",
    "person": "Who speaks for the person of a dialogue: person=NAME",
    "method": "Methods of python -m harness.mitigate: method=NAME",
    "experiment": "Suites: experiment=NAME",
}
WHOLE = ("protocols", "suite")
"""Options whose values are one row each, however deep they are."""
SUMMED = "domain"
"""What makes a task one of its family, which is a file's and not the command line's."""
PROTOCOL = re.compile(r"\$\{oc\.select:protocols\.\$\{protocol\}\.\w+,(.*)\}$")
"""A reference to what the chosen protocol says, with the default where it says nothing."""
UNSAID = ("defaults", "hydra", "_target_", "_partial_")
"""Keys of a YAML that nobody sets on the command line."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its name on the command line, its default as YAML, and what it means."""

    name: str
    default: str
    meaning: str


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)


def page() -> str:
    """The whole page."""
    parts = [
        "# Options",
        "<!-- Written by `python docs/options.py` from conf/; change the YAML there instead. -->",
        "An option is set as `NAME=VALUE` on the command line. `???` has to be set; `${...}` is "
        "what another option says. Lists are written `[A,B]`, and `KEY=@FILE` takes the text of a "
        "file. A map is written whole, `KEY={NAME: VALUE}`, or a name at a time, `KEY.NAME=VALUE`; "
        "what stood in it stays.",
    ]
    for name, command in COMMANDS.items():
        parts += [f"## {command}", *section(CONF / f"{name}.yaml", "")]
    for group, title in GROUPS.items():
        parts.append(f"## {title}")
        for path in sorted((CONF / group).glob("*.yaml")):
            parts += [f"### {group}: {path.stem}", *section(path, group)]
    parts += [
        "## Formats of labelled files: format=NAME, of python -m harness.agreement",
        *formats(),
    ]
    parts += ["## What a plugin may say of itself", *traits()]
    return "\n\n".join(parts) + "\n"


def section(path: Path, group: str) -> list[str]:
    """What stands above a file's options, and the table of them."""
    text = path.read_text(encoding="utf-8")
    comments = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        comments.append(line.removeprefix("#").strip())
    package = next((c.split()[1] for c in comments if c.startswith("@package ")), group)
    examples = [c for c in comments if not c.startswith("@package ")]
    prefix = "" if package == "_global_" else f"{package}."
    rows = list(options(text, prefix if group else ""))
    table = ["| option | default | what |", "|---|---|---|"]
    table += [f"| `{row.name}` | {code(row.default)} | {cell(row.meaning)} |" for row in rows]
    return ["\n".join(f"    {line}" for line in examples), *(["\n".join(table)] if rows else [])]


def options(text: str, prefix: str) -> Iterator[Option]:
    """Every option of a YAML, in its order."""
    root = yaml.compose(text)
    if isinstance(root, yaml.MappingNode):
        yield from below(root, text.splitlines(), prefix)


def below(node: yaml.MappingNode, lines: list[str], prefix: str) -> Iterator[Option]:
    """The options that stand in a mapping, those of mappings in it after their own row."""
    names = {key.value for key, _ in node.value}
    for key, value in node.value:
        name = prefix + key.value
        if key.value in UNSAID or (SUMMED in names and key.value in ("name", "version")):
            continue
        meaning = comment(lines, key, value) or described("generation").get(name, "")
        if not meaning and isinstance(value, yaml.ScalarNode) and "${protocols." in value.value:
            meaning = "as the protocol says"
        deep = isinstance(value, yaml.MappingNode) and not value.flow_style
        if not deep:
            yield Option(name, default(value, lines), meaning)
        elif key.value == SUMMED:
            yield Option(name, "", meaning)
        elif prefix.removesuffix(".") in WHOLE or not value.value:
            yield Option(name, flow(value), meaning)
        else:
            if meaning:
                yield Option(name, "", meaning)
            yield from below(value, lines, f"{name}.")


def comment(lines: list[str], key: yaml.Node, value: yaml.Node) -> str:
    """What a comment says behind an option's value."""
    line = key.start_mark.line
    after = value.end_mark.column if value.end_mark.line == line else key.end_mark.column
    _, mark, words = lines[line][after:].partition("# ")
    return words.strip() if mark else ""


def formats() -> list[str]:
    """What a format may say, and the formats that there are."""
    table = ["| option | what |", "|---|---|"]
    table += [f"| `{name}` | {cell(words)} |" for name, words in described("format").items()]
    names = ["| format | of |", "|---|---|"]
    for path in sorted((CONF / "format").glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        names.append(f"| `{path.stem}` | {cell(content.get('about', 'a file of your own'))} |")
    return ["\n".join(table), "\n".join(names)]


def traits() -> list[str]:
    """The optional attributes of plugins, by kind."""
    table = ["| of a | attribute | where it says nothing | what |", "|---|---|---|---|"]
    table += [
        f"| {kind} | `{name}` | {worth(trait.default)} | {cell(trait.doc)} |"
        for kind, declared in TRAITS.items()
        for name, trait in declared.items()
    ]
    return ["\n".join(table)]


def worth(default: object) -> str:
    """A trait's default in a cell of a table."""
    return code(repr(default)) if isinstance(default, str | bool) or default is None else "empty"


@cache
def described(schema: str) -> dict[str, str]:
    """What the docstrings of a record's fields say, by the option's name."""
    file, record = SCHEMAS[schema]
    tree = ast.parse((HERE.parent / file).read_text(encoding="utf-8"))
    (body,) = [n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == record]
    return {
        f"{schema}.{field.target.id}": sentence(words.value.value)
        for field, words in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(words, ast.Expr)
        and isinstance(words.value, ast.Constant)
    }


def sentence(docstring: str) -> str:
    """A docstring as the comment of an option would stand: small, and without a full stop."""
    words = " ".join(docstring.split()).rstrip(".")
    return words[:1].lower() + words[1:]


def default(value: yaml.Node, lines: list[str]) -> str:
    """A value as it stands in the file; a text over several lines by its first words."""
    if value.start_mark.line == value.end_mark.line:
        text = lines[value.start_mark.line][value.start_mark.column : value.end_mark.column]
        return PROTOCOL.sub(r"\1", text)
    if isinstance(value, yaml.ScalarNode):
        return " ".join(value.value.split()[:8]) + " ..."
    return flow(value)


def flow(node: yaml.Node) -> str:
    """A value on one line."""
    content = yaml.SafeLoader("").construct_object(node, deep=True)
    return yaml.safe_dump(content, default_flow_style=True, width=10_000, sort_keys=False).strip()


def code(value: str) -> str:
    """A value in a cell of a table."""
    return f"`{cell(value)}`" if value else ""


def cell(text: str) -> str:
    """Text that does not end its cell."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
