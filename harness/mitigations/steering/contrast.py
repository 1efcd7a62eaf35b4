"""Texts of two kinds, toxic and not, whose states steering is fitted on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.data import number_field, object_field, read_records, text_field, truth_field
from harness.types import HarnessError, fingerprint

STARTER = Path(__file__).with_name("contrast.jsonl")
TOXIC, CLEAN = 0.5, 0.1
"""Of a text with a score: above the first it is toxic, below the second it is not; what lies
between is left out."""
LEAST = 4
"""Texts of a kind at least."""


@dataclass(frozen=True)
class Contrast:
    """Toxic texts and others, which need not be pairs."""

    toxic: Sequence[str]
    clean: Sequence[str]

    @property
    def digest(self) -> str:
        """What names the texts and their order."""
        return fingerprint({"toxic": list(self.toxic), "clean": list(self.clean)})

    @classmethod
    def read(cls, texts: str, n: int, seed: int) -> Contrast:
        """As many of each kind as are wanted and there, drawn by a seed.

        A record has `text` and `toxic` (true or false), or is one of RealToxicityPrompts': the text
        is then prompt and continuation, and the continuation's `toxicity` says which it is.

        Args:
            texts: `starter`, or a file of records.
            n: texts of each kind at most.
            seed: of the draw.

        Raises:
            HarnessError: the file cannot be read, or has too few texts of a kind.
        """
        records = read_records(texts, STARTER, option="mitigation.texts")
        kinds: dict[bool, list[str]] = {True: [], False: []}
        for number, row in enumerate(records.rows, 1):
            text, toxic = _read(row, f"record {number} of {records.name!r}")
            if toxic is not None:
                kinds[toxic].append(text)
        if n < LEAST or min(map(len, kinds.values())) < LEAST:
            raise HarnessError(
                f"mitigation.texts={texts!r} has {len(kinds[True])} toxic texts and "
                f"{len(kinds[False])} others, of which mitigation.n={n} are taken; steering is "
                f"fitted on at least {LEAST} of each"
            )
        return cls(*(sorted(kinds[kind], key=_drawn(seed))[:n] for kind in (True, False)))


def _drawn(seed: int) -> Callable[[str], bytes]:
    return lambda text: hashlib.sha256(f"{seed} {text}".encode("utf-8", "surrogatepass")).digest()


def _read(row: Mapping[str, object], where: str) -> tuple[str, bool | None]:
    """A record's text, and whether it is toxic; None where that is not sure enough."""
    continued = object_field(row, "continuation", where)
    if continued is None:
        text, toxic = text_field(row, ("text",), where), truth_field(row, "toxic", where)
        if toxic is None:
            raise HarnessError(f"{where} does not say whether it is toxic: true or false")
        return text, toxic
    prompt = object_field(row, "prompt", where) or {}
    parts = [text_field(part, ("text",), where) for part in (prompt, continued)]
    score = number_field(continued, "toxicity", where)
    if score is None or CLEAN <= score <= TOXIC:
        return "".join(parts), None
    return "".join(parts), score > TOXIC
