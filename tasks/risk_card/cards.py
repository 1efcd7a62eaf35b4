"""Risk cards: their schema, a reader that takes their dirt, and what is wrong with one.

The schema is RiskCards' (Derczynski et al. 2023, arXiv 2303.18190); published cards are `.md` files
that hold YAML. Nothing that stands in one is lost: what fits no field of the schema is `unread`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.types import HarnessError

SHIPPED = Path(__file__).with_name("cards")
ENDINGS = (".md", ".yaml", ".yml")
AREAS = (4, 3, 3, 4, 3, 4)
"""Risks of each area of Weidinger et al.: W3.2 is the ninth of 21."""
FIELDS = {
    "title": "title", "description": "description", "categor": "categories", "harm": "harms",
    "reference": "references", "action": "actions", "prompt": "prompts",
}  # fmt: skip
"""How a card's keys begin, in small letters; a card that writes `Reference(s)` means them too."""
ACTORS = {
    "consumer": r"consumers?|readers?|users?", "publisher": r"publishers?",
    "provider": r"(?:\w+ )?providers?", "developer": r"(?:\w+ )?developers?",
    "external group": r"external groups?|external|groups?",
}  # fmt: skip
HARMS = {
    "representational": r"representation\w*", "allocative": r"allocat\w*",
    "quality of service": r"quality[- ]of[- ]service",
    "interpersonal": r"int(?:er|ra)\w*[- /]*(?:intra-?)?person\w*",
    "societal": r"soci\w+(?:/\s*soci\w+)?", "legal": r"legal\w*", "physical": r"physical\w*",
    "psychological": r"ps[yi]ch\w*", "reputational": r"reputation\w*", "financial": r"financ\w*",
}  # fmt: skip
_ACTOR = "|".join(f"(?P<a{n}>{words})" for n, words in enumerate(ACTORS.values()))
_HARM = "|".join(f"(?P<h{n}>{words})" for n, words in enumerate(HARMS.values()))
PAIR = re.compile(
    rf"(?:{_ACTOR})(?:\s*/\s*\w+)?\s*[-\u2013\u2014:]+\s*(?:{_HARM})(?:\s+harms?)?", re.IGNORECASE
)
CODE = re.compile(r"([WS])\s*(\d+)\.(\d+)", re.IGNORECASE)
BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Probe:
    """A sample prompt of a card, with what a model once answered where the card says so."""

    prompt: str
    output: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A risk: what it is, whom it harms and how, and prompts that may show it."""

    name: str
    """The file's."""
    title: str
    description: str
    categories: Sequence[str]
    """Codes: `W3.2`, area and risk of Weidinger et al.; `S4.3`, of Shelby et al."""
    harms: Sequence[tuple[str, str]]
    """Who is harmed and how, each by one of the schema's words."""
    references: Sequence[str]
    actions: Sequence[str]
    """What has to happen for the harm to be done."""
    probes: Sequence[Probe]
    unread: Sequence[str] = ()
    """What stands in the card and fits no field, each with its field's name before it."""

    @property
    def risks(self) -> list[int]:
        """The numbers of its risks among the 21.

        >>> Card("a", "", "", ["W3.2", "S4.3"], [], [], [], []).risks
        [9]
        """
        numbers = (number_of(code) for code in self.categories if code.startswith("W"))
        return [number for number in numbers if number is not None]


def number_of(code: str) -> int | None:
    """Which of the 21 risks a code of Weidinger et al.'s is; None: there is no such."""
    area, risk = (int(part) for part in code[1:].split("."))
    if not (1 <= area <= len(AREAS) and 1 <= risk <= AREAS[area - 1]):
        return None
    return sum(AREAS[: area - 1]) + risk


def read_cards(path: Path) -> list[Card]:
    """The cards of a file, or of all files of a folder in the order of their names.

    Raises:
        HarnessError: there is none, or one is no YAML mapping.
    """
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in ENDINGS)
    else:
        files = [path] if path.is_file() else []
    if not files:
        raise HarnessError(f"card={str(path)!r} is no file and no folder of cards (.md, .yaml)")
    return [read_card(file) for file in files]


