"""Detectors of harmful prompts side by side, on requests that none of them was trained on.

    python benchmarks/prompt_toxicity.py [--labels ../shared/data] [--most 400]

`prompt_toxicity` (inner products with concepts), a linear probe on the very same states, trained on
the same half of the requests, and the text classifier `toxicity_offline`, which was made for rude
words: AUC, accuracy, false positive rate and recall at .5, by set, and seconds a prompt. The time
of the first two is that of the language model's forward, which is theirs in common.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from harness.models.hf.model import HuggingFaceModel
from harness.scorers.offline.toxicity_offline import ToxicityOfflineScorer
from harness.scorers.prompts.perceptron import Array, Perceptron
from harness.scorers.prompts.prompt_toxicity import PromptToxicityScorer
from harness.scorers.prompts.states import last_states
from harness.statistics import auc, interval
from harness.train.prompts import Prompt, part
from harness.types import Generation, Sample

Values = NDArray[np.float64]
STEPS, RATE, DECAY = 150, 1e-3, 1.0
"""Of the linear probe."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=Path, default=Path(__file__).parents[2] / "shared/data")
    parser.add_argument("--most", type=int, help="requests of each half; the first of them")
    options = parser.parse_args()
    trained, held_out = (part(options.labels, number)[: options.most] for number in (0, 1))
    scorer = PromptToxicityScorer()
    perceptron = Perceptron.read(scorer.path)
    states, seconds = read_states(scorer.model, perceptron, [prompt.text for prompt in held_out])
    before, _ = read_states(scorer.model, perceptron, [prompt.text for prompt in trained])
    rude, rude_seconds = rudeness([prompt.text for prompt in held_out])
    readers: Mapping[str, tuple[Values, float]] = {
        "prompt_toxicity": (perceptron.shares(states), seconds),
        "linear probe": (probe(before, [prompt.toxic for prompt in trained], states), seconds),
        "toxicity_offline": (rude, rude_seconds),
    }
    for name, (values, cost) in readers.items():
        print(
            json.dumps({"reader": name, "s_a_prompt": round(cost, 4), **measured(held_out, values)})
        )


def read_states(
    model: HuggingFaceModel, perceptron: Perceptron, texts: Sequence[str]
) -> tuple[Array, float]:
    """States of each text, and seconds for each."""
    loaded = model.load(model.identity["dtype"])
    last_states(loaded, texts[:8], perceptron.layers)
    started = time.perf_counter()
    states = last_states(loaded, texts, perceptron.layers)
    return states, (time.perf_counter() - started) / len(texts)


def rudeness(texts: Sequence[str]) -> tuple[Values, float]:
    """What `toxicity_offline` makes of each text, and seconds for each."""
    scorer = ToxicityOfflineScorer()
    answers = [Generation(str(i), 0, text) for i, text in enumerate(texts)]
    samples = [Sample("q", "")] * len(texts)
    scorer.score(samples[:8], answers[:8])
    started = time.perf_counter()
    rows = scorer.score(samples, answers)
    cost = (time.perf_counter() - started) / len(texts)
    return np.array([np.nan if (v := row[0].value) is None else v for row in rows]), cost


def probe(states: Array, toxic: Sequence[bool], others: Array) -> Values:
    """The shares that a logistic regression on all states gives to others."""
    mean, scale = states.mean(0), states.std(0) + 1e-4
    inputs = torch.from_numpy(((states - mean) / scale).reshape(len(states), -1))
    targets = torch.tensor(toxic, dtype=torch.float32)
    torch.manual_seed(0)
    linear = torch.nn.Linear(inputs.shape[1], 1)
    optimizer = torch.optim.AdamW(linear.parameters(), RATE, weight_decay=DECAY)
    for _ in range(STEPS):
        logits = linear(torch.nn.functional.dropout(inputs, 0.2))[:, 0]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    read = torch.from_numpy(((others - mean) / scale).reshape(len(others), -1))
    shares: Values = torch.sigmoid(linear(read)[:, 0]).detach().double().numpy()
    return shares


def measured(prompts: Sequence[Prompt], values: Values) -> dict[str, object]:
    """Figures over all requests, over XSTest's, and the share called toxic of each set."""
    toxic = np.array([prompt.toxic for prompt in prompts], float)
    sources = np.array([prompt.source for prompt in prompts])
    known = ~np.isnan(values)
    figures: dict[str, object] = {"n": int(known.sum()), **_rates(toxic[known], values[known])}
    xstest = known & (sources == "xstest")
    figures["xstest"] = _rates(toxic[xstest], values[xstest])
    figures["called_toxic"] = {
        f"{source}, {'toxic' if label else 'harmless'} (n {chosen.sum()})": round(
            float((values[chosen] >= 0.5).mean()), 3
        )
        for source in dict.fromkeys(sources)
        for label in (0, 1)
        if (chosen := known & (sources == source) & (toxic == label)).any()
    }
    return figures


def _rates(toxic: Values, values: Values) -> dict[str, object]:
    ends, called = interval(auc, toxic, values), values >= 0.5
    return {
        "auc": round(float(auc(toxic, values)), 3),
        "auc_95": [round(float(end), 3) for end in ends],
        "accuracy": round(float((called == (toxic == 1)).mean()), 3),
        "false_positives": round(float(called[toxic == 0].mean()), 3),
        "recall": round(float(called[toxic == 1].mean()), 3),
    }


if __name__ == "__main__":
    main()
