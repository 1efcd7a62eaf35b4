"""Scores labelled answers and measures the agreement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.agreement.comparison import ScorerValues
from harness.agreement.figures import LabelKind, Values, confusion, figures, people
from harness.data import LabelFormat, Labelled, digest
from harness.types import Generation, Sample, ScorerRegistry, fingerprint
from harness.validity import Record

AT_ONCE = 64


@dataclass(frozen=True)
class Measured:
    """A scorer's agreement, and what it gave to each labelled answer."""

    record: Record
    values: ScorerValues


def measure(
    scorers: ScorerRegistry,
    name: str,
    labelled: list[Labelled],
    metric: str,
    form: LabelFormat,
    threshold: float | None = None,
) -> Record:
    """The record of what `measured` measures."""
    return measured(scorers, name, labelled, metric, form, threshold).record


def measured(
    scorers: ScorerRegistry,
    name: str,
    labelled: list[Labelled],
    metric: str,
    form: LabelFormat,
    threshold: float | None = None,
) -> Measured:
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
    values = _scored(scorers, name, labelled, metric)
    labels = np.array([item.label for item in labelled])
    kind = LabelKind(labels, meaning, form.positive, threshold)
    raters = max(sum(not np.isnan(x) for x in item.raters) or 1 for item in labelled)
    record = Record(
        scorer=name,
        identity=fingerprint(scorers[name].identity),
        metric=metric,
        labels=form.about or "labels of the user",
        labels_sha256=digest(labelled),
        n=len(labelled),
        n_failed=int(np.isnan(values).sum()),
        raters=raters if form.people is None else form.people,
        figures=figures(labelled, values, meaning, kind),
        people=people(labelled),
        confusion=confusion(labels, values, meaning, kind),
        threshold=kind.threshold if kind.binary else None,
        note=form.note,
        languages=tuple(form.languages),
    )
    return Measured(record, ScorerValues(values, kind))


def _scored(scorers: ScorerRegistry, name: str, labelled: list[Labelled], metric: str) -> Values:
    """The metric of each answer; NaN where the scorer gave none."""
    values = np.full(len(labelled), np.nan)
    place = list(scorers[name].metrics).index(metric)
    for first in range(0, len(labelled), AT_ONCE):
        chunk = labelled[first : first + AT_ONCE]
        samples = [Sample(str(i), item.prompt) for i, item in enumerate(chunk)]
        answers = [Generation(str(i), 0, item.answer) for i, item in enumerate(chunk)]
        for i, scores in enumerate(scorers.score(name, samples, answers)):
            value = scores[place].value
            values[first + i] = np.nan if value is None else value
    return values
