"""How fast the offline scorers read short texts, and what each step towards that is worth.

    OMP_NUM_THREADS=1 python benchmarks/offline.py [--labels ../shared/data] [--texts 1000]

The plain path reads the same texts with the same weights in float32, padded in the order of the
file, 32 at a time, as sentence encoders mostly are. Seconds are the processor's own, so a busy
machine changes little; ratios are of one run.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from harness.data import read_file
from harness.scorers.offline.empathy_offline import EmpathyOfflineScorer
from harness.scorers.offline.minilm import BITS, Reader, collate, encode
from harness.scorers.offline.packed import Packed
from harness.scorers.offline.scorer import OfflineScorer
from harness.scorers.offline.toxicity_offline import ToxicityOfflineScorer
from harness.types import Generation, HarnessError, Sample

PLAIN_BATCH = 32
Values = NDArray[np.float64]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=Path, default=Path(__file__).parents[2] / "shared/data")
    parser.add_argument("--texts", type=int, default=1000)
    asked = parser.parse_args()
    rows = read_file(asked.labels / "hatecheck" / "test_suite_cases.csv")
    texts = [str(row["test_case"]) for row in rows]
    random.Random(0).shuffle(texts)
    texts = texts[: asked.texts]
    scorer = ToxicityOfflineScorer(device="cpu")
    reader = Reader(scorer.path, "cpu")
    exact = Reader(scorer.path, "cpu")
    exact._packed = Packed(exact.network.encoder, exact.network.head, rounded=False)
    words = np.mean([len(text.split()) for text in texts])
    print(f"{len(texts)} texts of {words:.1f} words, {torch.get_num_threads()} thread(s)")
    before, values = timed(lambda: padded(reader, texts))
    print(f"padded in the order of the file, float32: {len(texts) / before:.0f} a second")
    for label, read in (("without padding, float32", exact), (f"and in {BITS} bits", reader)):
        seconds, others = timed(lambda read=read: read(texts))
        moved = np.abs(share(others) - share(values))
        print(
            f"{label}: {len(texts) / seconds:.0f} a second, {before / seconds:.2f} times; shares "
            f"move by {moved.mean():.4f} on average, at most {moved.max():.3f}"
        )
    both = 0.0
    for kind in (scorer, EmpathyOfflineScorer(device="cpu")):
        seconds, _ = timed(lambda kind=kind: scored(kind, texts))
        both += seconds
        print(f"{kind.name}, all of it: {len(texts) / seconds:.0f} a second")
    print(f"toxicity, hostility and empathy together: {len(texts) / both:.0f} a second")


def timed(work: Callable[[], Values]) -> tuple[float, Values]:
    """Seconds of the processor, the least of two, and what came of it."""
    spent = []
    work()
    for _ in range(2):
        started = time.process_time()
        values = work()
        spent.append(time.process_time() - started)
    return min(spent), values


def padded(reader: Reader, texts: Sequence[str]) -> Values:
    """Logits by the plain path."""
    encoded = encode(reader.network.tokenizer, texts)
    logits = []
    with torch.inference_mode():
        for first in range(0, len(texts), PLAIN_BATCH):
            numbers = range(first, min(first + PLAIN_BATCH, len(texts)))
            logits.append(reader.network(collate(encoded, numbers, "cpu")).double().numpy())
    return np.concatenate(logits)


def scored(scorer: OfflineScorer, texts: Sequence[str]) -> Values:
    """What a scorer gives, with all that it does beside reading."""
    answers = [Generation(str(i), 0, text) for i, text in enumerate(texts)]
    scores = scorer.score([Sample("q", "How was your day?")] * len(texts), answers)
    return np.array([[np.nan if s.value is None else s.value for s in row] for row in scores])


def share(logits: Values) -> Values:
    """From 0 to 1."""
    return 1 / (1 + np.exp(-logits))


if __name__ == "__main__":
    try:
        main()
    except HarnessError as error:
        raise SystemExit(str(error)) from error
