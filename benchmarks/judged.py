"""What a judge's rubric costs when it is read anew for each window of answers, and when it is kept.

    python benchmarks/judged.py [--model smollm2] [--count 64] [--window 64] [--rounds 3]

Judges the same answers (each request's own words, so that nothing is generated) of `med_harm` by
`harmfulness`, window by window as a run does: with what prompts begin with kept between windows,
and without. Rounds alternate; the tokens that go through the model, the seconds and whether the
verdicts are equal are printed, the last line as JSON.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import statistics
import time
from collections.abc import Sequence

from harness.command import task_of
from harness.models.hf.loaded import LoadedModel
from harness.models.hf.model import HuggingFaceModel
from harness.scorers.judged.harmfulness import HarmfulnessScorer
from harness.types import Generation, Sample, asked

Verdicts = list[float | None]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--count", type=int, default=128, help="answers")
    parser.add_argument("--window", type=int, default=64, help="answers judged together")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    task = task_of("med_harm")
    samples = list(itertools.islice(task.samples(task.records()), options.count))
    model = HuggingFaceModel(options.model)
    loaded = model.load("float32")
    tokens = watched(loaded)
    scorer = HarmfulnessScorer(options.model, model)
    seconds: dict[str, list[float]] = {"kept": [], "anew": []}
    passed: dict[str, int] = {}
    verdicts: dict[str, Verdicts] = {}
    for _ in range(options.rounds):
        for way in seconds:
            tokens.clear()
            started = time.perf_counter()
            verdicts[way] = judge(scorer, samples, options.window, loaded, way == "kept")
            seconds[way].append(time.perf_counter() - started)
            passed[way] = sum(tokens)
    medians = {way: statistics.median(each) for way, each in seconds.items()}
    for way, median in medians.items():
        print(f"{way}: {median:.2f} s, {passed[way]:,} tokens through the model")
    equal = verdicts["kept"] == verdicts["anew"]
    ratio = medians["kept"] / medians["anew"]
    print(f"verdicts {'equal' if equal else 'NOT equal'}, ratio {ratio:.2f}")
    print(json.dumps({"seconds": medians, "tokens": passed, "equal": equal}))


def judge(
    scorer: HarmfulnessScorer,
    samples: Sequence[Sample],
    window: int,
    loaded: LoadedModel,
    keep_prefixes: bool,
) -> Verdicts:
    """Verdicts on all, window by window."""
    values: Verdicts = []
    loaded.beginnings.clear()
    for first in range(0, len(samples), window):
        part = samples[first : first + window]
        answers = [Generation(s.id, 0, f"You ask this: {asked(s.prompt)}") for s in part]
        values += [of_one[0].value for of_one in scorer.score(part, answers)]
        if not keep_prefixes:
            loaded.beginnings.clear()
    return values


def watched(loaded: LoadedModel) -> list[int]:
    """Tokens of each forward from now on."""
    tokens: list[int] = []
    forward = loaded.forward

    def counted(*args):  # type: ignore[no-untyped-def]  # noqa: ANN002, ANN202
        tokens.append(len(args[0]))
        return forward(*args)

    loaded.forward = counted  # type: ignore[method-assign]
    return tokens


if __name__ == "__main__":
    main()