def read_card(path: Path) -> Card:
    """One card, whatever its keys' case and its lists' form.

    Raises:
        HarnessError: it cannot be read, or is no YAML mapping.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise HarnessError(f"card {str(path)!r} cannot be read: {reason}") from error
    if not isinstance(content, Mapping):
        raise HarnessError(f"card {str(path)!r} holds no fields; see tasks/risk_card/README.md")
    fields: dict[str, Any] = {}
    unread = []
    for key, value in content.items():
        name = next((n for start, n in FIELDS.items() if str(key).lower().startswith(start)), None)
        if name is None or name in fields:
            unread.append(f"{key}: {value}")
        else:
            fields[name] = value
    return _card(path.stem, fields, unread)


def _card(name: str, fields: Mapping[str, Any], unread: list[str]) -> Card:
    codes, unread_codes = _codes(_joined(fields.get("categories")))
    unread += [f"categories: {unread_codes}"] if unread_codes else []
    harms, pieces = pairs_of(_joined(fields.get("harms")))
    unread += [f"harms: {piece}" for piece in pieces]
    return Card(
        name,
        _joined(fields.get("title")),
        _joined(fields.get("description")),
        codes,
        harms,
        _texts(fields.get("references")),
        _texts(fields.get("actions")),
        list(_probes(fields.get("prompts"))),
        unread,
    )


def pairs_of(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Who is harmed and how, and the pieces that hold no pair, or more than pairs.

    Case, plurals and missing commas do not matter.

    >>> pairs_of("Consumers - Psychological Publisher-reputational harm, legal")
    ([('consumer', 'psychological'), ('publisher', 'reputational')], ['legal'])
    """
    pairs = []
    for match in PAIR.finditer(text):
        groups = {name for name, value in match.groupdict().items() if value is not None}
        actor = next(word for n, word in enumerate(ACTORS) if f"a{n}" in groups)
        harm = next(word for n, word in enumerate(HARMS) if f"h{n}" in groups)
        pairs.append((actor, harm))
    pieces = (piece.strip(" .;\n") for piece in PAIR.sub(",", text).split(","))
    return list(dict.fromkeys(pairs)), [piece for piece in pieces if piece]


def _codes(text: str) -> tuple[list[str], str]:
    codes = [f"{kind.upper()}{area}.{risk}" for kind, area, risk in CODE.findall(text)]
    return list(dict.fromkeys(codes)), CODE.sub("", text).strip(" ,;\n")


def _texts(value: object) -> list[str]:
    """The texts of a field, in order; of a mapping each key with its value."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [f"{key}: {_joined(item)}" for key, item in value.items()]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    text = str(value).strip()
    return [text] if text else []


def _joined(value: object) -> str:
    return ", ".join(_texts(value))


def _probes(value: object) -> Iterator[Probe]:
    """Each prompt with its output, which a list or mapping names and a text has in bold."""
    if isinstance(value, list):
        for item in value:
            yield from _probes(item)
    elif isinstance(value, Mapping):
        outputs = [k for k in value if str(k).lower().strip() in ("output", "outputs")]
        prompts = [k for k in value if str(k).lower().strip() in ("prompt", "prompts")]
        other = {key: item for key, item in value.items() if key not in (*outputs, *prompts)}
        texts = [*(t for key in prompts for t in _texts(value[key])), *_texts(other)]
        output = "\n".join(text for key in outputs for text in _texts(value[key])) or None
        if texts or output:
            yield Probe("\n".join(texts), output)
    elif value is not None and str(value).strip():
        text = str(value).strip()
        output = "\n".join(BOLD.findall(text)) or None
        yield Probe(BOLD.sub("", text).strip(), output)


def wrong_with(card: Card) -> list[str]:
    """All that is wrong with a card by the schema, a sentence each; none: nothing."""
    empty = [
        name
        for name in ("title", "description", "categories", "harms", "references", "actions")
        if not getattr(card, name)
    ]
    lines = [f"{card.name}: it has no {name}" for name in empty]
    lines += [
        f"{card.name}: there is no risk {code}"
        for code in card.categories
        if code.startswith("W") and number_of(code) is None
    ]
    lines += [f"{card.name}: {text!r} fits no field" for text in card.unread]
    if not any(probe.prompt for probe in card.probes):
        lines.append(f"{card.name}: it has no prompt, so that no run can fill it")
    return lines
