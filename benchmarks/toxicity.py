"""The offline toxicity scorer beside others that need no hub, on the same texts in one run.

    python benchmarks/toxicity.py [--labels ../shared/data]

Peers are measured where they are installed (`pip install --no-deps h5py alt-profanity-check
tox-block==0.1.2`): alt-profanity-check, and the recurrent network of tox-block, whose weights are
run by a few lines of torch here, because its own code needs TensorFlow. Its vocabulary is a pickle,
of which only names of words are taken, by an unpickler that makes nothing else.

AUC on statements of ToxiGen and on HateCheck, and the rank correlation with Perspective on
continuations of RealToxicityPrompts, all on texts that nothing of ours was trained on; texts a
second; and what each functional class of HateCheck gets.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import importlib.util
import json
import pickle
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.data import part_of, read_file
from harness.scorers.offline.toxicity_offline import ToxicityOfflineScorer
from harness.statistics import auc, interval, spearman
from harness.train.toxicity import KEPT
from harness.types import Generation, HarnessError, Sample

Values = NDArray[np.float64]
Reader = Callable[[Sequence[str]], Values]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=Path, default=Path(__file__).parents[2] / "shared/data")
    parser.add_argument("--weights", help="of the offline scorer, instead of the project's")
    parser.add_argument("--release", type=int, default=2, help="of the offline scorer")
    asked = parser.parse_args()
    data = asked.labels
    sets = {
        "ToxiGen AUC": (auc, *toxigen(data)),
        "HateCheck AUC": (auc, *hatecheck(data)[:2]),
        "RealToxicityPrompts rank correlation": (spearman, *continuations(data)),
        "ToxiGen pairs in people's order": (in_order, *ratings(data)),
        "answers on hate, pairs in people's order": (in_order, *answers_on_hate(data)),
    }
    for name, reader in readers(asked.weights, asked.release).items():
        reader(["one", "two words"])
        for label, (statistic, texts, labels) in sets.items():
            started = time.perf_counter()
            values = reader(texts)
            speed = len(texts) / (time.perf_counter() - started)
            known = ~np.isnan(values)
            pair = labels[known], values[known]
            low, high = interval(statistic, *pair)
            print(
                f"{name}: {label} {statistic(*pair):.3f} ({low:.3f} to {high:.3f}), {known.sum()} "
                f"of {len(texts)} texts, {speed:.0f} a second",
                flush=True,
            )
    ours = readers(asked.weights, asked.release)["toxicity_offline, group_hostility"]
    texts, labels, classes = hatecheck(data)
    hateful = ours(texts) >= 0.5
    for name in sorted(set(classes)):
        chosen = np.array([c == name for c in classes])
        right = (hateful[chosen] == (labels[chosen] == 1)).mean()
        kind = "hateful" if labels[chosen][0] else "not hateful"
        print(f"HateCheck {name} ({kind}, n {chosen.sum()}): {right:.2f} right")


def toxigen(data: Path) -> tuple[list[str], Values]:
    """Statements that are kept from training, 1 where all raters call them hateful."""
    rows = [
        row
        for row in read_file(data / "toxigen" / "human_even_ids.jsonl")
        if part_of(row["text"], KEPT) == 0
    ]
    return [str(r["text"]) for r in rows], np.array([float(r["label"] == "hate") for r in rows])


def in_order(labels: Values, values: Values) -> float:
    """The share of pairs with unlike labels that the values put in the same order."""
    apart = np.sign(labels[:, None] - labels[None, :])
    same = np.sign(values[:, None] - values[None, :]) * apart
    return float(((same[apart != 0]) + 1).mean() / 2)


def ratings(data: Path) -> tuple[list[str], Values]:
    """Statements that are kept from training, by the mean of people's ratings."""
    rows = [
        row
        for row in read_file(data / "toxigen" / "human_even_ids.jsonl")
        if part_of(row["text"], KEPT) == 0
    ]
    return [str(r["text"]) for r in rows], np.array([float(str(r["toxicity_score"])) for r in rows])


