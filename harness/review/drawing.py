"""Draws a part of a run for people to label."""

from __future__ import annotations

import csv
import io
import json

from harness.review.page import page
from harness.review.review import Review, _cell, _item, _read_key
from harness.store import write_text
from harness.types import HarnessError


def draw(review: Review, n: int, seed: int) -> list[str]:
    """Draw answers at random and write the sheets; gives the items' names.

    A larger `n` with the same seed holds all of a smaller one's.

    Raises:
        NotFinished: an earlier version wrote the run, which has no rubrics.
        HarnessError: there are sheets of another draw, which labels may have been made for.
    """
    rubric = review.run.rubric(review.name)
    items = {_item(review, seed, key): key for key in review.answers}
    drawn = sorted(items)[:n]
    key_file = review.folder / "key.json"
    before = _read_key(key_file)
    if before and before["seed"] != seed:
        raise HarnessError(
            f"{str(review.folder)!r} holds a draw with seed={before['seed']}, for which labels may "
            "have been made; go on with that seed, or move the folder away"
        )
    review.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for item in drawn:
        sample_id, _ = items[item]
        prompt, answer = review.prompts[sample_id], review.answers[items[item]]
        rows.append({"item": item, "prompt": prompt, "answer": answer})
    key = {"seed": seed, "metric": review.name, "items": {i: list(items[i]) for i in drawn}}
    write_text(key_file, json.dumps(key, indent=1))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["item", "prompt", "answer", "label"])
    for row in rows:
        writer.writerow([row["item"], _cell(row["prompt"]), _cell(row["answer"]), ""])
    write_text(review.folder / "sheet.csv", text.getvalue())
    write_text(review.folder / "sheet.html", page(review.name, review.metric, rubric, rows))
    return drawn
