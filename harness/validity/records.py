"""How far scorers agree with people: records by the scorer's identity, and the sentence of each."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from harness.types import HarnessError, written_whole

logger = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent / "agreement"
"""Records that come with the project, made by `python -m harness.agreement`."""
NOT_MEASURED = "agreement with people: not measured"
HEADLINE = ("auc", "pearson", "spearman", "quadratic_kappa", "kappa", "f1", "precision", "recall")


@dataclass(frozen=True, slots=True)
class Figure:
    """One statistic of agreement with its 95 % interval."""

    statistic: str
    value: float | None
    """None where it is not defined."""
    low: float | None
    high: float | None
    n: int
    group: str | None = None
    """Of the labelled answers that it is over; None: all."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was measured of one metric of one scorer against one set of labels."""

    scorer: str
    identity: str
    """Fingerprint of the scorer's identity: a record of another one says nothing of this."""
    metric: str
    labels: str
    """What people said, of which answers, and where that is published."""
    labels_sha256: str
    n: int
    """Labelled answers."""
    n_failed: int
    """Of them, those that the scorer gave no value: left out of the figures."""
    raters: int
    """People that labelled each answer, at most; 1 is unreplicated, 0: a model did."""
    figures: Sequence[Figure]
    people: Sequence[Figure] = ()
    """The agreement of people with each other."""
    confusion: Sequence[Mapping[str, Any]] = ()
    """Counts of label and of what the scorer said."""
    threshold: float | None = None
    """From which value on the scorer says yes, where labels are yes and no."""
    note: str = ""
    """What a reader of the figures must know, in a sentence."""
    headline: Sequence[str] = field(default=())
    """The statistics that stand beside a result; empty: those of `HEADLINE` that there are."""

    def sentence(self) -> str:
        """The record in a sentence, as it stands under a table."""
        shown = [f for f in self.figures if f.group is None and f.value is not None]
        names = self.headline or [n for n in HEADLINE if any(f.statistic == n for f in shown)][:3]
        said = [_say(f) for name in names for f in shown if f.statistic == name]
        people = [_say(f) for f in self.people if f.value is not None][:1]
        counted = f"n {self.n}" + (f", {self.n_failed} without a score" if self.n_failed else "")
        parts = [
            f"{', '.join(said) or 'no agreement could be computed'} on {self.labels} ({counted})"
        ]
        if people:
            parts.append(f"people with each other: {', '.join(people)}")
        if self.raters == 1:
            parts.append("labels unreplicated")
        return "; ".join([*parts, *([self.note] if self.note else [])])


def save(record: Record, folder: Path) -> Path:
    """Write a record into a folder; one of the same scorer, metric and labels is replaced.

    Raises:
        HarnessError: the folder cannot be written.
    """
    name = f"{record.scorer}-{record.identity}-{record.metric}-{record.labels_sha256[:8]}.json"
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            file.write(f"{json.dumps(asdict(record), indent=1, ensure_ascii=False)}\n".encode())
    except OSError as error:
        raise HarnessError(
            f"validity record {str(path)!r} cannot be written ({error.strerror})"
        ) from error
    return path


def fitting(identity: str, metric: str, folders: Iterable[Path]) -> list[Record]:
    """The records of a scorer's identity and metric, shipped ones first."""
    return [
        record
        for folder in (SHIPPED, *folders)
        for record in _records(folder, _stamp(folder))
        if (record.identity, record.metric) == (identity, metric)
    ]


def sentence(identity: str, metric: str, folders: Iterable[Path]) -> str:
    """What stands beside a metric: its records in sentences, or that nothing was measured."""
    found = fitting(identity, metric, folders)
    if not found:
        return NOT_MEASURED
    return "agreement with people: " + "; and: ".join(record.sentence() for record in found)


def read(path: Path) -> Record:
    """A record from its file.

    Raises:
        HarnessError: it is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        figures, people = (
            tuple(Figure(**figure) for figure in content.pop(name))
            for name in ("figures", "people")
        )
        for name in ("confusion", "headline"):
            content[name] = tuple(content.get(name, ()))
        return Record(**content, figures=figures, people=people)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise HarnessError(
            f"validity record {str(path)!r} cannot be read ({error}); delete it, and measure anew "
            "with python -m harness.agreement"
        ) from error


@cache
def _records(folder: Path, _stamp: tuple[tuple[str, int], ...]) -> tuple[Record, ...]:
    return tuple(read(folder / name) for name, _ in _stamp)


def _stamp(folder: Path) -> tuple[tuple[str, int], ...]:
    """The folder's records and when they changed."""
    return tuple((path.name, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.json")))


def _say(figure: Figure) -> str:
    name = {"auc": "AUC", "f1": "F1"}.get(figure.statistic, figure.statistic.replace("_", " "))
    between = ""
    if figure.low is not None and figure.high is not None:
        between = f" ({figure.low:.2f} to {figure.high:.2f})"
    return f"{name} {figure.value:.2f}{between}"
