"""How fast dialogues are beside peers that are sent each history again, on the same model.

    OMP_NUM_THREADS=1 python benchmarks/dialogues.py --clock cpu [--dialogues 16] [--leave-out HFLM]

The persons are those of `task=counseling_dialogue`, as it asks them: automata that go on by what
they were answered, each with other words by its key. Before every conversation stands the same
instruction (`--instruction none`: what the chat template writes), and all answers are as long.
Ours: the engine, which holds the keys and values of an open dialogue to its next turn; ours without
that, which shares only what the requests of one turn have in common; lm-eval's HFLM and
transformers' `generate`, all dialogues of a turn in length-sorted batches, at each batch size.
Texts are greedy and compared with those of ours. What is printed is the quickest round at the best
batch size, and what ours ran: the bound is what any engine must run of it. Lines are JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby, product
from typing import Any

import transformers
from engine_peers import hflm, plain
from engine_watch import CLOCKS, Answers, Measured, run
from engine_work import Work
from rich.console import Console
from rich.table import Table

from harness.command import task_of
from harness.models.hf.loaded import LoadedModel
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.slots import Slots
from harness.types import GenerationConfig, Message, Request, Sample, trait

SIZES = (16, 32, 64)
INSTRUCTION = (
    "You answer in the chat of a counselling service, to which people write in distress. Reply in "
    "two or three short sentences, in plain and warm words. Take up what the person has just said "
    "before anything else, and ask one open question at a time. Where anything hints at a danger, "
    "ask outright whether the person thinks of ending their life or is being hurt, and name the "
    "emergency number and a crisis line. Name no diagnosis, recommend no medicine and no dose, and "
    "ask for no names, addresses or numbers. Do not end the conversation yourself, and do not "
    "agree with what is not so, however often it is said."
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--dialogues", type=int, default=64)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=16, help="of each answer")
    parser.add_argument("--instruction", default="counsellor", choices=["counsellor", "none"])
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
    resent: dict[str, float] = {}
    forwards = Forwards(loaded, CLOCKS[asked.clock])
    for _, (name, sized) in product(range(asked.rounds), ways.items()):
        for size, way in sized.items():
            forwards.clear()
            dialogues = _dialogues(asked.dialogues, asked.turns)
            measured = run(partial(_talk, asked, dialogues, way), size, asked.clock)
            loaded.beginnings.clear()
            line = {"way": name, "batch": size, "seconds": measured.least, **forwards.spent()}
            print(json.dumps(line), flush=True)
            if name not in best or measured.least < best[name].least:
                best[name] = measured
                if name == "ours":
                    resent = _resent(asked, loaded, measured, forwards)
    print(json.dumps(_shown(asked, best) | {"resent": resent}))


class Forwards:
    """Counts what our engine runs: tokens of prompts and of answers, and how long it takes."""

    def __init__(self, loaded: LoadedModel, clock: Callable[[], float]) -> None:
        self.clear()
        real = loaded.forward

        def forward(tokens: Sequence[int], positions: Sequence[int], work: Any, last: Any) -> Any:
            began = clock()
            logits = real(tokens, positions, work, last)
            kind = "answers" if isinstance(work, Slots) else "prompts"
            self.tokens[kind] += len(tokens)
            self.seconds[kind] += clock() - began
            return logits

        loaded.forward = forward  # type: ignore[method-assign]

    def clear(self) -> None:
        """Begin anew."""
        self.tokens = {"prompts": 0, "answers": 0}
        self.seconds = {"prompts": 0.0, "answers": 0.0}

    def spent(self) -> dict[str, Any]:
        """Nothing of a peer, which does not come by here."""
        return {"tokens": self.tokens, "of": self.seconds} if any(self.tokens.values()) else {}


Way = Callable[[list[Request], GenerationConfig], Answers]
NextTurn = Callable[[Sample, Sequence[str]], Sample]


def _ways(
    model: HuggingFaceModel, loaded: LoadedModel, sizes: Sequence[int]
) -> dict[str, dict[int, Way]]:
    """By name and rows of a batch: from the requests of one turn to their answers, in order."""

    def ours(requests: list[Request], settings: GenerationConfig) -> Answers:
        texts = {
            g.sample_id: g.text for batch in model.generate(requests, settings, 0) for g in batch
        }
        return [texts[request.sample_id] for request in requests]

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


Dialogues = list[tuple[NextTurn, list[Sample]]]
"""Each with what says how it goes on."""


def _talk(asked: argparse.Namespace, dialogues: Dialogues, way: Way) -> Answers:
    """All dialogues from their first turn to their last; gives every answer."""
    tokens = asked.tokens
    settings = GenerationConfig(max_new_tokens=tokens, min_new_tokens=tokens)
    before = (Message("system", INSTRUCTION),) if asked.instruction != "none" else ()
    answers: list[Answers] = [[] for _ in dialogues]
    for turn in range(asked.turns):
        requests = []
        for number, (next_turn, samples) in enumerate(dialogues):
            sample = next_turn(samples[turn], answers[number]) if turn else samples[0]
            after = f"{number}/{turn - 1}" if turn else None
            prompt = (*before, *sample.prompt)
            is_open = turn < asked.turns - 1
            requests.append(Request(f"{number}/{turn}", prompt, after=after, open=is_open))
        for of_one, text in zip(answers, way(requests, settings), strict=True):
            of_one.append(text)
    return [text for of_one in answers for text in of_one]


def _resent(
    asked: argparse.Namespace, loaded: LoadedModel, ours: Measured, forwards: Forwards
) -> dict[str, float]:
    """What sending each history again would take at the rates of ours, in tokens and times ours."""
    tokens = 0

    def count(requests: list[Request], settings: GenerationConfig) -> Answers:
        nonlocal tokens
        tokens += sum(len(loaded.tokens(request)[0]) for request in requests)
        places = [request.sample_id.split("/") for request in requests]
        return [ours.answers[int(number) * asked.turns + int(turn)] for number, turn in places]

    _talk(asked, _dialogues(asked.dialogues, asked.turns), count)
    run_again = tokens - forwards.tokens["prompts"]
    seconds = run_again * forwards.seconds["prompts"] / forwards.tokens["prompts"]
    return {"tokens of prompts": tokens, "times ours": 1 + seconds / ours.least}


def _dialogues(count: int, turns: int) -> Dialogues:
    """So many conversations."""
    dialogues: Dialogues = []
    while len(dialogues) < count:
        task = task_of("counseling_dialogue", turns=turns, key=len(dialogues))
        by_person = groupby(task.samples(task.records()), lambda sample: sample.cluster)
        next_turn = trait(task, "next_turn")
        dialogues += [(next_turn, list(samples)) for _, samples in by_person]
    return dialogues[:count]


def _shown(asked: argparse.Namespace, best: dict[str, Measured]) -> dict[str, Any]:
    ours = best["ours"]
    size = (f"{asked.dialogues} dialogues x {asked.turns} turns x {asked.tokens} tokens, "
            f"instruction: {asked.instruction}")  # fmt: skip
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
