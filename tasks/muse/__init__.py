"""The task muse: what is left of texts that a model was to forget, seen in six ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from harness.data import blank, name_field, read_file, read_records, text_field, truth_field
from harness.statistics import (
    AREAS,
    Area,
    BootstrapMean,
    Mean,
    PrivacyLeakage,
    SurpriseArea,
)
from harness.types import (
    Direction,
    Estimand,
    HarnessError,
    Margin,
    Metadata,
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
    part_field,
    reference_run,
)

DATA = Path(__file__).parent / "data"
ASK = ("verbatim", "knowledge", "privacy")
SHOTS = 10
BEGINNING = 0.5
"""Of a text's words, which are shown where it is to be continued."""
DEFAULT_AREA = 0.5
"""Of a reference model, where open-unlearning is given none: it cannot tell the parts apart."""
PRIVACY, AREA = {"asked": "privacy"}, "privacy: AUC"


class Muse:
    """Texts to be continued, questions about them, and how surprising they are beside others.

    Args:
        data: `starter`, or a file of `text`, `question` with `answer`, or `prompt` with `gt`, each
            with `part`; questions with `shown` are examples in prompts.
        ask: some of `verbatim`, `knowledge` and `privacy`.
        reference: folder of a finished run of this task on a checkpoint that learned all but what
            is to be forgotten, or its AUC as a number; null: nothing is held against it.
        area: whose AUC is meant, by a number and in tables: `muse` (near 0 where texts are
            remembered) or `open_unlearning` (near 1; its reference is .5 where none is given).
        target_words: of a text that is to be continued, which are compared.

    Raises:
        HarnessError: an option has no such value.
    """

    name = "muse"
    version = "1"
    reporting = ("reference", "area")

    def __init__(
        self,
        data: str = "starter",
        ask: Sequence[str] = ASK,
        reference: str | float | None = None,
        area: str = "muse",
        target_words: int = 100,
    ) -> None:
        if not ask or set(ask) - set(ASK):
            raise HarnessError(f"task.ask={list(ask)} must be some of {', '.join(ASK)}")
        if area not in AREAS:
            raise HarnessError(f"task.area={area!r} is not one of {', '.join(AREAS)}")
        if isinstance(reference, int | float) and not 0 < reference < 1:
            raise HarnessError(f"task.reference={reference} must be an AUC between 0 and 1")
        if target_words < 1:
            raise HarnessError(f"task.target_words={target_words} must be at least 1")
        self.data = data
        self.ask = tuple(ask)
        self.reference = reference
        self.area = area
        self.target_words = target_words

    @property
    def notes(self) -> Sequence[str]:
        """That nothing is held against a reference, where there is none."""
        if self.reference is not None or self.area == "open_unlearning":
            return ()
        return (NO_REFERENCE.format(what="figures of privacy leakage"),)

    @cached_property
    def estimands(self) -> Sequence[Estimand]:
        """Memorisation, privacy, utility, and what guards them.

        Raises:
            HarnessError: the reference is no finished run of this task.
        """
        return estimands(self.area, self._reference_area())

    def _reference_area(self) -> Area | None:
        """The AUC of the reference, in the sense of `muse`."""
        reference = self.reference
        if reference is None and self.area == "open_unlearning":
            reference = DEFAULT_AREA
        if reference is None:
            return None
        if isinstance(reference, int | float):
            area = Area(reference, reference, reference)
            return area if self.area == "muse" else area.turned()
        run = reference_run(reference, self.name)
        rows = [row for row in run.rows if row["name"] == AREA and row["estimate"] is not None]
        if not rows:
            raise HarnessError(f"task.reference={reference!r} has no AUC; ask it for privacy, too")
        area = Area(*(float(rows[0][end]) for end in ("estimate", "low", "high")))
        return area if rows[0]["statistic"] == SurpriseArea().name else area.turned()

    def records(self) -> Records:
        """The newspaper and its questions, or the user's file."""
        records = read_records(self.data, DATA / "news.jsonl")
        if self.data != "starter":
            return records
        return Records(records.name, [*records.rows, *read_file(DATA / "questions.jsonl")])

    def samples(self, records: Records) -> Iterator[Sample]:
        """What is to be continued, answered and weighed; all of a text are a cluster."""
        examples = self._examples(records)
        for number, row in enumerate(records.rows, 1):
            where = f"record {number} of {records.name!r}"
            part, name = part_field(row, where), name_field(row, "id", str(number))
            about = {"part": part, "fold": fold_field(row)}
            cluster = name_field(row, "item", name)
            if not blank(row.get("question")):
                if "knowledge" in self.ask and part != HOLDOUT and not _shown(row, where):
                    yield _asked(row, f"{name}-knowledge", about, cluster, examples, where)
                continue
            if "verbatim" in self.ask and part == FORGET:
                yield self._continued(row, f"{name}-verbatim", about, cluster, where)
            if "privacy" in self.ask and part != RETAIN and not blank(row.get("text")):
                yield Sample(
                    f"{name}-privacy", "", choices=(text_field(row, ("text",), where),),
                    cluster=cluster, metadata={**about, "asked": "privacy", "written": False},
                )  # fmt: skip

    def _continued(
        self, row: Mapping[str, object], name: str, about: Metadata, cluster: str, where: str
    ) -> Sample:
        """A text whose beginning is shown."""
        if blank(row.get("prompt")):
            words = text_field(row, ("text",), where).split(" ")
            begun_words = max(1, int(len(words) * BEGINNING))
            begun, continuation = " ".join(words[:begun_words]), " ".join(words[begun_words:])
        else:
            begun, continuation = (
                text_field(row, ("prompt",), where),
                text_field(row, ("gt",), where),
            )
        target = " ".join(continuation.split()[: self.target_words])
        metadata = {**about, "asked": "verbatim", "written": True}
        return Sample(name, begun, target=target, cluster=cluster, metadata=metadata)

    def _examples(self, records: Records) -> str:
        """Questions with their answers, as they stand before each question."""
        examples = [
            _worded(row, f"{text_field(row, ('answer',), 'an example')}\n\n")
            for row in records.rows
            if not blank(row.get("question")) and _shown(row, "an example")
        ]
        asked = any(not blank(row.get("question")) for row in records.rows)
        if asked and len(examples) < SHOTS and "knowledge" in self.ask:
            raise HarnessError(
                f"task.data={self.data!r} has {len(examples)} questions with shown=true, and "
                f"{SHOTS} are needed as examples in prompts"
            )
        return "".join(examples[:SHOTS])


