"""A task's samples: looked over once, then walked in windows, so that none need be kept."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress, islice

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.runs.turns import check_turn
from harness.store import Facts, Field, asked_of_samples
from harness.types import HarnessError, Records, Sample, Task, trait

WINDOW = 4096
"""Samples that are held, and that a model is given, together; fixed, so that a resumed run cuts
the same batches.

(One whose limit has grown may cut others, which moves floating-point numbers in their last digits.)
"""
Digests = NDArray[np.uint64]
"""Eight bytes of a SHA-256 each."""
Hashes = NDArray[np.int64]
"""Python's hashes, which hold within one process."""
Shape = tuple[type | tuple[str, type], ...]
"""The types of a sample's target and of its metadata."""


@dataclass(frozen=True)
class Samples:
    """A run's samples by their numbers, in the task's order: of each some forty bytes are kept."""

    task: Task
    records: Records
    digest: str
    """SHA-256 of all that the task's samples ask."""
    groups: str
    """Fingerprint of the task's samples' clusters and metadata."""
    total: int
    """How many samples the task has."""
    places: NDArray[np.int64]
    """Which of the task's samples are this run's, in order."""
    ids: Digests
    contents: Hashes
    facts: Facts
    examples: Sequence[Sample]
    """Samples that have, between them, all metadata of the task's, and every type of it."""

    def __len__(self) -> int:
        return len(self.places)

    def choose(self, limit: int | None, balanced: bool = False) -> Samples:
        """All of them, or a random `limit` that larger ones contain.

        Of a task with `whole_clusters`, so many clusters: half a grid has no contrasts. Balanced,
        they hold each stratum of the task in its share; larger ones contain them still.
        """
        if limit is None:
            return self
        units = self.facts.clusters if trait(self.task, "whole_clusters") else self.ids
        chosen = np.isin(units, np.unique(units)[:limit])
        within = np.flatnonzero(self.turns < limit if balanced else chosen)
        if len(within) == len(self):
            return self
        return replace(
            self,
            places=self.places[within],
            ids=self.ids[within],
            contents=self.contents[within],
            facts=self.facts.of(within),
        )

    def windows(self) -> Iterator[tuple[int, list[Sample]]]:
        """The number of the first sample of each window, and the samples.

        Raises:
            HarnessError: they are not those that were looked over.
        """
        chosen = np.zeros(self.total, dtype=np.bool_)
        chosen[self.places] = True
        walk = compress(self.task.samples(self.records), chosen.tobytes())
        for first in range(0, len(self), WINDOW):
            window = list(islice(walk, WINDOW))
            seen = np.fromiter(map(_hash, window), np.int64, len(window))
            if not np.array_equal(self.contents[first : first + WINDOW], seen):
                raise HarnessError(
                    f"task {self.task.name!r} does not yield the same samples each time; make them "
                    "depend on nothing but its data and options"
                )
            yield first, window

    def numbers(self, ids: pa.ChunkedArray) -> NDArray[np.int64]:
        """The number of the sample that each id is of; -1 where it is none of these."""
        distinct = ids.combine_chunks().dictionary_encode()
        names = distinct.dictionary.to_pylist()
        digests = np.fromiter((_digest(name) for name in names), np.uint64, len(names))
        places = np.searchsorted(self.ids, digests, sorter=self._order)
        candidates = self._order[np.minimum(places, len(self) - 1)]
        known = np.where(self.ids[candidates] == digests, candidates, -1)
        numbers: NDArray[np.int64] = known[distinct.indices.to_numpy()]
        return numbers

    @cached_property
    def turns(self) -> NDArray[np.int64]:
        """For each sample its place in an order that takes strata in turn, each at random.

        Of a task with strata, what its estimates are over is taken in turn as well. It depends on
        ids alone. Of a task with `whole_clusters` it is the place of its cluster.
        """
        if trait(self.task, "whole_clusters"):
            return np.unique(self.facts.clusters, return_inverse=True)[1].astype(np.int64)
        everything, estimands = np.arange(len(self)), self.task.estimands
        named = (
            {name for e in estimands for name in (*e.strata, *e.where)}
            if any(e.strata for e in estimands)
            else set()
        )
        columns = [self.facts.fields[name].codes for name in sorted(named)]
        codes = np.zeros(len(self), np.int64)
        if columns:
            codes = np.unique(np.stack(columns), axis=1, return_inverse=True)[1].reshape(-1)
        by_stratum = np.lexsort((self.ids, codes))
        sizes = np.bincount(codes)
        firsts = np.cumsum(sizes) - sizes
        ranks = np.empty(len(self), np.int64)
        ranks[by_stratum] = everything - firsts[codes[by_stratum]]
        turns = np.empty(len(self), np.int64)
        turns[np.lexsort((self.ids, (ranks + 0.5) / sizes[codes]))] = everything
        return turns

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.argsort(self.ids)