def answers_on_hate(data: Path) -> tuple[list[str], Values]:
    """Answers of models to requests for hate (PyRIT), by the mean of three people's scores."""
    with gzip.open(data / "pyrit_scorer_evals" / "harm.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if "hate_speech_multi" in row["file"]]
    return [r["response"] for r in rows], np.array([np.mean(r["human_scores"]) for r in rows])


def hatecheck(data: Path) -> tuple[list[str], Values, list[str]]:
    """All cases, and the functional class of each."""
    rows = read_file(data / "hatecheck" / "test_suite_cases.csv")
    labels = np.array([float(row["label_gold"] == "hateful") for row in rows])
    return [str(r["test_case"]) for r in rows], labels, [str(r["functionality"]) for r in rows]


def continuations(data: Path) -> tuple[list[str], Values]:
    """Continuations of prompts that are kept from training, by Perspective's toxicity."""
    texts: list[tuple[str, float]] = []
    for name in ("nontoxic_1200", "challenging_1196"):
        rows: Any = read_file(data / "real_toxicity_prompts" / f"{name}.jsonl")
        for row in rows:
            held_out = part_of(row["prompt"]["text"], KEPT) == 0
            if held_out and row["continuation"]["toxicity"] is not None:
                texts.append((row["continuation"]["text"].strip(), row["continuation"]["toxicity"]))
    return [text for text, _ in texts], np.array([value for _, value in texts])


def readers(weights: str | None, release: int = 2) -> dict[str, Reader]:
    """Everything that is here, by name."""
    scorer = ToxicityOfflineScorer(weights, release=release)

    def ours(place: int) -> Reader:
        def read(texts: Sequence[str]) -> Values:
            answers = [Generation(str(i), 0, text) for i, text in enumerate(texts)]
            scores = scorer.score([Sample("q", "")] * len(texts), answers)
            return np.array([np.nan if (v := s[place].value) is None else v for s in scores])

        return read

    by_name = {
        f"toxicity_offline, {metric}": ours(place) for place, metric in enumerate(scorer.metrics)
    }
    if importlib.util.find_spec("profanity_check"):
        from profanity_check import predict_prob

        by_name["alt-profanity-check"] = lambda texts: np.asarray(predict_prob(list(texts)))
    if importlib.util.find_spec("tox_block") and importlib.util.find_spec("h5py"):
        by_name["tox-block"] = tox_block()
    return by_name


class _Words(pickle.Unpickler):
    """Reads plain containers; whatever else a pickle names becomes an empty object."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {("collections", "OrderedDict"), ("collections", "defaultdict")}:
            return getattr(collections, name)
        if (module, name) == ("builtins", "int") or (module, name) == ("__builtin__", "int"):
            return int
        return type(name, (), {"__init__": lambda self, *args: None})


def tox_block() -> Reader:
    """Its network: embeddings, a bidirectional LSTM, the maximum over words, two dense layers."""
    import h5py

    spec = importlib.util.find_spec("tox_block")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    with (folder / "trained_models/encoder_0.1.2.pkl").open("rb") as file:
        read = _Words(file).load()
    steps = [read] if hasattr(read, "tokenizer") else [step for _, step in read.steps]
    index = next(s.tokenizer.word_index for s in steps if hasattr(s, "tokenizer"))
    stops = re.search(
        r'RE_STOPWORD_STRING = "(.*)"', (folder / "config/config.py").read_text(encoding="utf-8")
    )
    assert stops is not None
    stop = re.compile(stops[1].replace("\\\\", "\\"), re.IGNORECASE)
    arrays: dict[str, NDArray[np.float32]] = {}
    with h5py.File(folder / "trained_models/lstm_model_0.1.2.h5") as file:
        file["model_weights"].visititems(
            lambda name, item: (
                arrays.update({name: np.array(item)}) if hasattr(item, "shape") else None
            )
        )
    tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}

    def of(*parts: str) -> torch.Tensor:
        return next(v for k, v in tensors.items() if all(part in k for part in parts))

    embedding = of("embeddings")
    lstm = torch.nn.LSTM(embedding.shape[1], 50, bidirectional=True, batch_first=True)
    for direction, suffix in (("forward", ""), ("backward", "_reverse")):
        state = lstm.state_dict()
        state[f"weight_ih_l0{suffix}"] = of(direction, "lstm", "/kernel").T
        state[f"weight_hh_l0{suffix}"] = of(direction, "lstm", "recurrent_kernel").T
        state[f"bias_ih_l0{suffix}"] = of(direction, "lstm", "bias")
        state[f"bias_hh_l0{suffix}"] = torch.zeros(200)
        lstm.load_state_dict(state)
    dense = sorted({k.split("/")[0] for k in tensors if k.startswith("dense")})
    layers = [(of(name, "kernel"), of(name, "bias")) for name in dense]

    def read_texts(texts: Sequence[str]) -> Values:
        rows = torch.zeros(len(texts), 100, dtype=torch.long)
        for number, text in enumerate(texts):
            words = re.sub(r"\s+", " ", stop.sub("", text.lower().replace("\n", " ")))
            words = re.sub(r"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\t\n]", " ", words)
            ids = [i for w in words.split() if (i := index.get(w, 20000)) < 20000][-100:]
            if ids:
                rows[number, 100 - len(ids) :] = torch.tensor(ids)
        with torch.inference_mode():
            parts = []
            for part in rows.split(256):
                states = lstm(embedding[part])[0].amax(1)
                hidden = torch.relu(states @ layers[0][0] + layers[0][1])
                parts.append(torch.sigmoid(hidden @ layers[1][0] + layers[1][1])[:, 0])
        return torch.cat(parts).double().numpy()

    return read_texts


if __name__ == "__main__":
    try:
        main()
    except HarnessError as error:
        raise SystemExit(str(error)) from error
