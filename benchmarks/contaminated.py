"""Whether tests of a model alone find a fine-tune on half of a starter set, and spare others.

    python benchmarks/contaminated.py [--epochs 8] [--repeats 100]

The bundled model is trained on half of chemistry_safety's items with options (their text up to the
last option, then the answer), all weights, by what the methods of `harness.mitigate` share. Asked
are: the trained half against the other by Min-k%, the items against their twins, and the published
order of options. The same is asked of the model as it was, and of one that was trained as long on
texts of another task. Repeats draw the half anew on what was measured of the untouched model.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # a checkout that is not installed will do

from harness.command import task_of  # noqa: E402
from harness.evidence.contamination.accused import Likelier, Ordered  # noqa: E402
from harness.evidence.contamination.orders import preferred  # noqa: E402
from harness.evidence.contamination.probable import min_k_of  # noqa: E402
from harness.evidence.contamination.suspect import Item, items_of_task  # noqa: E402
from harness.mitigations.fitting.losses import text_loss  # noqa: E402
from harness.mitigations.fitting.method import Fit  # noqa: E402
from harness.mitigations.fitting.texts import Text  # noqa: E402
from harness.mitigations.fitting.tuning import Tuning  # noqa: E402
from harness.models.hf.model import HuggingFaceModel  # noqa: E402
from harness.types import asked  # noqa: E402

SHARE, ORDERS, SEED = 0.2, 8, 0


class Measured:
    """What was measured of one model: Min-k% of items and twins, and each item's orders."""

    def __init__(self, model: HuggingFaceModel, items: list[Item]) -> None:
        texts = [item.text for item in items] + [str(item.twin) for item in items]
        values, _ = min_k_of(model, texts, SHARE)
        self.items, self.twins = values[: len(items)], values[len(items) :]
        self.orders = preferred(model, [i.listed for i in items if i.listed], ORDERS, SEED)

    def halves(self, half: list[int]) -> Likelier:
        """A half of the items against the other."""
        other = [n for n in range(len(self.items)) if n not in half]
        units = (len(half), len(other))
        return Likelier("the other half", self.items[half], self.items[other], SHARE, units)

    def beside_twins(self, numbers: list[int]) -> Likelier:
        """Items against their twins in other words."""
        units = (len(numbers), len(numbers))
        return Likelier("their twins", self.items[numbers], self.twins[numbers], SHARE, units)

    def ordered(self, numbers: list[int]) -> Ordered:
        """The published order of items against others."""
        return Ordered([self.orders[n] for n in numbers], [str(n) for n in numbers])


def tuned(texts: list[str], folder: Path, epochs: float) -> HuggingFaceModel:
    """The bundled model, trained on texts."""
    (folder / "model").mkdir(parents=True)
    (folder / "kept").mkdir()
    rows = [Text("", text, 0.0) for text in texts]
    fit = Fit(HuggingFaceModel("smollm2"), rows, SEED, folder / "model", folder / "kept", print)
    tuning = Tuning({"rate": 5e-5, "epochs": epochs, "batch": 4}, None)
    tuning_of = tuning.begin(fit)
    of_texts = tuning_of.base.rows(rows)
    tuning_of.train(
        tuning,
        fit,
        len(rows),
        lambda numbers: text_loss(tuning_of.base, [of_texts[n] for n in numbers]),
    )
    tuning_of.save(folder / "model")
    return HuggingFaceModel(str(folder / "model"), dtype="float32")


def show(name: str, measured: Measured, half: list[int]) -> None:
    """Print what is said of a model."""
    for comparison, likelier in (
        ("trained half against the other", measured.halves(half)),
        ("trained half against its twins", measured.beside_twins(half)),
        ("all items against their twins", measured.beside_twins(list(range(len(measured.items))))),
    ):
        low, high = likelier.interval
        verdict = "accused" if likelier.accused else "not accused"
        print(f"{name}: {comparison}: AUC {likelier.area:.3f} ({low:.3f} to {high:.3f}), {verdict}")
    for items, chosen in (("trained half", half), ("all items", list(range(len(measured.items))))):
        ordered = measured.ordered(chosen)
        verdict = "accused" if ordered.accused else "not accused"
        print(f"{name}: order of options, {items}: place {np.nanmean(ordered.places):.3f}, "
              f"p {ordered.p:.3g}, {verdict}", flush=True)  # fmt: skip


def main() -> None:
    """Print what is found, and how often an untouched model is accused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=float, default=8)
    parser.add_argument("--repeats", type=int, default=100)
    options = parser.parse_args()
    task = task_of("chemistry_safety", twins=True)
    targets = {s.id: f"{s.target}" for s in task.samples(task.records())}
    items = [item for item in items_of_task(task) if item.twin and item.listed]
    numbers = list(range(len(items)))
    half = sorted(random.Random(SEED).sample(numbers, len(items) // 2))
    texts = [f"{items[n].text}\n\nAnswer: {targets[items[n].id]}" for n in half]
    other = task_of("diabetes_care")
    elsewhere = [asked(s.prompt) for s in other.samples(other.records())][: len(texts)]
    untouched = Measured(HuggingFaceModel("smollm2"), items)
    show("untouched", untouched, half)
    draw, accused = random.Random(SEED + 1), {"halves": 0, "twins": 0, "orders": 0}
    for _ in range(options.repeats):
        drawn = sorted(draw.sample(numbers, len(items) // 2))
        accused["halves"] += untouched.halves(drawn).accused
        accused["twins"] += untouched.beside_twins(drawn).accused
        accused["orders"] += untouched.ordered(drawn).accused
    print(f"untouched, {options.repeats} halves drawn anew: accused {accused}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, trained in (("trained", texts), ("trained elsewhere", elsewhere)):
            model = tuned(trained, Path(folder) / name.replace(" ", "_"), options.epochs)
            show(name, Measured(model, items), half)


if __name__ == "__main__":
    main()
