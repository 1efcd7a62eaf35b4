"""The task tofu: what is left of facts that a model was to forget, and of all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from harness.data import blank, name_field, read_file, read_records, text_field
from harness.statistics import BootstrapMean, HarmonicMean, Mean, SameDistribution
from harness.types import (
    Direction,
    Estimand,
    HarnessError,
    Margin,
    Message,
    Records,
    Sample,
    with_margins,
)
from tasks.families.forgetting import (
    FORGET,
    HOLDOUT,
    NO_REFERENCE,
    RETAIN,
    fold_field,
    reference_run,
    values_of,
)

DATA = Path(__file__).parent / "data"
AUTHORS, WORLD = "real_authors", "world_facts"
PARTS = (FORGET, RETAIN, HOLDOUT, AUTHORS, WORLD)
MEASURES = ("probability", "words", "truth")
"""Three ways to hold a fact: the answer is probable, it is written, it is likelier than wrong ones
in other words too."""
HELD = {"probability": "answer", "words": "words", "truth": "truth"}
WRONG = ("perturbed_answer", "perturbed_answers")
PARAPHRASE = ("paraphrased_answer",)


class Tofu:
    """Of each question the probability of its answer, what is written, and the truth ratio.

    Args:
        data: `starter`, or a file of TOFU's columns with `part`.
        world: facts that no author's forgetting should touch: `starter`, or a file likewise.
        parts: of the authors that are asked about: `forget`, `retain`, `holdout`.
        reference: folder of a finished run of this task on a checkpoint that learned all but what
            is to be forgotten; null: nothing is held against it.

    Raises:
        HarnessError: an option has no such value.
    """

    name = "tofu"
    version = "1"
    reporting = ("reference",)

    def __init__(
        self,
        data: str = "starter",
        world: str = "starter",
        parts: Sequence[str] = (FORGET, RETAIN),
        reference: str | None = None,
    ) -> None:
        if not parts or set(parts) - {FORGET, RETAIN, HOLDOUT}:
            raise HarnessError(
                f"task.parts={list(parts)} must be some of {FORGET}, {RETAIN}, {HOLDOUT}"
            )
        self.data = data
        self.world = world
        self.parts = tuple(parts)
        self.reference = reference

    @property
    def notes(self) -> Sequence[str]:
        """That nothing is held against a reference, where there is none."""
        if self.reference is not None:
            return ()
        return (NO_REFERENCE.format(what="forget quality and its p-value"),)

    @cached_property
    def estimands(self) -> Sequence[Estimand]:
        """Forget quality, model utility with its parts, and what guards them.

        Raises:
            HarnessError: the reference is no finished run of this task.
        """
        if self.reference is None:
            return estimands((), ())
        run = reference_run(self.reference, self.name)
        chosen = {"part": FORGET, "measure": "truth"}
        return estimands(*values_of(run, "truth_ratio", chosen, "author"))

    def records(self) -> Records:
        """The authors' questions and those of the world, one after the other."""
        authors = read_records(self.data, DATA / "authors.jsonl")
        world = DATA / "world.jsonl" if self.world == "starter" else Path(self.world)
        rows = [*authors.rows, *read_file(world, "task.world")]
        return Records(authors.name, rows)

    def samples(self, records: Records) -> Iterator[Sample]:
        """Three samples a question; all of an author are a cluster."""
        for number, row in enumerate(records.rows, 1):
            where = f"record {number} of {records.name!r}"
            part = text_field(row, ("part",), where)
            if part not in PARTS:
                raise HarnessError(f"{where}: part is {part!r}, none of {', '.join(PARTS)}")
            if part in (*self.parts, AUTHORS, WORLD):
                name = name_field(row, "id", str(number))
                for measure in MEASURES:
                    yield _sample(row, f"{name}-{measure}", (part, measure), where)


def _sample(row: Mapping[str, object], name: str, cell: tuple[str, str], where: str) -> Sample:
    part, measure = cell
    of_authors, answer = part in (FORGET, RETAIN, HOLDOUT), text_field(row, ("answer",), where)
    wrong = _wrong(row, where)
    known, holds = answer, HELD[measure]
    if measure == "truth" and any(not blank(row.get(column)) for column in PARAPHRASE):
        known = text_field(row, PARAPHRASE, where)
    if measure == "probability" and not of_authors:
        holds = "answer among wrong ones"
    beside = wrong if measure == "truth" or holds != "answer" else ()
    author = name_field(row, "author", name.rpartition("-")[0])
    return Sample(
        id=name,
        prompt=(Message("user", text_field(row, ("question",), where)),),
        target=answer,
        choices=() if measure == "words" else (known, *beside),
        cluster=author,
        metadata={
            "part": part,
            "measure": measure,
            "holds": holds,
            "cell": f"{part}, {measure}",
            "author": author,
            "topic": name_field(row, "topic", "not stated"),
            "fold": fold_field(row),
            "in_utility": part in (RETAIN, AUTHORS, WORLD),
        },
    )


def _wrong(row: Mapping[str, object], where: str) -> tuple[str, ...]:
    """The wrong answers of a question, one at least."""
    value = next((row[name] for name in WRONG if name in row), None)
    listed = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    texts = [text for text in listed if isinstance(text, str) and text.strip()]
    if not texts or len(texts) != len(listed):
        raise HarnessError(
            f"{where}: {WRONG[0]} is {value!r}, no list of wrong answers to weigh beside the right"
        )
    return tuple(texts)


def estimands(reference: Sequence[float], clusters: Sequence[str]) -> tuple[Estimand, ...]:
    """What is forgotten and what is kept.

    Args:
        reference: truth ratios of the reference model on what is to be forgotten; none: no value.
        clusters: the author of each.
    """
    truth = {"part": FORGET, "measure": "truth"}
    rows = [
        Estimand(
            name, "truth_ratio", SameDistribution(shown, "author", reference, clusters), where=truth
        )
        for name, shown in (("forget quality", "distance"), ("forget quality, p", "p-value"))
    ]
    utility = {"in_utility": True}
    rows.append(Estimand("model utility", "held", HarmonicMean("cell"), where=utility))
    forgotten = {
        f"{measure} of what is to be forgotten": {"part": FORGET, "measure": measure}
        for measure in MEASURES
    }
    for name, where in forgotten.items():
        lower = Direction.LOWER
        rows.append(Estimand(name, "held", Mean(), where=where, better=lower))
        rows.append(Estimand(name, "held", BootstrapMean(), where=where, better=lower))
        rows.append(Estimand(name, "held", Mean(), "fold", where, better=lower))
    rows += [
        Estimand("held", "held", Mean(), where=utility),
        Estimand("held", "held", Mean(), by="cell"),
        Estimand("coherent", "coherent", Mean(), where={"measure": "words"}),
        Estimand("coherent", "coherent", Mean(), "part", {"measure": "words"}),
    ]
    return with_margins(
        rows,
        {
            "held": Margin(0.05, "of what is to be kept, in the mean of its parts", guard=True),
            "coherent": Margin(0.05, "five answers in a hundred that nobody can read", guard=True),
        },
    )
