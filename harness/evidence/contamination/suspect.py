"""A model alone under suspicion: are items, or the order of their options, too likely to it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.evidence.contamination.accused import Alone, Likelier, Ordered
from harness.evidence.contamination.corpus import texts_of
from harness.evidence.contamination.orders import Listed, listed_in, preferred
from harness.evidence.contamination.probable import check_weighs, min_k_of
from harness.statistics import Floats
from harness.types import HarnessError, Model, Sample, Task, asked


@dataclass(frozen=True)
class Item:
    """What a model may have been trained on."""

    id: str
    text: str
    """Up to its last option where it lists any, else all that is asked."""
    cluster: str
    listed: Listed | None = None
    twin: str | None = None
    """The same in other words, where it has such a twin."""


@dataclass(frozen=True)
class Suspicion:
    """How a model is looked at.

    Args:
        model: under suspicion.
        reference: a model that cannot have seen the items, whose Min-k% is taken off; None: none.
        share: of a text's tokens that Min-k% is over, above 0 and up to 1.
        orders: orders of an item's options that are weighed, the published one included.
        seed: of the orders that are drawn.
    """

    model: Model
    reference: Model | None = None
    share: float = 0.2
    orders: int = 8
    seed: int = 0

    def of(self, items: Sequence[Item], held_out: Sequence[str] = ()) -> Alone:
        """Hold items against texts that the model cannot have read, and against their twins.

        Raises:
            HarnessError: the model's backend does not say how probable a text's tokens are.
        """
        check_weighs(self.model, "model")
        if self.reference is not None:
            check_weighs(self.reference, "reference")
        with_twin = [n for n, item in enumerate(items) if item.twin is not None]
        twins = [str(items[n].twin) for n in with_twin]
        texts = [*(item.text for item in items), *held_out, *twins]
        values, reasons = self._values(texts)
        of_items, beside_items = values[: len(items)], values[len(items) :]
        of_held_out, of_twins = beside_items[: len(held_out)], beside_items[len(held_out) :]
        why = Counter(reasons.values())
        clusters = len({item.cluster for item in items})
        likelier = []
        if held_out:
            against = f"{len(held_out):,} held-out texts"
            units = (clusters, len(held_out))
            likelier.append(Likelier(against, of_items, of_held_out, self.share, units, why))
        if twins:
            apart = len({items[n].cluster for n in with_twin})
            against = "their twins in other words"
            units = (apart, apart)
            of_paired = of_items[np.array(with_twin)]
            likelier.append(Likelier(against, of_paired, of_twins, self.share, units, why))
        ordered = self._ordered(items)
        return Alone([item.id for item in items], likelier, ordered, of_items)

    def _values(self, texts: Sequence[str]) -> tuple[Floats, dict[int, str]]:
        values, reasons = min_k_of(self.model, texts, self.share)
        if self.reference is None:
            return values, reasons
        before, more = min_k_of(self.reference, texts, self.share)
        return values - before, more | reasons

    def _ordered(self, items: Sequence[Item]) -> Ordered | None:
        if self.orders < 2:
            return None
        listed = [(item.listed, item.cluster) for item in items if item.listed is not None]
        apart = [(choice, cluster) for choice, cluster in listed if len(set(choice.options)) > 1]
        values = preferred(self.model, [choice for choice, _ in apart], self.orders, self.seed)
        unlisted = len(items) - len(apart)
        return Ordered(values, [cluster for _, cluster in apart], unlisted)


def items_of_task(task: Task) -> list[Item]:
    """A task's items; of one with twins each published item with its twin in other words."""
    samples = list(task.samples(task.records()))
    twins = {
        str(sample.metadata["twin_of"]): _text(sample)
        for sample in samples
        if sample.metadata.get("twin") == "reworded"
    }
    published = [s for s in samples if s.metadata.get("twin") in (None, "", "original")]
    return [replace(_item(sample), twin=twins.get(sample.id)) for sample in published]


def texts_in(path: Path, column: str | None, option: str) -> list[str]:
    """The texts of a file's lines or rows.

    Raises:
        HarnessError: there are none.
    """
    texts = [text.text.strip() for text in texts_of(path, column, option)]
    if not any(texts):
        raise HarnessError(f"{option}={str(path)!r} holds no text")
    return texts


def items_of_file(path: Path, column: str | None) -> list[Item]:
    """The items of a file, each by its number."""
    texts = texts_in(path, column, "prompts")
    return [Item(str(n), text, str(n)) for n, text in enumerate(texts, 1)]


def _item(sample: Sample) -> Item:
    return Item(sample.id, _text(sample), sample.cluster or sample.id, listed_in(sample))


def _text(sample: Sample) -> str:
    listed = listed_in(sample)
    return asked(sample.prompt) if listed is None else listed.text
