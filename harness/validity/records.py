"""How far scorers agree with people: records by the scorer's identity, and the sentence of each."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from harness.types import HarnessError, shortened, written_whole

logger = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent / "agreement"
"""Records that come with the project, made by `python -m harness.agreement`."""
NOT_MEASURED = "agreement with people: not measured"
HEADLINE = ("auc", "pearson", "spearman", "quadratic_kappa", "kappa", "f1", "precision", "recall")
PARTLY_AND_WELL = {"auc": (0.7, 0.9)}
OTHERS_PARTLY_AND_WELL = (0.4, 0.8)
"""From where on agreement is partial, and from where on it is good: what Hosmer and Lemeshow (2000)
call acceptable and outstanding in an AUC, and Landis and Koch (1977) moderate and almost perfect in
a kappa; correlations and the like are read as a kappa is."""
ENGLISH = ("en",)
"""What a run is taken to be in whose task does not say."""
MOST_RECORDS = 2
"""Records that a glance tells of; the sentence tells of all."""
MOST_COLUMNS = 40
"""Of what people labelled, in a glance."""


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


class Grade(StrEnum):
    """How far a scorer agrees with people."""

    WELL = "well"
    PARTLY = "partly"
    HARDLY = "hardly"
    UNKNOWN = "unknown"
    """It was not measured, or could not be."""
    EXACT = "exact"
    """It need not be measured: nothing is judged."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What stands beside a metric where there is no room for a sentence."""

    grade: Grade
    phrase: str
    """Such as `AUC 0.96 on XSTest`."""


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
    languages: Sequence[str] = ()
    """ISO 639-1 codes of those that the labelled answers are in; empty: not said."""

    def sentence(self) -> str:
        """The record in a sentence, as it stands under a table."""
        figures = [_say(figure) for figure in self._shown()]
        people = [_say(f) for f in self.people if f.value is not None][:1]
        counted = f"n {self.n}" + (f", {self.n_failed} without a score" if self.n_failed else "")
        parts = [
            f"{', '.join(figures) or 'no agreement could be computed'} on {self.labels} ({counted})"
        ]
        if people:
            parts.append(f"people with each other: {', '.join(people)}")
        if self.raters == 1:
            parts.append("labels unreplicated")
        return "; ".join([*parts, *([self.note] if self.note else [])])

    def glance(self) -> Glance:
        """The record's first statistic and the name of its labels."""
        about = _short(self.labels) + (" (labelled by a model)" if self.raters == 0 else "")
        if not (figures := self._shown()):
            return Glance(Grade.UNKNOWN, f"no agreement could be computed on {about}")
        first = figures[0]
        partly, well = PARTLY_AND_WELL.get(first.statistic, OTHERS_PARTLY_AND_WELL)
        value = first.value or 0.0
        grade = Grade.WELL if value >= well and self.raters else Grade.PARTLY
        phrase = f"{_title(first)} {value:.2f} on {about}"
        return Glance(grade if value >= partly else Grade.HARDLY, phrase)

    def _shown(self) -> list[Figure]:
        """The figures that stand beside a result."""
        known = [f for f in self.figures if f.group is None and f.value is not None]
        names = self.headline or [n for n in HEADLINE if any(f.statistic == n for f in known)][:3]
        return [figure for name in names for figure in known if figure.statistic == name]


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


def fitting(
    identity: str, metric: str, folders: Iterable[Path], languages: Collection[str] = ENGLISH
) -> list[Record]:
    """The records of a scorer's identity and metric: the user's own first, then shipped ones.

    Args:
        identity: fingerprint of the scorer's identity.
        metric: of the scorer's.
        folders: of the user's own records.
        languages: codes of those that the run is in; of a folder's records those that are of more
            of them come first.
    """
    records: list[Record] = []
    for folder in (*folders, SHIPPED):
        of_scorer = [
            record
            for record in _records(folder, _stamp(folder))
            if (record.identity, record.metric) == (identity, metric)
        ]
        records += sorted(of_scorer, key=lambda record: -len({*languages} & {*record.languages}))
    return records


def sentence(
    identity: str, metric: str, folders: Iterable[Path], languages: Collection[str] = ENGLISH
) -> str:
    """What stands beside a metric: its records in sentences, or that nothing was measured."""
    records = fitting(identity, metric, folders, languages)
    if not records:
        return NOT_MEASURED
    return "agreement with people: " + "; and: ".join(record.sentence() for record in records)


def glance(
    identity: str, metric: str, folders: Iterable[Path], languages: Collection[str] = ENGLISH
) -> Glance:
    """A metric's records at a glance: the poorest grade of them, and a short phrase."""
    glances = [record.glance() for record in fitting(identity, metric, folders, languages)]
    if not glances:
        return Glance(Grade.UNKNOWN, "not measured")
    order = [Grade.UNKNOWN, Grade.HARDLY, Grade.PARTLY, Grade.WELL]
    more = len(glances) - MOST_RECORDS
    phrases = [each.phrase for each in glances[:MOST_RECORDS]]
    phrases += [f"{more} more"] if more > 0 else []
    return Glance(min((each.grade for each in glances), key=order.index), ", ".join(phrases))


def uncovered(
    identity: str, metric: str, folders: Iterable[Path], languages: Collection[str]
) -> list[str]:
    """Those of some languages that no record of a metric is of; none where a record says of none.

    Args:
        identity: fingerprint of the scorer's identity.
        metric: of the scorer's.
        folders: of the user's own records.
        languages: codes.
    """
    records = fitting(identity, metric, folders, languages)
    if not all(record.languages for record in records):
        return []
    covered = {code for record in records for code in record.languages}
    return sorted(set(languages) - covered) if records else []


def recalls(identity: str, metric: str, folders: Iterable[Path]) -> dict[float, float]:
    """By the cut from which on a scorer says yes, the share that it finds of people's yes.

    Where several sets were measured at a cut it is their mean, weighted by labelled answers.
    """
    measured: dict[float, list[tuple[int, float]]] = {}
    for record in fitting(identity, metric, folders):
        for figure in record.figures:
            whole = figure.statistic == "recall" and figure.group is None
            if whole and record.threshold is not None and figure.value is not None:
                measured.setdefault(record.threshold, []).append((figure.n, figure.value))
    return {
        cut: sum(n * value for n, value in of_cut) / sum(n for n, _ in of_cut)
        for cut, of_cut in measured.items()
        if any(n for n, _ in of_cut)
    }


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
        for name in ("confusion", "headline", "languages"):
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
    if not folder.is_dir():
        return ()
    with os.scandir(folder) as entries:
        files = [(file.name, file.stat().st_mtime_ns) for file in entries]
    return tuple(sorted(file for file in files if file[0].endswith(".json")))


def _short(labels: str) -> str:
    """What people labelled in a word or two: the set's name before its citation, if it has one."""
    cited = re.search(r"(\S+) \([^()]*\b\d{4}\b[^()]*\)", labels)
    name = cited[1] if cited else labels.split(",")[0]
    return shortened(name, MOST_COLUMNS)


def _title(figure: Figure) -> str:
    return {"auc": "AUC", "f1": "F1"}.get(figure.statistic, figure.statistic.replace("_", " "))


def _say(figure: Figure) -> str:
    between = ""
    if figure.low is not None and figure.high is not None:
        between = f" ({figure.low:.2f} to {figure.high:.2f})"
    return f"{_title(figure)} {figure.value:.2f}{between}"
