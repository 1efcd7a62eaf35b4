"""What was seen of each item, and what that comes to over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from harness.evidence.contamination.judge import Verdict
from harness.evidence.contamination.nearest import Near
from harness.evidence.contamination.ngrams import Overlap
from harness.statistics import critical_value, wilson


@dataclass(frozen=True)
class Seen:
    """All that was looked for; what was not is empty or None."""

    ids: Sequence[str]
    texts: int
    """Of the corpus."""
    overlaps: Sequence[Overlap]
    near: Sequence[Sequence[Near]] | None = None
    empty: int = 0
    """Texts of the corpus that hold nothing."""
    verdicts: Sequence[Sequence[Verdict]] | None = None

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row an item."""
        for number, name in enumerate(self.ids):
            row: dict[str, Any] = {"id": name}
            for overlap in self.overlaps:
                row[f"ngrams, {overlap.rule}"] = {
                    "too_short": number in overlap.short,
                    "times": overlap.times[number],
                    "places": overlap.places.get(number, []),
                }
            if self.near is not None:
                row["nearest"] = [
                    {"cosine": round(near.cosine, 6), "file": near.text.file,
                     "number": near.text.number} for near in self.near[number]
                ]  # fmt: skip
            if self.verdicts is not None:
                row["same"] = same_of(self.verdicts[number])
                row["errors"] = [v.error for v in self.verdicts[number] if v.error]
            yield row

    def lines(self) -> Iterator[str]:
        """What it comes to, as a person reads it."""
        n = len(self.ids)
        yield f"{n:,} items, {self.texts:,} texts of the corpus, {self.empty:,} of them empty"
        for overlap in self.overlaps:
            words = f"{overlap.size} words in a row ({overlap.rule})"
            yield f"{words}: {_share(len(overlap.times), n - len(overlap.short))} stand in it"
            if overlap.short:
                yield (
                    f"  {len(overlap.short):,} of {n:,} items are shorter than {overlap.size} "
                    "words and cannot be found by this rule at all"
                )
            if overlap.wording:
                yield f"  {overlap.wording:,} runs that most items share are the task's own wording"
        if self.near is not None:
            cosines = sorted(near[0].cosine for near in self.near if near)
            if cosines:
                middle, most = cosines[len(cosines) // 2], cosines[-1]
                yield f"nearest text by meaning: cosine {middle:.3f} (median), {most:.3f} (most)"
        if self.verdicts is not None:
            yield from self._judged(self.verdicts)

    def _judged(self, verdicts: Sequence[Sequence[Verdict]]) -> Iterator[str]:
        same = [same_of(of_item) for of_item in verdicts]
        missing, n = same.count(None), len(same)
        share = _share(same.count(True), n - missing)
        yield f"asked the same in other words, by the judge: {share}"
        if missing:
            low, high = same.count(True) / n, (same.count(True) + missing) / n
            yield (
                f"  no verdict on {missing:,} items: with all of them it would be {high:.1%}, with "
                f"none {low:.1%}"
            )


def same_of(verdicts: Sequence[Verdict]) -> bool | None:
    """Of an item whether any text is the same; None where none is known to be and one is unknown.

    An item that was held against nothing is not known to be clean either.
    """
    answers = [verdict.same for verdict in verdicts]
    if True in answers:
        return True
    return None if None in answers or not answers else False


def _share(count: int, total: int) -> str:
    if not total:
        return "none could be looked for"
    low, high = wilson(count / total, total, critical_value(inf))
    return f"{count:,} of {total:,} ({count / total:.1%}, 95 % interval {low:.1%} to {high:.1%})"
