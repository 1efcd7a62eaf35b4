"""`python -m harness.agreement`: measures scorers against labels of people.

    python -m harness.agreement scorer=[refusal] labels=answers.csv
    python -m harness.agreement scorer=[refusal] labels=xstest/ format=xstest_refusal
    python -m harness.agreement scorer=[harmfulness,harmfulness_offline] labels=answers.csv

The labels are a CSV, JSONL or Parquet file (or a folder of them) with an answer, a label, and
where there are such a prompt, a column for each rater and a group. `format` names a YAML that says
which columns those are. What is measured is printed, and kept under `RESULTS/validity` by the
scorer's identity: from then on it stands beside every result of that scorer. Several scorers are
also set against each other, pair by pair, by paired tests on the answers that both gave a value.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from omegaconf import MISSING, DictConfig, OmegaConf

from harness.agreement.comparison import alike, compared, flips, readings
from harness.agreement.compute import measured
from harness.agreement.figures import Values
from harness.command import command_line, resolve, scorers_of
from harness.data import LabelFormat, Labelled, part_of, read_label_file
from harness.types import HarnessError, ScorerRegistry
from harness.validity import save


@dataclass
class AgreementConfig:
    """Everything that `python -m harness.agreement` takes."""

    labels: str = MISSING
    metric: str | None = None
    threshold: float | None = None
    n: int | None = None
    results: str = "results"
    format: LabelFormat = field(default_factory=LabelFormat)
    scorers: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    """`python -m harness.agreement`."""
    ConfigStore.instance().store(name="agreement_schema", node=AgreementConfig)
    command_line("agreement", _work)


def _work(cfg: DictConfig) -> int:
    from harness.agreement.console import print_comparison, print_record

    resolve(cfg)
    path, form = Path(cfg.labels), OmegaConf.to_object(cfg.format)
    assert isinstance(form, LabelFormat)
    form.about = _about(form, path)
    read = read_label_file(path, form)
    labelled = read.items
    form.note = "; ".join(filter(None, [form.note, *read.notes]))
    if cfg.n is not None:
        if cfg.n < 2:
            raise HarnessError(f"n={cfg.n} must be at least 2")
        labelled = sorted(labelled, key=lambda item: part_of(repr(item), 2**64))[: cfg.n]
    scorer_values = {}
    for name, scorers in _apart(cfg).items():
        scorer = scorers[name]
        asked = cfg.metric or form.metric
        if asked is not None and asked not in scorer.metrics:
            raise HarnessError(
                f"scorer {name!r} gives no metric {asked!r}; it gives {', '.join(scorer.metrics)}"
            )
        metric = asked or next(iter(scorer.metrics))
        result = measured(scorers, name, labelled, metric, form, cfg.threshold)
        print_record(result.record, save(result.record, Path(cfg.results) / "validity"))
        scorer_values[f"{name}.{metric}"] = result.values
    if len(scorer_values) > 1:
        readings_of = readings(scorer_values)
        print_comparison(compared(labelled, scorer_values), alike(readings_of))
        print(
            f"{len(flips(readings_of))} of {len(labelled)} answers are read differently, kept as "
            f"{_write_flips(labelled, readings_of, Path(cfg.results) / 'flips.csv')}"
        )
    return 0


def _apart(cfg: DictConfig) -> dict[str, ScorerRegistry]:
    """Each scorer alone, since those that are set against each other may give the same metric."""
    if not cfg.scorers:
        scorers_of(cfg)  # which says that there is none
    alone = (OmegaConf.create({"scorers": {name: node}}) for name, node in cfg.scorers.items())
    return {str(name): scorers_of(node) for name, node in zip(cfg.scorers, alone, strict=True)}


def _write_flips(labelled: Sequence[Labelled], values_of: Mapping[str, Values], path: Path) -> Path:
    """The answers that not all scorers read alike, beside what each of them says; none is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["prompt", "answer", "label", *values_of])
    for place in flips(values_of):
        item, of_scorers = labelled[place], [float(values[place]) for values in values_of.values()]
        cells = ["" if isnan(value) else f"{value:g}" for value in of_scorers]
        writer.writerow([_cell(item.prompt), _cell(item.answer), f"{item.label:g}", *cells])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def _cell(text: str) -> str:
    """The text of a cell, which no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _about(form: LabelFormat, path: Path) -> str:
    """What the labels are; what a format says of itself no longer holds once it is overridden."""
    chosen = HydraConfig.get()
    changed = [
        option
        for option in chosen.overrides.task
        if option.lstrip("+~").startswith("format.") and not option.startswith(WORDS)
    ]
    names_labels = any(option.startswith("format.about=") for option in chosen.overrides.task)
    if form.about and (names_labels or not changed):
        return form.about
    read = f", read as {chosen.runtime.choices['format']} with {' '.join(changed)}"
    return path.name + (read if changed and form.about else "")


WORDS = ("format.about=", "format.note=", "format.people=")
"""Options that change nothing of which answers and labels are read."""


if __name__ == "__main__":
    main()
