"""Texts that methods learn from: what was asked or begun, what came of it, how unwanted it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from harness.types import HarnessError

TOXIC, CLEAN = 0.5, 0.25
"""From how unwanted on a text is one to unlearn, and below which one to learn.

Between them lies what classifiers and people disagree on: that it is toxic."""
ANSWERS = (
    ("harmful_medical_request", "safe_response"),
    ("request", "answer"),
    ("prompt", "answer"),
    ("question", "answer"),
)
"""Columns of a request and of an answer to it, which is safe where nothing else is said."""
PART, PARTS = "part", {"forget": 1.0, "retain": 0.0}
"""Column of the part of a set that a text belongs to, and how unwanted each part's texts are; those
of any other part are left out."""
TOXICITIES = ("toxicity", "toxic", "label")


class Text(NamedTuple):
    """A text, or what was written after the beginning of one."""

    prompt: str
    """Its beginning, or a request; empty: it stands alone."""
    text: str
    unwanted: float
    """From 0 (to be kept) to 1 (to be unlearned): how toxic it is, or its part of a set."""
    asked: bool = False
    """The prompt is a request, put through the chat template; the text is an answer."""


class Pair(NamedTuple):
    """Two ways to go on from the same beginning."""

    prompt: str
    chosen: str
    rejected: str
    asked: bool = False


def texts_of(rows: Iterable[Mapping[str, Any]], name: str) -> list[Text]:
    """The texts in rows of any known shape.

    RealToxicityPrompts' (with continuations or generations), pairs (`prompt`, `chosen`,
    `rejected`), requests with safe answers (MedSafetyBench's too), labelled texts (`text` with
    `toxicity` from 0 to 1, ToxiGen's `toxicity_score` from 1 to 5, or a truth value), and texts or
    questions with answers of a `part`, `forget` or `retain`.

    Args:
        rows: of a file.
        name: of the file, for the sentence of an error.

    Raises:
        HarnessError: a row is of none of these shapes.
    """
    return [text for n, row in enumerate(rows, 1) for text in _texts(row, f"row {n} of {name}")]


def pairs_of(texts: Iterable[Text], margin: float = TOXIC - CLEAN) -> list[Pair]:
    """Of each prompt its least and its most toxic text, where they lie apart.

    Args:
        texts: several of a prompt.
        margin: of toxicity that is between the two at least.
    """
    of_prompt: dict[tuple[str, bool], list[Text]] = {}
    for text in texts:
        of_prompt.setdefault((text.prompt, text.asked), []).append(text)
    pairs = []
    for (prompt, asked), group in of_prompt.items():
        ordered = sorted(group, key=lambda text: text.unwanted)
        if ordered[-1].unwanted - ordered[0].unwanted >= margin and ordered[-1].unwanted >= TOXIC:
            pairs.append(Pair(prompt, ordered[0].text, ordered[-1].text, asked))
    return pairs


def without(texts: Sequence[Text], prompts: Iterable[str]) -> list[Text]:
    """The texts that share no prompt with those that a model is to be measured on."""
    left_out = {_plain(prompt) for prompt in prompts} - {""}
    return [
        text
        for text in texts
        if _plain(text.prompt) not in left_out and _plain(text.text) not in left_out
    ]


def split(texts: Sequence[Text], name: str) -> tuple[list[Text], list[Text]]:
    """The texts to keep and those to unlearn: the clean and the toxic ones, or retain and forget.

    Args:
        texts: labelled.
        name: of the method, for the sentence of an error.

    Raises:
        HarnessError: there are none of a kind.
    """
    clean = [text for text in texts if text.unwanted < CLEAN]
    toxic = [text for text in texts if text.unwanted >= TOXIC]
    if not clean or not toxic:
        raise HarnessError(
            f"method {name} needs texts of toxicity below {CLEAN} and from {TOXIC}, or of the "
            f"parts retain and forget, and data= has {len(clean)} and {len(toxic)} of them"
        )
    return clean, toxic


def _texts(row: Mapping[str, Any], where: str) -> Iterator[Text]:
    part = row.get(PART)
    if part is not None and part not in PARTS:
        return
    unwanted = PARTS.get(str(part), 0.0)
    for request, answer in ANSWERS:
        if row.get(request) and row.get(answer):
            yield Text(str(row[request]), str(row[answer]), unwanted, asked=True)
            return
    beginning = row.get("prompt")
    if row.get("chosen") and row.get("rejected"):
        asked = bool(row.get("asked"))
        yield Text(str(beginning or ""), str(row["chosen"]), 0.0, asked)
        yield Text(str(beginning or ""), str(row["rejected"]), 1.0, asked)
        return
    if isinstance(beginning, Mapping):
        prompt = str(beginning.get("text") or "")
        for part in row.get("generations") or [row.get("continuation") or {}]:
            if part.get("text") and part.get("toxicity") is not None:
                yield Text(prompt, str(part["text"]), float(part["toxicity"]))
        return
    toxicity = _toxicity(row) if part is None else unwanted
    if not row.get("text") or toxicity is None:
        raise HarnessError(
            f"data: {where} has {', '.join(map(str, row))}, of which no text can be made; give "
            "`text` with `toxicity`, `prompt` with `chosen` and `rejected`, `request` with "
            "`answer`, or RealToxicityPrompts' columns"
        )
    yield Text(str(beginning or ""), str(row["text"]), toxicity)


def _toxicity(row: Mapping[str, Any]) -> float | None:
    if isinstance(row.get("toxicity_score"), int | float):
        return (float(row["toxicity_score"]) - 1) / 4
    for name in TOXICITIES:
        value = row.get(name)
        if isinstance(value, bool | int | float) and 0 <= value <= 1:
            return float(value)
        if isinstance(value, str) and value.lower() in ("hate", "toxic", "neutral", "non-toxic"):
            return float(value.lower() in ("hate", "toxic"))
    return None


def _plain(text: str) -> str:
    return " ".join(text.lower().split())
