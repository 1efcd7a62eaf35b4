"""The protocols of what can be plugged in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from harness.types.measures import Estimand, Metric
from harness.types.records import Generation, Records, Request, Sample, Score
from harness.types.settings import GenerationConfig

if TYPE_CHECKING:
    pass


@runtime_checkable
class Task(Protocol):
    """Turns records into samples and names the estimates that its paper reports.

    It may name in `reporting` those of its options that change nothing but what is made of the
    scores, so that changing them keeps a run's answers; and in `span` the part of an answer that is
    scored: `full`, or `first_sentence`. With `whole_clusters = True` a limit is of clusters. What
    it itself says of how answers are generated stands in `settings`, by `GenerationConfig`'s names.
    What everyone who reads its numbers must know of its data stands in `notes` (see `notes_of`).
    What the values of its metadata are called in tables and figures stands in `labels`: by column
    and value, as text, a name (`{"principle": {"2": "honesty"}}`).
    """

    name: str
    version: str
    """Changes whenever the numbers of the same model would; the task card says why."""
    estimands: Sequence[Estimand]

    def records(self) -> Records:
        """Read the data.

        Raises:
            HarnessError: there is none, or it is not in the task's format.
        """
        ...

    def samples(self, records: Records) -> Iterable[Sample]:
        """Every sample of the data, each with an id of its own.

        They are walked several times rather than kept, so they are the same and in the same order
        each time; yield them one by one, and a large task needs no more memory than a small one.

        Raises:
            HarnessError: a record lacks what the task needs.
        """
        ...


@runtime_checkable
class Model(Protocol):
    """Turns requests into generations; knows neither tasks nor scorers.

    It may say where it runs, once it does, in an attribute `device_used: str | None`: as torch
    writes it, or None where it takes no device of this machine. Scorers may then use the others.
    Where it is to run, if that is known before, stands in `device` likewise: judges are asked that.
    What else a reader of `run.json` should know of how it worked stands in `told`, a mapping; what
    everyone who reads its numbers must know, in `notes` (see `notes_of`).
    """

    weighs_choices: bool
    """Whether it gives the log-probabilities of a request's choices."""

    @property
    def name(self) -> str:
        """What the user called it."""
        ...

    @property
    def identity(self) -> Mapping[str, str]:
        """All that changes what it answers: weights, dtype, chat template. Loads no weights.

        Raises:
            HarnessError: there is no such model.
        """
        ...

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Answer every index of every request, in whatever order they finish.

        What finished together comes as one list and is stored together. Whatever is asked of it,
        the same request gives the same generation. A request that cannot be answered gives
        generations with an error; an exception ends the run.
        """
        ...


@runtime_checkable
class Scorer(Protocol):
    """Gives every generation the same metrics.

    It may say what it computes on, in an attribute `device: str | None`: as torch writes it, `auto`
    where that is known only once it has loaded, or None where plain Python will do. A scorer that
    needs no device, or another than the model's, works on finished answers in a thread while the
    model generates; it meets them in whatever order they finish. One that says nothing waits.

    With `exact = True` what it reads needs no judgement that people could share or not. With
    `cheap = True` it is held against its record on the anchor texts before each run
    (`harness.drift`). `rubrics` says for a metric what people are asked who label it, and what else
    a reader of `run.json` should know of how it worked stands in `told`, a mapping; what everyone
    who reads its numbers must know, in `notes` (see `notes_of`). Metrics named in `asides` stand
    beside others and may be missing without anything being unmeasured.
    """

    metrics: Mapping[str, Metric]

    @property
    def identity(self) -> Mapping[str, str]:
        """All that changes a score: weights, prompt, threshold, parser. Loads no weights.

        What was measured of a scorer's agreement with people is kept under it.
        """
        ...

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """One list of scores (one for each metric) for each generation, in order.

        `samples[i]` is what `generations[i]` answers. Only generations without an error are given.
        What cannot be scored is `Score.missing`, never a default number.
        """
        ...


@runtime_checkable
class Mitigation(Protocol):
    """Changes how a sample is asked, to be compared with asking it plainly."""

    @property
    def identity(self) -> Mapping[str, str]:
        """All that changes the request."""
        ...

    def apply(self, request: Request) -> Request:
        """The request as it is to be asked instead."""
        ...


def notes_of(*plugins: object) -> list[str]:
    """What plugins found out about what came from outside, each note once.

    A plugin says in an attribute `notes: Sequence[str]`, in whole sentences, what it found in a
    file, a checkpoint, a template or a server that changes what its numbers mean: which column was
    read as what, a system text of the vendor's, a parameter that the server refuses. `run.json`,
    the console and the report show them.
    """
    return list(dict.fromkeys(note for one in plugins for note in getattr(one, "notes", ())))
