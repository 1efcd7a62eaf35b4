"""Ratings of two systems by several people, and what a study of them may say."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.data import blank, read_file
from harness.evidence.blind.pairs import LEVEL, Tested, compare, power
from harness.statistics import Floats, krippendorff_alpha
from harness.types import Direction, HarnessError, Metric

SCALE = Metric(0.0, 10.0, Direction.HIGHER)
"""On which each answer is rated."""
UNREPLICATED = "unreplicated: one rater, so that nothing shows whether another would rate alike"


@dataclass(frozen=True)
class Study:
    """The ratings of a blind study."""

    raters: Sequence[str]
    prompts: Sequence[str]
    ratings: Floats
    """Of shape (raters, prompts, 2); NaN is missing."""
    systems: Sequence[str] = ()
    """What A and B are, where the study was drawn here."""

    def tested(self) -> Tested:
        """The tests of the prompts that all raters rated both answers of.

        Raises:
            HarnessError: there are fewer than two of them.
        """
        differences = (self.ratings[:, :, 0] - self.ratings[:, :, 1]).mean(axis=0)
        present = differences[~np.isnan(differences)]
        if len(present) < 2:
            raise HarnessError(f"{len(present)} prompts have all ratings; two at least are needed")
        return compare(present)

    def lines(self) -> Iterator[str]:
        """What the study says, as a person reads it."""
        result = self.tested()
        n = len(self.prompts)
        if self.systems:
            yield f"A is {self.systems[0]}, B is {self.systems[1]}"
        means = np.nanmean(self.ratings, axis=(0, 1))
        yield f"{len(self.raters)} raters, {n} prompts; mean A {means[0]:.2f}, B {means[1]:.2f}"
        if result.n < n:
            yield f"{n - result.n} prompts lack a rating and are in no test"
        interval = f"95 % interval {result.low:.2f} to {result.high:.2f}"
        yield f"A minus B over {result.n} prompts: {result.mean:.2f} ({interval})"
        how = "all patterns" if result.exact else "patterns drawn"
        yield (
            f"two-sided p: paired t {result.t:.4g}, Wilcoxon {result.wilcoxon:.4g}, "
            f"sign flips {result.sign_flip:.4g} ({how})"
        )
        verdict = "shown" if result.sign_flip < LEVEL else "not shown"
        yield f"by the sign flips the difference is {verdict} at {LEVEL:g}"
        if len(self.raters) < 2:
            yield UNREPLICATED
            return
        alpha = krippendorff_alpha(self.ratings.reshape(len(self.raters), -1), "interval")
        words = "cannot be had: nobody rated otherwise" if alpha is None else f"{alpha:.2f}"
        yield f"agreement of the raters (Krippendorff's alpha, interval): {words}"


def read_study(files: Sequence[Path], key: Path | None = None) -> Study:
    """The study of these files, one of each rater.

    Args:
        files: with columns item and label, as the sheets save them; without a key with columns
            prompt, rating_a and rating_b.
        key: of the sheets, `key.json`.

    Raises:
        HarnessError: a file lacks a column, a rating is no number from 0 to 10, or two raters
            were not shown the same prompts.
    """
    known = None if key is None else _key(key)
    items = {} if known is None else known["items"]
    tables = {file.stem: _read(file) if key is None else _of_sheet(file, items) for file in files}
    if len(tables) != len(files):
        raise HarnessError("two files of ratings have one name; each rater's file is named by them")
    prompts = list(next(iter(tables.values()))) if tables else []
    for name, table in tables.items():
        if set(table) != set(prompts):
            raise HarnessError(f"ratings of {name!r} are not of the prompts that others rated")
    ratings = np.array([[table[prompt] for prompt in prompts] for table in tables.values()])
    return Study(list(tables), prompts, ratings, known["systems"] if known else ())


def _key(file: Path) -> Mapping[str, Any]:
    """What the items of the sheets are.

    Raises:
        HarnessError: it cannot be read, or is no key of a study.
    """
    try:
        key = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise HarnessError(f"key={str(file)!r} cannot be read ({error})") from error
    if not isinstance(key, dict) or not {"systems", "items"} <= key.keys():
        raise HarnessError(f"key={str(file)!r} is no key.json of a blind study")
    return key


def _of_sheet(file: Path, items: Mapping[str, Sequence[Any]]) -> Mapping[str, tuple[float, float]]:
    """By prompt both ratings of one rater; what was not rated is NaN."""
    table = {str(name): [math.nan, math.nan] for name, _ in items.values()}
    rated = set()
    for number, row in enumerate(read_file(file, "ratings"), start=1):
        where, item = f"row {number} of {file.name!r}", str(row.get("item", ""))
        if item not in items or item in rated:
            raise HarnessError(f"{where}: item {item!r} is none of the key's, or there twice")
        rated.add(item)
        name, side = items[item]
        table[str(name)][side] = _rating(row, "label", where)
    return {name: (a, b) for name, (a, b) in table.items()}


def _read(file: Path) -> Mapping[str, tuple[float, float]]:
    table: dict[str, tuple[float, float]] = {}
    for number, row in enumerate(read_file(file, "ratings"), start=1):
        where = f"row {number} of {file.name!r}"
        prompt = str(row.get("prompt", ""))
        if not prompt or prompt in table:
            raise HarnessError(f"{where}: prompt {prompt!r} is empty or there twice")
        first, second = (_rating(row, name, where) for name in ("rating_a", "rating_b"))
        table[prompt] = (first, second)
    return table


def _rating(row: Mapping[str, object], name: str, where: str) -> float:
    """A rating; NaN where it was left blank.

    Raises:
        HarnessError: the column is not there, or it is none from 0 to 10.
    """
    if name not in row:
        raise HarnessError(
            f"{where} has no {name}; ratings need item and label, with key=FILE, or prompt, "
            "rating_a and rating_b"
        )
    if blank(row[name]):
        return math.nan
    try:
        value = float(str(row[name]))
    except ValueError:
        value = math.nan
    if not SCALE.low <= value <= SCALE.high:
        raise HarnessError(
            f"{where}: {name}={row[name]!r} is no number from {SCALE.low:g} to {SCALE.high:g}"
        )
    return value


def power_line(n: int, difference: float, spread: float) -> str:
    """What a study of so many prompts could show, said before it starts."""
    chance = power(n, difference, spread)
    return (
        f"{n} prompts show a difference of {difference:g} points (spread {spread:g}) with a chance "
        f"of {chance:.1%}" + ("" if chance >= 0.8 else "; below 80 %: ask more prompts")
    )
