"""Draws a part of a run for people to label."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping

import numpy as np

from harness.review.page import page
from harness.review.review import Key, Review, _cell, _item, _read_key
from harness.review.strata import Strata, allocated
from harness.store import write_text
from harness.types import Direction, HarnessError


def draw(review: Review, n: int, seed: int, design: str = "random") -> list[str]:
    """Draw answers and write the sheets; gives the items' names, in an order that tells nothing.

    A larger `n` with the same seed and design holds all of a smaller one's. The chance that each
    answer had is kept in `key.json`, and reading back weighs its label by the inverse.

    Args:
        review: of the run.
        n: answers.
        seed: of the draw.
        design: `random`, all alike, or `score`: more of what is scored high.

    Raises:
        NotFinished: an earlier version wrote the run, which has no rubrics.
        HarnessError: there are sheets of another draw, which labels may have been made for.
    """
    rubric = review.run.rubric(review.name)
    items = {_item(review, seed, key): key for key in review.answers}
    strata = Strata.by(design, review.scores_of(review.answers), review.metric)
    drawn, chances = _drawn(review, items, strata, n)
    key_file = review.folder / "key.json"
    before = _read_key(key_file)
    if before and before["seed"] != seed:
        raise HarnessError(
            f"{str(review.folder)!r} holds a draw with seed={before['seed']}, for which labels may "
            "have been made; go on with that seed, or move the folder away"
        )
    if before and before.get("draw", "random") != design:
        raise HarnessError(
            f"{str(review.folder)!r} holds a draw with draw={before.get('draw', 'random')}, for "
            "which labels may have been made; go on with that, or move the folder away"
        )
    review.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for item in drawn:
        sample_id, _ = items[item]
        prompt, answer = review.prompts[sample_id], review.answers[items[item]]
        rows.append({"item": item, "prompt": prompt, "answer": answer})
    key = {
        "seed": seed, "draw": design, "cuts": list(strata.cuts), "metric": review.name,
        "items": {i: list(items[i]) for i in drawn}, "chances": chances,
    }  # fmt: skip
    write_text(key_file, json.dumps(key, indent=1))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["item", "prompt", "answer", "label"])
    for row in rows:
        writer.writerow([row["item"], _cell(row["prompt"]), _cell(row["answer"]), ""])
    write_text(review.folder / "sheet.csv", text.getvalue())
    write_text(review.folder / "sheet.html", page(review.name, review.metric, rubric, rows))
    return drawn


def _drawn(
    review: Review, items: Mapping[str, Key], strata: Strata, n: int
) -> tuple[list[str], dict[str, float]]:
    """The items drawn, in their random order, and the chance that each had."""
    names = sorted(items)
    scores = review.scores_of([items[name] for name in names])
    numbers = strata.of(scores)
    present, places = np.unique(numbers, return_inverse=True)
    if n < min(2 * len(present), len(names)):
        raise HarnessError(
            f"n={n} must be at least {2 * len(present)}: two of each of {len(present)} strata"
        )
    metric, sizes = review.metric, np.bincount(places)
    shares = (scores - metric.low) / (metric.high - metric.low)
    if metric.better is Direction.HIGHER:
        shares = 1 - shares
    means = [float(shares[places == stratum].mean()) for stratum in range(len(present))]
    counts = allocated(sizes.tolist(), means, n)
    firsts = [np.flatnonzero(places == stratum)[:count] for stratum, count in enumerate(counts)]
    drawn = sorted(names[place] for place in np.concatenate(firsts).tolist())
    of_stratum = [count / size for count, size in zip(counts, sizes.tolist(), strict=True)]
    chance = dict(zip(names, (of_stratum[place] for place in places.tolist()), strict=True))
    return drawn, {name: chance[name] for name in drawn}