def look_over(
    task: Task, records: Records | None = None, fields: Collection[str] | None = None
) -> Samples:
    """Check every sample, and keep what tells them apart and what estimates ask of them.

    Args:
        task: yields the samples.
        records: of its data; None: they are read.
        fields: metadata that estimates ask for; None: those of the task's estimands.

    Raises:
        HarnessError: there are none, two have one id, or one holds what is not text.
    """
    records = task.records() if records is None else records
    look = _Look(asked_of_samples(task.estimands) if fields is None else fields)
    before: Sample | None = None
    for sample in task.samples(records):
        check_sample(sample)
        check_turn(task, sample, before)
        look.add(sample)
        before = sample
    if not look.ids:
        raise HarnessError(f"task {task.name!r} yielded no samples; see its options in conf/task")
    samples = Samples(
        task,
        records,
        look.asked.hexdigest(),
        look.fingerprint(),
        len(look.ids),
        np.arange(len(look.ids)),
        np.frombuffer(look.ids, np.uint64),
        np.frombuffer(look.contents, np.int64),
        look.facts(),
        list(look.shapes.values()),
    )
    _check_ids(samples)
    return samples


class _Look:
    """What is kept of samples as they go by."""

    def __init__(self, fields: Collection[str]) -> None:
        self.asked, self.groups = hashlib.sha256(), hashlib.sha256(b'{"groups": [')
        self.ids, self.contents, self.clusters = array("Q"), array("q"), array("Q")
        self.shapes: dict[Shape, Sample] = {}
        self._columns = {field: _Column() for field in fields}
        self._encode = json.JSONEncoder(sort_keys=True, default=str).encode

    def add(self, sample: Sample) -> None:
        parts = (sample.id, sample.prompt, sample.target, sample.choices)
        asked = repr((*parts, *_unusual(sample)))
        described = self._encode((sample.id, sample.cluster, sorted(sample.metadata.items())))
        self.asked.update(f"\n{asked}".encode() if self.ids else asked.encode())
        self.groups.update(f", {described}".encode() if self.ids else described.encode())
        self.ids.append(_digest(sample.id))
        self.contents.append(_hash(sample))
        self.clusters.append(_digest(sample.cluster) if sample.cluster else self.ids[-1])
        self.shapes.setdefault(_shape(sample), sample)
        for field, column in self._columns.items():
            column.append(sample.metadata.get(field))

    def fingerprint(self) -> str:
        """As `identity.fingerprint` makes it of all groups at once."""
        whole = self.groups.copy()
        whole.update(b"]}")
        return whole.hexdigest()[:8]

    def facts(self) -> Facts:
        fields = {name: column.field() for name, column in self._columns.items()}
        return Facts(np.frombuffer(self.clusters, np.uint64), fields)


class _Column:
    """A metadata field as it is read: each distinct value once."""

    def __init__(self) -> None:
        self.values: dict[tuple[type, object], int] = {}
        self.codes = array("i")

    def append(self, value: object) -> None:
        self.codes.append(self.values.setdefault((type(value), value), len(self.values)))

    def field(self) -> Field:
        return Field(np.frombuffer(self.codes, np.int32), [value for _, value in self.values])


def check_sample(sample: Sample) -> None:
    """Refuse a sample that cannot be run.

    Raises:
        HarnessError: it holds what is not text, or an empty choice.
    """
    for text in (sample.id, *_texts(sample)):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise HarnessError(
                f"sample {sample.id!a} holds a lone surrogate (U+{ord(text[error.start]):04X} at "
                f"character {error.start}), which is not text; remove it from the data"
            ) from error
    if sample.leads and len(sample.leads) != len(sample.choices):
        raise HarnessError(
            f"sample {sample.id!r} has {len(sample.leads)} leads for {len(sample.choices)} choices"
        )
    if "" in sample.choices:
        raise HarnessError(f"sample {sample.id!r} has an empty choice, which is always certain")


def _texts(sample: Sample) -> Iterable[str]:
    messages = (
        (sample.prompt,)
        if isinstance(sample.prompt, str)
        else (message.content for message in sample.prompt)
    )
    return (*messages, *sample.choices, *sample.leads)


def _check_ids(samples: Samples) -> None:
    """Refuse two samples of one id; the names are looked up again, for only digests were kept."""
    digests, counts = np.unique(samples.ids, return_counts=True)
    twice = set(digests[counts > 1].tolist())
    if twice:
        names = (s.id for _, window in samples.windows() for s in window)
        name = next(name for name in names if _digest(name) in twice)
        raise HarnessError(f"task {samples.task.name!r} has two samples with id {name!r}")


def _unusual(sample: Sample) -> Iterable[object]:
    """What few samples have; of others the digest stays what it is."""
    if sample.leads:
        yield sample.leads
    if sample.encoded_as != "harness":
        yield sample.encoded_as
    if sample.after is not None:
        yield "after", sample.after


def _hash(sample: Sample) -> int:
    return hash((sample.id, sample.target, *_texts(sample)))


def _shape(sample: Sample) -> Shape:
    return type(sample.target), *((name, type(v)) for name, v in sample.metadata.items())


def _digest(text: str) -> int:
    """Eight bytes of the SHA-256; those of ids sort as the whole of it does."""
    content = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
