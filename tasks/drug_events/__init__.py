"""Drugs and what they did to a patient, as spans of a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from harness.data import file_at, name_field, nested, read_records, text_field
from harness.statistics import Mean, Share, SpanMeasure
from harness.types import Estimand, HarnessError, Margin, Message, Records, Sample, with_margins

Row = Mapping[str, object]
STARTER = "pkg://tasks/drug_events/sentences.jsonl"
KINDS = {
    "drug": "drug", "adverse-effect": "effect", "adverse_effect": "effect", "effect": "effect",
}  # fmt: skip
"""What published files call the kinds of spans."""
ASKED = (
    "Which drugs does this sentence name, and which adverse events does it say that they caused? "
    "Copy the words exactly. Write one line for each:\ndrug: ...\neffect: ...\n"
    'If it names neither, write "none".'
)
EXAMPLES = (
    ("The ward has forty beds.", "none"),
    ("Hives appeared after the second dose of penicillin.", "drug: penicillin\neffect: Hives"),
)
GUARD = Margin(0.1, "a tenth of what there is to find", guard=True)


class DrugEvents:
    """Drugs and adverse events in sentences of case reports.

    Args:
        data: `starter`, or a file with `text` and `spans`, with `text`, `drug` and `effect` (a
            relation a row), or with `tokens` and `entities`.
        shots: worked examples before each sentence, 0 to 2; they are none of the data's.
    """

    name = "drug_events"
    version = "1"

    def __init__(self, data: str = "starter", shots: int = 2) -> None:
        if not 0 <= shots <= len(EXAMPLES):
            raise HarnessError(f"task.shots={shots} must be from 0 to {len(EXAMPLES)}")
        self.data = data
        self.shots = shots
        right = Share(at_least=1)
        rows = [
            Estimand(f"{kind} {measure}", f"span_{kind}", SpanMeasure(measure))
            for kind in ("strict", "lenient")
            for measure in ("precision", "recall", "F1")
        ]
        rows += [
            Estimand("F1 of a sentence", "span_strict", Mean()),
            Estimand("F1 of a sentence, lenient", "span_lenient", Mean()),
            Estimand("F1 of a sentence, unparsed is 0", "span_strict_unparsed", Mean()),
            Estimand("F1 of a sentence", "span_strict", Mean(), "holds"),
            Estimand("all spans right", "span_exact", right),
            Estimand("invented", "span_invented", Mean()),
            Estimand("parsed", "span_parsed", right),
        ]
        self.estimands = with_margins(rows, {"F1 of a sentence": GUARD})

    def records(self) -> Records:
        """The starter set, or the user's file."""
        return read_records(self.data, file_at(STARTER))

    def samples(self, records: Records) -> Iterator[Sample]:
        """One sample a sentence, all its spans together, however many rows it has."""
        sentences: dict[str, tuple[str, set[tuple[str, int, int]]]] = {}
        for number, row in enumerate(records.rows, 1):
            where = f"record {number} of {records.name!r}"
            text, spans = _read(row, where)
            name = name_field(row, "id", f"{records.name}-{number}")
            sentences.setdefault(text, (name, set()))[1].update(spans)
        for text, (name, spans_of) in sentences.items():
            spans = sorted(spans_of, key=lambda span: (span[1:], span[0]))
            kinds = sorted({kind for kind, _, _ in spans})
            yield Sample(
                id=name,
                prompt=(*self._shots(), Message("user", f"{ASKED}\n\nSentence: {text}")),
                target="\n".join(f"{k}: {text[start:end]}" for k, start, end in spans) or "none",
                metadata={
                    "text": text,
                    "spans": json.dumps(spans),
                    "holds": " and ".join(kinds) or "nothing",
                },
            )

    def _shots(self) -> Iterator[Message]:
        for text, answer in EXAMPLES[: self.shots]:
            yield Message("user", f"{ASKED}\n\nSentence: {text}")
            yield Message("assistant", answer)


def _read(row: Row, where: str) -> tuple[str, list[tuple[str, int, int]]]:
    """The sentence of a record and its spans, in any of the three layouts.

    Raises:
        HarnessError: it has none of them, or a span that does not stand in the sentence.
    """
    if "tokens" in row and "entities" in row:
        return _of_tokens(_list(row, "tokens", where), _list(row, "entities", where), where)
    text = text_field(row, ["text", "sentence"], where)
    if "spans" in row:
        spans = [_span(item, where) for item in _list(row, "spans", where)]
        for kind, start, end in spans:
            if not 0 <= start < end <= len(text):
                raise HarnessError(f"{where}: the {kind} at {start} to {end} is not in its text")
        return text, spans
    return text, [_stands(text, row, kind, where) for kind in ("drug", "effect")]


def _stands(text: str, row: Row, kind: str, where: str) -> tuple[str, int, int]:
    """A span that a relation names, at the place that `indexes` gives or where it first stands."""
    words = text_field(row, [kind], where)
    indexes = row.get("indexes")
    places = indexes.get(kind) if isinstance(indexes, Mapping) else None
    starts = places.get("start_char") if isinstance(places, Mapping) else None
    stated = starts[0] if isinstance(starts, list) and starts else None
    start = stated if isinstance(stated, int) else text.find(words)
    if start < 0 or text[start : start + len(words)] != words:
        raise HarnessError(f"{where}: the {kind} {words!r} does not stand in its text")
    return kind, start, start + len(words)


def _of_tokens(
    tokens: Sequence[object], entities: Sequence[object], where: str
) -> tuple[str, list[tuple[str, int, int]]]:
    words = list(map(str, tokens))
    starts = [sum(len(word) + 1 for word in words[:i]) for i in range(len(words))]
    spans = []
    for entity in entities:
        kind, first, end = _span(entity, where)
        if not 0 <= first < end <= len(words):
            raise HarnessError(f"{where}: the {kind} at token {first} to {end} is not in its text")
        spans.append((kind, starts[first], starts[end - 1] + len(words[end - 1])))
    return " ".join(words), spans


def _span(item: object, where: str) -> tuple[str, int, int]:
    if isinstance(item, Mapping):
        item = [item.get("type"), item.get("start"), item.get("end")]
    if isinstance(item, list | tuple) and len(item) == 3:
        kind = KINDS.get(str(item[0]).casefold())
        if kind and isinstance(item[1], int) and isinstance(item[2], int):
            return kind, item[1], item[2]
    raise HarnessError(f"{where}: {item!r} is no span: a kind (drug, effect), its start and end")


def _list(row: Row, name: str, where: str) -> Sequence[object]:
    value = row[name]
    value = nested(value) if isinstance(value, str) else value
    if not isinstance(value, list | tuple):
        raise HarnessError(f"{where}: {name!r} is {row[name]!r}, not a list")
    return value
