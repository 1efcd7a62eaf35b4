"""The protocols of what can be plugged in: what is required of each.

What a plugin may say beside that stands in `harness.types.traits.TRAITS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from harness.types.measures import Estimand, Metric
from harness.types.records import Generation, Records, Request, Sample, Score
from harness.types.settings import GenerationConfig


@runtime_checkable
class Task(Protocol):
    """Turns records into samples and names the estimates that its paper reports."""

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
    """Turns requests into generations; knows neither tasks nor scorers."""

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
class Person(Protocol):
    """Speaks for the person in dialogues, by what a task says that the person is."""

    @property
    def name(self) -> str:
        """What the user called it."""
        ...

    @property
    def identity(self) -> Mapping[str, str]:
        """All that changes what it says. Loads no weights."""
        ...

    def speak(self, requests: Sequence[Request], seed: int) -> Iterator[list[Generation]]:
        """What the person says next, for every index of every request, in whatever order."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """Gives every generation the same metrics."""

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
    """Changes how a model answers, to be compared with the model as it is.

    It acts by at least one of these methods: `apply` changes the request (`ChangesRequest`), `wrap`
    puts a model around the model (`WrapsModel`), and `change_logits`, `change_states` and
    `change_weights` act inside it, where the backend has hooks (harness/models/hf/hooks.py).
    """

    @property
    def identity(self) -> Mapping[str, str]:
        """All that changes an answer; stands beside the bare model's in a run's identity."""
        ...