def _shown(row: Mapping[str, object], where: str) -> bool:
    return not blank(row.get("shown")) and bool(truth_field(row, "shown", where))


def _worded(row: Mapping[str, object], answer: str) -> str:
    question = text_field(row, ("question",), "a question")
    return f"Question: {question}\nAnswer:{f' {answer}' if answer else ''}"


def _asked(
    row: Mapping[str, object], name: str, about: Metadata, cluster: str, examples: str, where: str
) -> Sample:
    """A question after the examples."""
    return Sample(
        name, examples + _worded(row, ""), target=text_field(row, ("answer",), where),
        cluster=cluster,
        metadata={**about, "asked": "knowledge", "cut": "answer", "written": True},
    )  # fmt: skip


def estimands(area: str, reference: Area | None) -> tuple[Estimand, ...]:
    """The criteria that one checkpoint has, each mean with the paper's interval beside ours."""
    lower, rows = Direction.LOWER, []
    memory = {
        "verbatim memorisation": ({"asked": "verbatim"}, lower),
        "knowledge memorisation": ({"asked": "knowledge", "part": FORGET}, lower),
        "utility": ({"asked": "knowledge", "part": RETAIN}, None),
    }
    for name, (where, better) in memory.items():
        for statistic in (Mean(), BootstrapMean()):
            rows.append(Estimand(name, "recall_f1", statistic, where=where, better=better))
        if better is lower:
            rows.append(Estimand(name, "recall_f1", Mean(), "fold", where, better))
    rows += [
        Estimand(AREA, "min_k", SurpriseArea(area), where=PRIVACY),
        Estimand("privacy leakage", "min_k", PrivacyLeakage(reference), where=PRIVACY),
        Estimand("surprise", "min_k", Mean(), "part", PRIVACY),
        Estimand("coherent", "coherent", Mean(), where={"written": True}),
        Estimand("coherent", "coherent", Mean(), "asked", {"written": True}),
    ]
    return with_margins(
        rows,
        {
            "utility": Margin(0.05, "of the words of answers that are to be kept", guard=True),
            "coherent": Margin(0.05, "five answers in a hundred that nobody can read", guard=True),
        },
    )
