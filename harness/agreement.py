"""`python -m harness.agreement`: measures scorers against labels of people.

    python -m harness.agreement scorer=[refusal] labels=answers.csv
    python -m harness.agreement scorer=[refusal] labels=xstest/ format=xstest_refusal

The labels are a CSV, JSONL or Parquet file (or a folder of them) with an answer, a label, and
where there are such a prompt, a column for each rater and a group. `format` names a YAML that says
which columns those are. What is measured is printed, and kept under `RESULTS/validity` by the
scorer's identity: from then on it stands beside every result of that scorer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from harness.command import command_line, resolve
from harness.identity import fingerprint
from harness.labels import LabelFormat, Labelled, digest, part_of, read_label_file
from harness.measuring import Told, confusion, figures, people
from harness.plugins import make
from harness.scorers.registry import ScorerRegistry
from harness.types import Generation, HarnessError, Sample, Scorer
from harness.validity import Record, save

AT_ONCE = 64


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


def measure(
    scorers: ScorerRegistry,
    name: str,
    labelled: list[Labelled],
    metric: str,
    form: LabelFormat,
    threshold: float | None = None,
) -> Record:
    """Score labelled answers and compare; a failure of the scorer is counted, not compared.

    Args:
        scorers: that the scorer is one of.
        name: of the scorer.
        labelled: answers with labels.
        metric: of the scorer's, that the labels are of.
        form: how the labels were read.
        threshold: value from which on the scorer says yes; None: the middle of the range.
    """
    meaning = scorers[name].metrics[metric]
    values = np.full(len(labelled), np.nan)
    place = list(scorers[name].metrics).index(metric)
    for first in range(0, len(labelled), AT_ONCE):
        chunk = labelled[first : first + AT_ONCE]
        samples = [Sample(str(i), item.prompt) for i, item in enumerate(chunk)]
        answers = [Generation(str(i), 0, item.answer) for i, item in enumerate(chunk)]
        for i, scores in enumerate(scorers.score(name, samples, answers)):
            value = scores[place].value
            values[first + i] = np.nan if value is None else value
    labels = np.array([item.label for item in labelled])
    told = Told(labels, meaning, form.positive, threshold)
    raters = max(sum(not np.isnan(x) for x in item.raters) or 1 for item in labelled)
    return Record(
        scorer=name,
        identity=fingerprint(scorers[name].identity),
        metric=metric,
        labels=form.about or "labels of the user",
        labels_sha256=digest(labelled),
        n=len(labelled),
        n_failed=int(np.isnan(values).sum()),
        raters=raters if form.people is None else form.people,
        figures=figures(labelled, values, meaning, told),
        people=people(labelled),
        confusion=confusion(labels, values, meaning, told),
        threshold=told.threshold if told.binary else None,
        note=form.note,
    )


def main() -> None:
    """`python -m harness.agreement`."""
    ConfigStore.instance().store(name="agreement_schema", node=AgreementConfig)
    command_line("agreement", _work)


def _work(cfg: DictConfig) -> int:
    from harness.report.agreement import print_record

    resolve(cfg)
    path, form = Path(cfg.labels), OmegaConf.to_object(cfg.format)
    assert isinstance(form, LabelFormat)
    form.about = form.about or path.name
    read = read_label_file(path, form)
    labelled = read.items
    form.note = "; ".join(filter(None, [form.note, *read.notes]))
    if cfg.n is not None:
        if cfg.n < 2:
            raise HarnessError(f"n={cfg.n} must be at least 2")
        labelled = sorted(labelled, key=lambda item: part_of(repr(item), 2**64))[: cfg.n]
    scorers = ScorerRegistry(
        {str(name): make(f"scorers.{name}", node, Scorer) for name, node in cfg.scorers.items()}
    )
    if not scorers:
        raise HarnessError("no scorer is chosen; name at least one with scorer=[...]")
    for name, scorer in scorers.items():
        asked = cfg.metric or form.metric
        if asked is not None and asked not in scorer.metrics:
            raise HarnessError(
                f"scorer {name!r} gives no metric {asked!r}; it gives {', '.join(scorer.metrics)}"
            )
        metric = asked or next(iter(scorer.metrics))
        record = measure(scorers, name, labelled, metric, form, cfg.threshold)
        kept = save(record, Path(cfg.results) / "validity")
        print_record(record, kept)
    return 0


if __name__ == "__main__":
    main()
