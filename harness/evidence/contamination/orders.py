"""Whether a model prefers the order in which options are published to others of the same options.

The test of orders of Oren et al. (2024, arXiv 2310.17623), of the options within an item as Ni et
al. (2024, arXiv 2409.01790) have it. Whoever never saw the item has no reason to find its own order
likelier than another, as far as the author chose it without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import factorial, isnan
from random import Random
from string import ascii_uppercase

import numpy as np

from harness.evidence.contamination.probable import weighed
from harness.statistics import Floats
from harness.types import Model, Request, Sample, asked


@dataclass(frozen=True)
class Listed:
    """An item of which options are listed, a line each."""

    before: str
    """What stands before the options."""
    options: tuple[str, ...]
    """In the order in which they are published."""

    @property
    def text(self) -> str:
        """The item up to its last option."""
        return self.before + written(self.options)


def written(options: Sequence[str]) -> str:
    r"""Options as an item lists them.

    >>> written(["yes", "no"])
    'A. yes\nB. no'
    """
    return "\n".join(
        f"{letter}. {text}" for letter, text in zip(ascii_uppercase, options, strict=False)
    )


def listed_in(sample: Sample) -> Listed | None:
    """The item with its options; None where its prompt lists none that its metadata name."""
    named = (sample.metadata.get(f"option_{letter}") for letter in ascii_uppercase)
    options = tuple(str(text) for text in iter(lambda: next(named, None), None))
    if len(options) < 2:
        return None
    before, block, _ = asked(sample.prompt).partition(written(options))
    return Listed(before, options) if block else None


def orders_of(options: Sequence[str], most: int, seed: str) -> list[tuple[str, ...]]:
    """Orders of options, the published one first, the others drawn without repetition.

    Args:
        options: as published.
        most: orders at most, the published one included.
        seed: of what is drawn.
    """
    count = min(most, factorial(len(options)))
    return list(islice(_different(tuple(options), Random(seed)), count))


def _different(options: tuple[str, ...], draw: Random) -> Iterator[tuple[str, ...]]:
    yield options
    seen, order = {options}, list(options)
    while True:
        draw.shuffle(order)
        if tuple(order) not in seen:
            seen.add(tuple(order))
            yield tuple(order)


def preferred(model: Model, items: Sequence[Listed], most: int, seed: int) -> list[Floats]:
    """The log-probability of each order of each item, the published order first.

    All orders follow one text, which is computed once. An item that failed has only NaN.

    Args:
        model: weighs.
        items: their options all different.
        most: orders of an item at most.
        seed: of the orders that are drawn.
    """
    orders = [orders_of(item.options, most, f"{seed} {item.before}") for item in items]
    requests = [
        Request(str(n), item.before, choices=tuple(written(order) for order in of_item))
        for n, (item, of_item) in enumerate(zip(items, orders, strict=True))
    ]
    answers = weighed(model, requests) if requests else {}
    values = []
    for number, of_item in enumerate(orders):
        answer = answers.get(str(number))
        known = answer is not None and answer.error is None
        weights = answer.choice_logprobs if known and answer is not None else None
        values.append(np.array(weights if weights is not None else [np.nan] * len(of_item)))
    return values


def place_of_first(values: Floats) -> float:
    """The share of the other orders that are less probable than the first; ties count half.

    >>> place_of_first(np.array([-1.0, -2.0, -3.0, -0.5]))
    0.6666666666666666
    """
    if isnan(values[0]):
        return float("nan")
    others = values[1:]
    return float(((others < values[0]) + 0.5 * (others == values[0])).mean())


def chance_of_places(places: Sequence[float], orders: Sequence[int]) -> float:
    """One-sided p: how often places add up to as much where each order is as good as another.

    Exact: of an item with m orders the published one's place is one of m, each as likely.

    >>> chance_of_places([1.0, 1.0], [4, 4])
    0.0625

    Args:
        places: of each item, from 0 to 1.
        orders: of each item, two at least.
    """
    common = int(np.lcm.reduce([2 * (count - 1) for count in orders]))
    sums = np.ones(1)
    for count in orders:
        steps = count - 1  # from the first place to the last
        each = np.zeros(common + 1)
        each[:: common // steps] = 1 / count
        sums = np.convolve(sums, each)
    reached = round(sum(places) * common)
    return float(min(1.0, sums[reached:].sum()))
