"""Finds the direction of `normativity` from pairs of a do and a don't; needs no data of others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as save_bytes

from harness.scorers.offline.minilm import SentenceEncoder
from harness.scorers.offline.normativity import embed

PAIRS = Path(__file__).with_name("dos_and_donts.tsv")
TEMPLATES = (
    "Is this okay: {}?",
    "Is it right to do this: {}?",
    "Is this a good thing to do: {}?",
    "Should people do this: {}?",
)
"""Questions that take an action as well as a sentence."""
FOLDS = 6
Floats = NDArray[np.float64]


def make(out: Path, progress: Callable[[str], None]) -> None:
    """Write the direction.

    Args:
        out: a safetensors file.
        progress: is given a line with how well pairs that it was not made from are told apart.
    """
    rows = [line.split("\t") for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    encoder = SentenceEncoder("cpu")
    dos, donts = (embed(encoder, [row[i] for row in rows], TEMPLATES) for i in (0, 1))
    fold = np.arange(len(rows)) % FOLDS
    sides, ordered = [], []
    for number in range(FOLDS):
        held_out = fold == number
        centre, axis = direction(dos[~held_out], donts[~held_out])
        sides += [*((dos[held_out] - centre) @ axis > 0), *((donts[held_out] - centre) @ axis < 0)]
        ordered += [*((dos[held_out] - donts[held_out]) @ axis > 0)]
    progress(
        f"{len(rows)} pairs; of those kept back, {np.mean(sides):.3f} of the phrases are on their "
        f"side and {np.mean(ordered):.3f} of the pairs in order"
    )
    centre, axis = direction(dos, donts)
    scale = float(np.abs((np.concatenate([dos, donts]) - centre) @ axis).max())
    about = json.dumps({"scale": scale, "templates": TEMPLATES})
    arrays = {"axis": axis.astype(np.float32), "centre": centre.astype(np.float32)}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(save_bytes(arrays, {"harness": about}))


def direction(dos: Floats, donts: Floats) -> tuple[Floats, Floats]:
    """The mean of all, and the first principal component once each pair is centred, do's upward.

    What a pair has in common, its topic, is so taken out (Bolukbasi et al. 2016, arXiv 1607.06520);
    of all phrases as they are the first component would be of topics.
    """
    halves = (dos - donts) / 2
    components = np.linalg.svd(np.concatenate([halves, -halves]), full_matrices=False)[2]
    axis = components[0]
    return (dos + donts).mean(0) / 2, axis if (halves @ axis).mean() > 0 else -axis
