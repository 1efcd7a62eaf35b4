"""The requests of task=muse by this engine and by transformers' generate and padded forwards.

    python benchmarks/unlearning.py                     # all 480 requests
    python benchmarks/unlearning.py take=48 batches=8,16

Each side answers the same requests of the bundled model in the same dtype. The peer writes with
`generate` on prompts padded on the left, and weighs texts by forwards padded on the right, at each
of the batch sizes; the best counts. Rounds alternate, and what is compared is processor time, which
other work on the machine changes least. The last line is JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from harness.command import configured, make
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.prompt_encoder import PromptEncoder
from harness.types import GenerationConfig, Request, Sample, Task

SETTINGS = GenerationConfig(max_new_tokens=64, stop=["\n\n"])
Answers = dict[str, str | float]
"""By sample the text that was written, or the log-probability of the text that was weighed."""


def main() -> None:
    """Measure, and print ratios."""
    arguments = dict(argument.split("=", 1) for argument in sys.argv[1:])
    task: Task = make("task", configured("muse").task, Task)
    batches = [int(n) for n in arguments.get("batches", "8,16,32").split(",")]
    samples = list(task.samples(task.records()))
    take = min(int(arguments.get("take", len(samples))), len(samples))
    samples = [samples[at * len(samples) // take] for at in range(take)]
    model = HuggingFaceModel(arguments.get("model", "smollm2"))
    requests = [Request(s.id, s.prompt, choices=s.choices) for s in samples]
    list(model.generate(requests[:1], SETTINGS, 0))  # weights are loaded
    peer = Peer(model)
    ours, theirs, answers = [], {batch: list[float]() for batch in batches}, list[Answers]()
    for _ in range(int(arguments.get("rounds", "1"))):
        seconds, mine = measured(lambda: answered(model, requests))
        ours.append(seconds)
        for batch in batches:
            seconds, other = measured(lambda size=batch: peer.answered(samples, size))
            theirs[batch].append(seconds)
            answers = [mine, other]
        print(
            f"ours {ours[-1]:.1f} s, " + ", ".join(f"{b}: {s[-1]:.1f} s" for b, s in theirs.items())
        )
    best = min(theirs, key=lambda batch: min(theirs[batch]))
    report = {
        "requests": take, "ours": min(ours), "peer": min(theirs[best]), "batch": best,
        "ratio": round(min(theirs[best]) / min(ours), 2), "alike": alike(*answers),
    }  # fmt: skip
    print(f"{report['ratio']} times the processor time at the peer's best batch, {best}")
    print(json.dumps(report))


def measured(work: Any) -> tuple[float, Answers]:
    """Processor seconds of some work, and what it gives."""
    started = time.process_time()
    answers = work()
    return time.process_time() - started, answers


def answered(model: HuggingFaceModel, requests: Sequence[Request]) -> Answers:
    """What this engine answers."""
    answers: Answers = {}
    for finished in model.generate(requests, SETTINGS, 0):
        for generation in finished:
            weights = generation.choice_logprobs
            answers[generation.sample_id] = (
                (generation.text or "") if weights is None else weights[0]
            )
    return answers


class Peer:
    """transformers, with padding and nothing shared.

    Args:
        model: whose weights and tokens it takes.
    """

    def __init__(self, model: HuggingFaceModel) -> None:
        tokenizer, network = model.read(model.identity["dtype"])
        self.tokenizer, self.network = tokenizer, network.eval()
        self.encoder = PromptEncoder(tokenizer, model.name)

    @torch.inference_mode()
    def answered(self, samples: Sequence[Sample], batch: int) -> Answers:
        """What it answers, texts of like length together."""
        written = [sample for sample in samples if not sample.choices]
        weighed = [sample for sample in samples if sample.choices]
        answers: Answers = {}
        for part in self._batches(written, batch):
            answers |= self._write(part)
        for part in self._batches(weighed, batch):
            answers |= self._weigh(part)
        return answers

    def _batches(self, samples: Sequence[Sample], size: int) -> Iterator[list[Sample]]:
        ordered = sorted(samples, key=lambda s: len(str(s.prompt)) + len("".join(s.choices)))
        for first in range(0, len(ordered), size):
            yield ordered[first : first + size]

    def _write(self, part: Sequence[Sample]) -> Answers:
        rows = [self.encoder.encode(Request(s.id, s.prompt)) for s in part]
        longest = max(map(len, rows))
        tokens = torch.full((len(rows), longest), self.encoder.pad)
        mask = torch.zeros_like(tokens)
        for at, row in enumerate(rows):
            tokens[at, longest - len(row) :] = torch.tensor(row)
            mask[at, longest - len(row) :] = 1
        generated = self.network.generate(
            tokens, attention_mask=mask, max_new_tokens=SETTINGS.max_new_tokens, do_sample=False,
            stop_strings=SETTINGS.stop, tokenizer=self.tokenizer, pad_token_id=self.encoder.pad,
        )  # fmt: skip
        texts = self.tokenizer.batch_decode(generated[:, longest:], skip_special_tokens=True)
        cut = (text.partition(SETTINGS.stop[0])[0] for text in texts)
        return {sample.id: text for sample, text in zip(part, cut, strict=True)}

    def _weigh(self, part: Sequence[Sample]) -> Answers:
        answers: Answers = {}
        pairs = []
        for sample in part:
            request = Request(sample.id, sample.prompt, choices=sample.choices)
            prompt = self.encoder.encode(request)
            (choice,) = self.encoder.choices(request, prompt)
            pairs.append((prompt, choice))
        longest = max(len(prompt) + len(choice) for prompt, choice in pairs)
        tokens = torch.full((len(part), longest), self.encoder.pad)
        for at, (prompt, choice) in enumerate(pairs):
            tokens[at, : len(prompt) + len(choice)] = torch.tensor([*prompt, *choice])
        logits = self.network(tokens).logits.float().log_softmax(-1)
        for at, (sample, (prompt, choice)) in enumerate(zip(part, pairs, strict=True)):
            places = torch.arange(len(prompt) - 1, len(prompt) + len(choice) - 1)
            answers[sample.id] = float(logits[at, places, torch.tensor(choice)].sum())
        return answers


def alike(mine: Answers, other: Answers) -> str:
    """How many answers agree: the text, or the log-probability to one part in a hundred."""
    same = sum(
        abs(value - float(other[name])) < 0.01 * abs(value)
        if isinstance(value, float)
        else value == other[name]
        for name, value in mine.items()
    )
    return f"{same}/{len(mine)}"


if __name__ == "__main__":
    main()
