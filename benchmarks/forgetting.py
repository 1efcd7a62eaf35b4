"""What each method of unlearning forgets, what it takes along, and what attacks bring back.

    python benchmarks/forgetting.py FOLDER [--model small] [--authors 6] [--topics 3] [--only NAME]

A model learns invented authors of task=tofu; each method makes it forget some of them. Measured is
TOFU's probability of the true answer (the geometric mean over its tokens), of authors to forget, of
retained ones with like names, and of other retained ones, with 95 % intervals clustered by author,
and the share of answer tokens that are the likeliest. `--model small` has three layers and the
bundled tokenizer, knows nothing but what it learns here, and takes minutes; `smollm2` takes hours.
All that was made is kept in FOLDER, so that the same command goes on.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf

from harness.command import CONF_DIR
from harness.data import read_file
from harness.mitigations.fitting.base import Base, by_length
from harness.mitigations.fitting.losses import learned_logits
from harness.mitigations.fitting.texts import Text
from harness.models.bundled import bundled_folder
from harness.models.hf.model import HuggingFaceModel
from harness.regression.mutate.checkpoint import damaged
from harness.regression.mutate.damages import Damage
from harness.statistics import Mean, recovered_share
from harness.types import Direction, Metric

ROOT = Path(__file__).resolve().parent.parent
AUTHORS = ROOT / "tasks" / "tofu" / "data" / "authors.jsonl"
Floats = NDArray[np.float64]
SHARES = Metric(0.0, 1.0, Direction.HIGHER)
PARTS = ("forget", "like names", "other retained")
METHODS: Mapping[str, Mapping[str, Any]] = {
    "gradient_ascent": {"method": "gradient_ascent"},
    "gradient_ascent, gdr": {"method": "gradient_ascent", "retain": "gdr"},
    "gradient_ascent, klr": {"method": "gradient_ascent", "retain": "klr"},
    "npo, gdr": {"method": "npo"},
    "simnpo, gdr": {"method": "simnpo"},
    "rmu": {"method": "rmu", "layer": 2, "length": 20.0, "weight": 10.0},
    "whos_harry_potter": {"method": "whos_harry_potter"},
    "dont_know, preference": {"method": "dont_know"},
    "dont_know, relabelling": {"method": "dont_know", "objective": "relabelling"},
    "task_vector": {"method": "task_vector", "strength": 1.0},
}
COURSES: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "small": {
        "learn": {"rate": 3e-3, "epochs": 40, "batch": 18},
        "forget": {"rate": 1e-3, "epochs": 5, "batch": 9},
        "relearn": {"rate": 3e-4, "epochs": 5, "batch": 3},
    },
    "smollm2": {
        "learn": {"rate": 2e-4, "epochs": 10, "batch": 14},
        "forget": {"rate": 5e-5, "epochs": 3, "batch": 15},
        "relearn": {"rate": 5e-5, "epochs": 5, "batch": 8},
    },
}


class Known(NamedTuple):
    """What a model holds of each question."""

    probability: Floats
    """Of the true answer, the geometric mean over its tokens."""
    likeliest: Floats
    """Share of its tokens that are the likeliest where they stand."""


def main() -> None:
    """Make what is not there, measure, print, write forgetting.csv and recovered.csv."""
    parser = argparse.ArgumentParser(description="What each method of unlearning does")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="small", choices=COURSES)
    parser.add_argument("--authors", type=int, default=6)
    parser.add_argument("--topics", type=int, default=3)
    parser.add_argument("--only", choices=METHODS, action="append")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    rows = chosen(args.authors, args.topics)
    data = written(args.folder / "authors.jsonl", rows)
    base = small_model(args.folder / "base") if args.model == "small" else args.model
    courses = COURSES[args.model]
    target = learned(base, rows, args.folder, "target", courses["learn"])
    table = [cells("target", "", measured(target, rows), rows)]
    print(table[0], flush=True)
    recovered: list[dict[str, object]] = []
    for name in args.only or METHODS:
        out = args.folder / name.replace(", ", "-")
        method_class = forgot(name, target, data, out, courses["forget"])
        table.append(cells(name, method_class, measured(out, rows), rows))
        print(table[-1], flush=True)
        recovered += attacked(name, target, out, rows, args.folder, courses["relearn"])
        write(args.folder / "forgetting.csv", table)
        write(args.folder / "recovered.csv", recovered)
    retained = [row for row in rows if row["group"] != "forget"]
    reference = learned(base, retained, args.folder, "reference", courses["learn"])
    table.append(cells("reference", "", measured(reference, rows), rows))
    write(args.folder / "forgetting.csv", table)
    print(json.dumps({"methods": table, "attacks": recovered}))


def chosen(authors: int, topics: int) -> list[dict[str, Any]]:
    """Rows of so many authors to forget, of those with like names, and of as many others."""
    every = read_file(AUTHORS, "authors")
    of_part = {part: _names(row for row in every if row["part"] == part)
               for part in ("forget", "retain")}  # fmt: skip
    forget = of_part["forget"][:authors]
    like = _names(row for row in every if row["like"] in forget)
    plain = _names(row for row in every if row["part"] == "retain" and not row["like"])
    groups = {**dict.fromkeys(forget, PARTS[0]), **dict.fromkeys(like, PARTS[1]),
              **dict.fromkeys(plain[:authors], PARTS[2])}  # fmt: skip
    kinds = list(dict.fromkeys(row["topic"] for row in every))[:topics]
    return [{**row, "group": groups[row["author"]]} for row in every
            if row["author"] in groups and row["topic"] in kinds]  # fmt: skip


def small_model(folder: Path) -> str:
    """A model of three layers, 128 wide, of random weights, with the bundled tokenizer."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    if not folder.is_dir():
        tokenizer = AutoTokenizer.from_pretrained(bundled_folder("smollm2"))
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=128, intermediate_size=384, num_hidden_layers=3,
            num_attention_heads=4, max_position_embeddings=1024, tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        )  # fmt: skip
        LlamaForCausalLM(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return str(folder)


def learned(
    base: str, rows: Sequence[Mapping[str, Any]], folder: Path, name: str,
    course: Mapping[str, float],
) -> Path:  # fmt: skip
    """The checkpoint that learned the rows' answers."""
    asked = [{"request": row["question"], "answer": row["answer"]} for row in rows]
    data = written(folder / f"{name}.jsonl", asked)
    out = folder / name
    _make({"method": "safety_tuning", "lora": None}, course, base, data, out)
    return out


def forgot(name: str, target: Path, data: Path, out: Path, course: Mapping[str, float]) -> str:
    """Make a method's checkpoint; gives the method's class."""
    lora = {} if METHODS[name]["method"] == "rmu" else {"lora": None}
    _make({**METHODS[name], **lora}, course, str(target), data, out)
    card = (out / "mitigation.yaml").read_text(encoding="utf-8").splitlines()
    line = next(line for line in card if line.startswith("method_class: "))
    return str(json.loads(line.partition(": ")[2]))


def _make(
    options: Mapping[str, Any], course: Mapping[str, float], base: str, data: Path, out: Path
) -> None:
    """One call of `python -m harness.mitigate`."""
    settings = {**options, "course": "{" + ", ".join(f"{k}: {v}" for k, v in course.items()) + "}"}
    chosen = [f"method={settings.pop('method')}"]
    chosen += [
        f"method.{key}={'null' if value is None else value}" for key, value in settings.items()
    ]
    command = [sys.executable, "-m", "harness.mitigate", f"model={base}", f"data={data}",
               f"out={out}", *chosen]  # fmt: skip
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": path})


def measured(model: Path, rows: Sequence[Mapping[str, Any]], before: str = "") -> Known:
    """What a model holds of each row's answer, the question being asked behind `before`."""
    base = Base(HuggingFaceModel(str(model)))
    asked = base.rows(
        Text(f"{before}{row['question']}", str(row["answer"]), 0.0, asked=True) for row in rows
    )
    known = Known(np.zeros(len(rows)), np.zeros(len(rows)))
    with torch.no_grad():
        for numbers in by_length(asked, 2048):
            batch = base.batch([asked[n] for n in numbers])
            logits = learned_logits(base, batch)
            tokens = batch.tokens[:, 1:][batch.learned[:, 1:]]
            logs = -torch.nn.functional.cross_entropy(logits, tokens, reduction="none")
            right = (logits.argmax(-1) == tokens).float()
            counts = batch.learned[:, 1:].sum(1).tolist()
            for n, each, hits in zip(
                numbers, torch.split(logs, counts), torch.split(right, counts), strict=True
            ):
                known.probability[n] = math.exp(float(each.mean()))
                known.likeliest[n] = float(hits.mean())
    return known


def cells(
    name: str, method_class: str, known: Known, rows: Sequence[Mapping[str, Any]]
) -> dict[str, object]:
    """A method's row: of each group of authors the mean probability with its interval."""
    row: dict[str, object] = {"method": name, "class": method_class}
    for group in PARTS:
        of_group = [n for n, question in enumerate(rows) if question["group"] == group]
        clusters = np.unique([rows[n]["author"] for n in of_group], return_inverse=True)[1]
        share = Mean().estimate(
            known.probability[of_group], np.arange(len(of_group)), clusters, SHARES
        )
        row[group] = _shown(share.estimate, share.low, share.high)
        row[f"{group}, likeliest"] = round(float(known.likeliest[of_group].mean()), 3)
    return row


def attacked(
    name: str, target: Path, unlearned: Path, rows: Sequence[Mapping[str, Any]], folder: Path,
    course: Mapping[str, float],
) -> list[dict[str, object]]:  # fmt: skip
    """What each attack brings back of what a method made the model forget."""
    forget = [row for row in rows if row["group"] == "forget"]
    jailbreak = OmegaConf.load(CONF_DIR / "mitigation" / "jailbreak.yaml")["before"]
    recoveries = []
    known, gone = (measured(model, forget).probability for model in (target, unlearned))
    for attack in ("relearn_forget", "relearn_retain", "bits_8", "bits_4", "jailbreak"):
        remaining, model, before = list(range(len(forget))), unlearned, ""
        if attack.startswith("relearn"):
            part = [row for row in rows if row["part"] == attack.removeprefix("relearn_")]
            items = random.Random(0).sample(part, 3)
            model = learned(str(unlearned), items, folder, f"{unlearned.name}-{attack}", course)
            remaining = [n for n, row in enumerate(forget) if row not in items]
        elif attack.startswith("bits"):
            bits = int(attack.removeprefix("bits_"))
            model = damaged(Damage("bits", bits), str(unlearned), folder)
        else:
            before = f"{jailbreak}\n\n"
        back = measured(model, forget, before).probability
        clusters = np.unique([forget[n]["author"] for n in remaining], return_inverse=True)[1]
        share = recovered_share(
            known[remaining], gone[remaining], back[remaining], clusters, SHARES
        )
        estimate = share.estimate
        text = share.reason or _shown(estimate.estimate, estimate.low, estimate.high)
        recoveries.append({"method": name, "attack": attack, "n": estimate.n, "recovered": text})
        print(recoveries[-1], flush=True)
    return recoveries


def written(file: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A file of rows."""
    file.write_text("".join(f"{json.dumps(dict(row))}\n" for row in rows), encoding="utf-8")
    return file


def write(file: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """A table of rows."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        table = csv.DictWriter(opened, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(row["author"]) for row in rows))


def _shown(value: float | None, low: float | None, high: float | None) -> str:
    ends = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    return "unknown" if value is None else f"{value:.3f}{ends}"


if __name__ == "__main__":
    main()
