"""For each item the texts of a corpus that mean most nearly the same, by a sentence encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.evidence.contamination.corpus import Text

Encoder = Callable[[Sequence[str]], NDArray[np.float64]]
"""From texts to embeddings of length 1, a row a text."""
AT_ONCE = 1024
"""Texts of a corpus that are held and embedded together."""


class Near(NamedTuple):
    """A text with how near it is."""

    cosine: float
    text: Text


def nearest(
    items: Sequence[str], texts: Iterable[Text], encoder: Encoder, count: int = 1
) -> tuple[list[list[Near]], int]:
    """Of each item its nearest texts, the nearest first, and how many texts were empty.

    An empty text means nothing: it is near to no item. An item that is empty has none.

    Args:
        items: their texts.
        texts: of the corpus; a part at a time is held.
        encoder: embeds both.
        count: texts that are kept of each item.
    """
    full = [number for number, item in enumerate(items) if item.strip()]
    nearest_of: list[list[Near]] = [[] for _ in items]
    if not full:
        return nearest_of, 0
    of_items = encoder([items[number] for number in full])
    empty = 0
    for batch in _batches(texts):
        present = [text for text in batch if text.text.strip()]
        empty += len(batch) - len(present)
        if not present:
            continue
        cosines = of_items @ encoder([text.text for text in present]).T
        top = min(count, len(present))
        places = np.argpartition(-cosines, top - 1, axis=1)[:, :top]
        for row, number in enumerate(full):
            new = [Near(float(cosines[row, at]), present[at]) for at in sorted(places[row])]
            nearest_of[number] = sorted([*nearest_of[number], *new], key=lambda near: -near.cosine)[
                :count
            ]
    return nearest_of, empty


def _batches(texts: Iterable[Text]) -> Iterator[list[Text]]:
    stream = iter(texts)
    while batch := list(islice(stream, AT_ONCE)):
        yield batch
