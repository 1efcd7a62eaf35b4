"""What of a run is stored and where, in a few dozen bytes for each generation and score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.runs.samples import Samples
from harness.store import RunStore, digest_answer, generation_rows, score_rows, to_generations
from harness.types import Generation, HarnessError, Sample, Score, ScorerRegistry

READ_AT_ONCE = 4096
"""Generations whose rows are read and held together."""
Numbers = NDArray[np.int64]


class Answer(NamedTuple):
    """A generation with its number in the run, what it answers, and its digest."""

    number: int
    sample: Sample
    generation: Generation
    digest: int

    @classmethod
    def of(cls, number: int, sample: Sample, generation: Generation) -> Answer:
        """The answer with its digest."""
        return cls(number, sample, generation, int(digest_answer(generation), 16))


Scored = tuple[Answer, Sequence[Score]]
"""An answer and what a scorer said of it."""


class StoredGenerations:
    """Where each generation of a run is stored; the first `n` are the first sample's.

    Args:
        store: the run's folder, which is read once.
        samples: of the run.
        n: generations a sample.
    """

    def __init__(self, store: RunStore, samples: Samples, n: int) -> None:
        self.store = store
        self.samples = samples
        self.n = n
        count = len(samples) * n
        self.shard = np.full(count, -1, np.int32)
        self.row = np.zeros(count, np.int32)
        self.digest = np.zeros(count, np.uint64)
        self.tokens = np.zeros(count, np.int32)
        self.failed = np.zeros(count, np.bool_)
        self.cut = np.zeros(count, np.bool_)
        self.filtered = np.zeros(count, np.bool_)
        self.empty = np.zeros(count, np.bool_)
        self.language = np.zeros(count, np.int16)
        self._languages: dict[str | None, int] = {None: 0}
        """By language its number in `language`; 0: none was told."""
        for shard, table in store.shards("generations"):
            numbers, rows = self.numbers(table)
            known = to_generations(table.take(rows))
            self._note(numbers, shard, rows, known, [int(digest_answer(g), 16) for g in known])

    def __len__(self) -> int:
        return len(self.shard)

    def numbers(self, table: pa.Table) -> tuple[Numbers, Numbers]:
        """The numbers of the generations that a shard's rows are of, and which rows those are."""
        samples, index = self.samples.numbers(table["sample_id"]), table["index"].to_numpy()
        rows = np.flatnonzero((samples >= 0) & (index < self.n))
        return samples[rows] * self.n + index[rows], rows

    def todo(self, retry_failed: bool) -> NDArray[np.bool_]:
        """Which of them the model is still to be asked for, a row a sample."""
        missing = (self.shard < 0) | (self.failed & retry_failed)
        return missing.reshape(-1, self.n)

    def append(self, answers: Sequence[Answer]) -> None:
        """Store these as one shard."""
        generations = [answer.generation for answer in answers]
        shard = self.store.append("generations", generation_rows(generations))
        numbers = np.array([answer.number for answer in answers])
        digests = [answer.digest for answer in answers]
        self._note(numbers, shard, np.arange(len(answers)), generations, digests)

    def read(self, numbers: Numbers) -> list[Generation]:
        """These generations, in this order."""
        if not len(numbers):
            return []
        return to_generations(
            self.store.rows("generations", self.shard[numbers], self.row[numbers])
        )

    def counts(self) -> dict[str, int]:
        """What `run.json` says of them."""
        return {
            "generations": len(self),
            "generations_failed": int(self.failed.sum()),
            "generations_cut": int(self.cut.sum()),
            "generations_filtered": int(self.filtered.sum()),
            "generations_empty": int(self.empty.sum()),
            "tokens": int(self.tokens.sum()),
        }

    def languages(self) -> dict[str, int]:
        """How many answers are in which language, the commonest first; `` those of none."""
        written = ~(self.failed | self.empty | self.filtered)
        counts = np.bincount(self.language[written], minlength=len(self._languages)).tolist()
        named = {code or "": counts[number] for code, number in self._languages.items()}
        return dict(sorted(((c, n) for c, n in named.items() if n), key=lambda item: -item[1]))

    def check_complete(self) -> None:
        """Refuse a run for whose samples some generation is not there.

        Raises:
            HarnessError: the model left a request unanswered.
        """
        missing = np.flatnonzero((self.shard < 0).reshape(-1, self.n).any(axis=1))
        if len(missing):
            first = next(
                window[missing[0] - start].id
                for start, window in self.samples.windows()
                if missing[0] < start + len(window)
            )
            raise HarnessError(
                f"the model gave no generation for {len(missing)} samples, the first {first!r}; "
                "a backend must answer every request, with Generation.failed where it cannot"
            )

    def _note(
        self,
        numbers: Numbers,
        shard: int,
        rows: Numbers,
        generations: Sequence[Generation],
        digests: Sequence[int],
    ) -> None:
        self.shard[numbers], self.row[numbers] = shard, rows
        self.digest[numbers] = np.array(digests, np.uint64)
        self.tokens[numbers] = [g.tokens for g in generations]
        self.failed[numbers] = [g.error is not None for g in generations]
        self.cut[numbers] = [g.finish_reason == "length" for g in generations]
        names = self._languages
        self.language[numbers] = [names.setdefault(g.language, len(names)) for g in generations]
        self.filtered[numbers] = [g.finish_reason == "filtered" for g in generations]
        self.empty[numbers] = [
            g.text is not None and not g.text.strip() and g.finish_reason != "filtered"
            for g in generations
        ]


