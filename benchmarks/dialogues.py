"""How fast dialogues are beside peers that are sent each history again, on the same model.

    OMP_NUM_THREADS=1 python benchmarks/dialogues.py --clock cpu [--dialogues 16] [--leave-out HFLM]

Every dialogue has a person who says a sentence or two at each turn, whatever is answered, and all
answers are as long. Ours: the engine, which holds the keys and values of an open dialogue to its
next turn; ours without that, which shares only what the requests of one turn have in common;
lm-eval's HFLM and transformers' `generate`, all dialogues of a turn in length-sorted batches, each
at its best batch size. Texts are greedy and compared with those of ours. What is printed is the
quickest round. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import transformers
from engine_peers import hflm, plain
from engine_watch import CLOCKS, Answers, Measured, run
from engine_work import Work
from rich.console import Console
from rich.table import Table

from harness.models.hf.loaded import LoadedModel
from harness.models.hf.model import HuggingFaceModel
from harness.types import GenerationConfig, Message, Request

SIZES = (16, 32, 64)
OPENINGS = (
    "I have not slept through a night since {}, and at work I stare at the same page for an hour.",
    "My sister says I should talk to somebody. Since {} I cry in the car before I can drive home.",
    "It began after {}: my heart races, I cannot breathe, and then I am ashamed for days.",
    "Nobody knows that since {} I have hardly left the flat, and I tell them all that I am busy.",
)
SINCE = (
    "my father died in the spring", "the company let half of us go", "the divorce",
    "we moved here", "the birth of our second child", "the accident on the motorway",
    "I failed the last examination", "my best friend stopped writing",
)  # fmt: skip
LATER = (
    "I do not know. It is mostly at night, when the house is quiet and nothing is left to do.",
    "I tried that once, for a week or two, and then I let it go like everything else this year.",
    "My husband asks every day what is wrong, and I never know what I could say to him.",
    "Maybe. What should I do tonight, when it comes again and everybody else is asleep?",
    "There is a doctor in our street, but I would not know how to begin such a conversation.",
    "You are the first one I have told. It sounds so small when I see it written down like this.",
    "And if it does not help? I am afraid that it will simply go on like this for years.",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--dialogues", type=int, default=64)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=32, help="of each answer")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="of peers' batches")
    parser.add_argument("--leave-out", nargs="+", default=[],
                        choices=["not held", "HFLM", "generate"])  # fmt: skip
    parser.add_argument("--clock", default="wall", choices=CLOCKS,
                        help="cpu (OMP_NUM_THREADS=1) on a busy machine")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    model = HuggingFaceModel(asked.model, dtype=asked.dtype)
    loaded = model.load(asked.dtype)
    logging.disable(logging.WARNING)
    ways = {name: way for name, way in _ways(model, loaded, asked.sizes).items()
            if name not in asked.leave_out}  # fmt: skip
    list(model.generate([Request("warm", "Once upon a time")], GenerationConfig(), 0))
    best: dict[str, Measured] = {}
    for _, (name, sized) in product(range(asked.rounds), ways.items()):
        for size, way in sized.items():
            measured = run(partial(_talk, asked, way), size, asked.clock)
            loaded.beginnings.clear()
            if name not in best or measured.least < best[name].least:
                best[name] = measured
    print(json.dumps(_shown(asked, best)))


Way = Callable[[list[Request], GenerationConfig], Answers]


def _ways(
    model: HuggingFaceModel, loaded: LoadedModel, sizes: Sequence[int]
) -> dict[str, dict[int, Way]]:
    """By name and rows of a batch: from the requests of one turn to their answers, in order."""

    def ours(requests: list[Request], settings: GenerationConfig) -> Answers:
        given = {
            g.sample_id: g.text for some in model.generate(requests, settings, 0) for g in some
        }
        return [given[request.sample_id] for request in requests]

    def resent(requests: list[Request], settings: GenerationConfig) -> Answers:
        return ours([Request(r.sample_id, r.prompt) for r in requests], settings)

    def peer(way: Callable[[Work, LoadedModel, int], Answers], size: int) -> Way:
        def ask(requests: list[Request], settings: GenerationConfig) -> Answers:
            loaded.use_cascade(False)
            return way(Work("turn", requests, settings, 5.0), loaded, size)

        return ask

    return {
        "ours": {0: ours},
        "not held": {0: resent},
        "HFLM": {size: peer(hflm, size) for size in sizes},
        "generate": {size: peer(plain, size) for size in sizes},
    }


def _talk(asked: argparse.Namespace, way: Way) -> Answers:
    """All dialogues from their first turn to their last; gives every answer."""
    tokens = asked.tokens
    settings = GenerationConfig(max_new_tokens=tokens, min_new_tokens=tokens)
    openings = [opening.format(since) for since, opening in product(SINCE, OPENINGS)]
    histories: list[list[Message]] = [[] for _ in range(asked.dialogues)]
    answers: Answers = []
    for turn in range(asked.turns):
        requests = []
        for number, history in enumerate(histories):
            opening = f"I am {20 + number}. {openings[number % len(openings)]}"
            later = LATER[(turn + number) % len(LATER)]
            history.append(Message("user", later if turn else opening))
            after, name = f"{number}/{turn - 1}" if turn else None, f"{number}/{turn}"
            is_open = turn < asked.turns - 1
            requests.append(Request(name, tuple(history), after=after, open=is_open))
        texts = way(requests, settings)
        for history, text in zip(histories, texts, strict=True):
            history.append(Message("assistant", text))
        answers += texts
    return answers


def _shown(asked: argparse.Namespace, best: dict[str, Measured]) -> dict[str, Any]:
    ours = best["ours"]
    size = f"{asked.dialogues} dialogues x {asked.turns} turns x {asked.tokens} tokens"
    table = Table("way", f"{asked.clock} seconds", "times ours", "batch", "peak MB", "equal texts",
                  title=f"{size}, {asked.model} in {asked.dtype}")  # fmt: skip
    rows: dict[str, dict[str, Any]] = {}
    for name, measured in best.items():
        equal = sum(a == b for a, b in zip(measured.answers, ours.answers, strict=True))
        ratio = measured.least / ours.least
        rows[name] = {"seconds": measured.least, "ratio": ratio, "batch": measured.size,
                      "peak": measured.peak, "equal": f"{equal}/{len(ours.answers)}"}  # fmt: skip
        batch = str(measured.size or "its own")
        table.add_row(name, f"{measured.least:.1f}", f"{ratio:.2f}", batch,
                      f"{measured.peak / 2**20:.0f}", rows[name]["equal"])  # fmt: skip
    Console().print(table)
    return {"size": size, "dtype": asked.dtype, "clock": asked.clock, "ways": rows}


if __name__ == "__main__":
    main()