class StoredScores:
    """Where one scorer's scores of each generation are stored, and of which answer they are.

    Args:
        generations: of the run.
        name: the scorer's.
        scorer_id: its name and the fingerprint of its identity.
        metrics: that it gives.
    """

    def __init__(
        self, generations: StoredGenerations, name: str, scorer_id: str, metrics: Sequence[str]
    ) -> None:
        self.generations = generations
        self.name = name
        self.scorer_id = scorer_id
        self.metrics = list(metrics)
        count = len(generations)
        self.shard = np.full((count, len(self.metrics)), -1, np.int32)
        self.row = np.zeros((count, len(self.metrics)), np.int32)
        self.digest = np.zeros(count, np.uint64)
        self.done = np.zeros(count, np.bool_)

    def todo(self) -> NDArray[np.bool_]:
        """Which generations, as they are stored, are still to be scored."""
        todo: NDArray[np.bool_] = ~(self.done & (self.digest == self.generations.digest))
        return todo

    def lacks(self, answer: Answer) -> bool:
        """Whether an answer that may not be stored yet is still to be scored."""
        return not self.done[answer.number] or int(self.digest[answer.number]) != answer.digest

    def append(self, scored: Sequence[Scored]) -> None:
        """Store these as one shard."""
        rows = score_rows(
            self.name,
            self.scorer_id,
            [answer.generation for answer, _ in scored],
            [f"{answer.digest:016x}" for answer, _ in scored],
            [scores for _, scores in scored],
        )
        shard = self.generations.store.append("scores", rows)
        numbers = np.array([answer.number for answer, _ in scored])
        self.shard[numbers] = shard
        self.row[numbers] = np.arange(self.shard[numbers].size).reshape(len(numbers), -1)
        self.digest[numbers] = np.array([answer.digest for answer, _ in scored], np.uint64)
        self.done[numbers] = True

    def note(self, shard: int, table: pa.Table, retry_failed: bool) -> None:
        """Take in what a shard holds of this scorer; of what is there twice, the later counts."""
        metric = pc.index_in(table["metric"], pa.array(self.metrics)).fill_null(-1).to_numpy()
        numbers, rows = self.generations.numbers(table)
        of_it = pc.equal(table["scorer_id"], self.scorer_id).to_numpy()[rows] & (metric[rows] >= 0)
        numbers, rows = numbers[of_it], rows[of_it]
        digests = _from_hex(table["answer"])[rows]
        current = self.generations.digest[numbers]
        # Scores of the answer as it is are not given up for those of one that was lost.
        current_rows = (digests == current) | (self.digest[numbers] != current) | (current == 0)
        numbers, rows, digests = numbers[current_rows], rows[current_rows], digests[current_rows]
        self.shard[numbers, metric[rows]], self.row[numbers, metric[rows]] = shard, rows
        self.digest[numbers] = digests
        self.done[numbers] = True
        if retry_failed:
            self.done[numbers[pc.is_valid(table["error"]).to_numpy()[rows]]] = False


def stored_scores(
    generations: StoredGenerations, scorers: ScorerRegistry, retry_failed: bool
) -> dict[str, StoredScores]:
    """What is stored of each scorer; the run's folder is read once."""
    scores_by_name = {
        name: StoredScores(generations, name, scorers.identity(name), list(scorer.metrics))
        for name, scorer in scorers.items()
    }
    for shard, table in generations.store.shards("scores"):
        for scores in scores_by_name.values():
            scores.note(shard, table, retry_failed)
    return scores_by_name


def scores_of(
    scores: Sequence[StoredScores], first: int, stop: int
) -> tuple[pa.Table, NDArray[np.bool_]]:
    """The scores of some generations in order, and of which metrics of which there is one."""
    generations = scores[0].generations
    current = generations.digest[first:stop]
    present = np.concatenate(
        [(s.shard[first:stop] >= 0) & (s.digest[first:stop] == current)[:, None] for s in scores], 1
    )
    shards = np.concatenate([s.shard[first:stop] for s in scores], 1)[present]
    rows = np.concatenate([s.row[first:stop] for s in scores], 1)[present]
    return generations.store.rows("scores", shards, rows), present


def _from_hex(digests: pa.ChunkedArray) -> NDArray[np.uint64]:
    content = bytes.fromhex("".join(digests.to_pylist()))
    return np.frombuffer(content, ">u8").astype(np.uint64)
