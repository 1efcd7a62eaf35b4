"""The records that flow through a run and the protocols of what can be plugged into it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Labels = Sequence[str] | NDArray[np.int64] | NDArray[np.uint64]
    """Which sample or cluster each value is of, by name or by number."""

Metadata = Mapping[str, str | int | float | bool | None]
"""Columns that describe a sample: principle, competency, demographic factors ..."""


class HarnessError(Exception):
    """Something a user can put right; the message is one sentence that says how."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str
    after_vendor: bool = False
    """Of a system message that comes first: it stands after the text that a chat template writes
    where there is none, instead of in its place."""


Prompt = str | tuple[Message, ...]
"""A string is continued as it stands; messages go through the model's chat template.

Where the last message is the assistant's, the model continues that message.
"""


Rules = Literal["harness", "lm_eval"]
"""Whose rules make tokens of a prompt and its choices: ours, or those of lm-eval's models.

They differ where the prompt ends in white space, where a choice grows together with it, and in when
special tokens are added (`harness.models.encoder`).
"""


def asked(prompt: Prompt) -> str:
    """What the user said last, or the text that is to be continued."""
    if isinstance(prompt, str):
        return prompt
    return next((message.content for message in reversed(prompt) if message.role == "user"), "")


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a task."""

    id: str
    """Never changes, whatever else is added to the task's data."""
    prompt: Prompt
    target: str | None = None
    """The right answer, where there is one."""
    choices: tuple[str, ...] = ()
    """Continuations to weigh; empty where the model is to write its answer."""
    leads: tuple[str, ...] = ()
    """Of each choice the text that it continues, where that is not the prompt."""
    cluster: str | None = None
    """Samples of one cluster are not independent of each other; None: the sample is its own."""
    metadata: Metadata = field(default_factory=dict)
    encoded_as: Rules = "harness"


@dataclass(frozen=True, slots=True)
class Request:
    """A sample as the model is asked it, after any mitigation."""

    sample_id: str
    prompt: Prompt
    indices: tuple[int, ...] = (0,)
    """Which generations to make: sampling noise is keyed by (seed, sample_id, index)."""
    choices: tuple[str, ...] = ()
    """Where given, nothing is written: the log-probability of each choice is taken instead."""
    encoded_as: Rules = "harness"


@dataclass(frozen=True, slots=True)
class Generation:
    """What came back for one index of one request."""

    sample_id: str
    index: int
    text: str | None = None
    """None where nothing could be had (see `error`) or where choices were weighed."""
    finish_reason: Literal["stop", "length", "choices", "filtered", "unknown", "error"] = "stop"
    """`filtered`: a filter of the server's withheld the answer, or the rest of it. `unknown`: the
    backend does not say why the answer ends."""
    prompt_tokens: int = 0
    tokens: int = 0
    choice_logprobs: tuple[float, ...] | None = None
    """Natural logarithm of the probability of each choice's continuation, in order."""
    error: str | None = None
    """Why there is no text; never set together with one."""
    thinking: str | None = None
    """What a reasoning model wrote before its answer; `text` is without it."""
    choice_greedy: tuple[bool, ...] | None = None
    """Of each choice whether greedy decoding would write it; None where that is not known."""
    opened: str | None = None
    """The start mark of thinking that the rendered prompt ends with; not stored."""

    @classmethod
    def failed(cls, sample_id: str, index: int, error: str) -> Generation:
        """A generation that could not be had, which keeps its row."""
        return cls(sample_id, index, finish_reason="error", error=error)


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one generation."""

    metric: str
    value: float | None
    """None where it could not be had; then `error` says why."""
    error: str | None = None
    explanation: str | None = None
    """What the scorer saw: a judge's words, the probabilities of a verdict, a matched sentence."""

    @classmethod
    def missing(cls, metric: str, error: str, explanation: str | None = None) -> Score:
        """A score that could not be had, which keeps its row."""
        return cls(metric, None, error, explanation)


class Direction(Enum):
    """Which end of a metric is the good one."""

    LOWER = "lower"
    HIGHER = "higher"
    ZERO = "zero"
    """Of a difference: the nearer to none the better. No metric's own."""
    NEITHER = "neither"
    """Of what describes and has no good end. No metric's own."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What a column of scores means: its range and its good end."""

    low: float
    high: float
    better: Direction

    def worst(self) -> float:
        """The end of the range that a missing value is assumed to have in the worst case."""
        return self.high if self.better is Direction.LOWER else self.low

    def best(self) -> float:
        """The end of the range that a missing value is assumed to have in the best case."""
        return self.low if self.better is Direction.LOWER else self.high


class Statistic(Protocol):
    """Turns one metric's values into an estimate with its uncertainty."""

    @property
    def name(self) -> str:
        """What the column `statistic` says: `mean`, `share >= 4` ..."""
        ...

    # One with `explained = True` is given the explanations of the scores instead of their values.

    def estimate(
        self,
        values: NDArray[np.float64],
        samples: Labels,
        clusters: Labels,
        metric: Metric,
    ) -> Estimate:
        """Estimate from `values` (NaN: missing), each of a sample, each sample of a cluster."""
        ...


@runtime_checkable
class Comparison(Protocol):
    """Sets a metric's values against facts about their samples: several estimates at once."""

    @property
    def name(self) -> str:
        """What the column `statistic` says: `difference from white` ..."""
        ...

    @property
    def by(self) -> str:
        """What the column `by` says that the estimates are of."""
        ...

    @property
    def fields(self) -> Sequence[str]:
        """The metadata that it reads."""
        ...

    @property
    def better(self) -> Direction | None:
        """The good end of its estimates; None: the metric's."""
        ...

    def compare(
        self,
        values: NDArray[np.float64],
        facts: Mapping[str, Sequence[object]],
        clusters: Labels,
        metric: Metric,
    ) -> Mapping[str, Estimate]:
        """By name what is estimated from `values`, a row a sample (NaN: missing).

        `facts` and `clusters` have an item for each row.
        """
        ...


@dataclass(frozen=True, slots=True)
class Estimand:
    """A number that a task's paper reports: which metric, which statistic, over which samples."""

    name: str
    """What the row is called: `harmfulness`, `benign refused` ..."""
    metric: str
    statistic: Statistic | Comparison
    by: str | None = None
    """A metadata column: one row for each of its values; None: one row over all samples. Not with a
    comparison, which says itself what its rows are."""
    where: Metadata = field(default_factory=dict)
    """Only samples whose metadata has these values."""
    better: Direction | None = None
    """Where the good end differs from the metric's own; None: as the metric says."""
    cluster: str = "cluster"
    """The unit that is independent: the samples' `cluster`, each `sample`, or a metadata column."""
    given: Mapping[str, float] = field(default_factory=dict)
    """Only generations of which other metrics have these values, of an answer that is no refusal
    say; where such a metric is missing, this one counts as missing. Not with a comparison."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimand's value with its uncertainty; None where there was nothing to take it from."""

    estimate: float | None
    stderr: float | None
    low: float | None
    """Lower end of the 95 % interval."""
    high: float | None
    """Upper end of the 95 % interval."""
    worst: float | None
    """The estimate if all that is missing had the metric's worst value."""
    best: float | None
    """The estimate if all that is missing had the metric's best value."""
    n: int
    """Scores that there should be."""
    n_scored: int
    n_failed: int
    clusters: int


@dataclass(frozen=True)
class GenerationConfig:
    """How answers are generated; part of a run's identity.

    Raises:
        HarnessError: a value is outside its range.
    """

    n: int = 1
    """Generations a sample."""
    max_new_tokens: int = 256
    min_new_tokens: int = 0
    temperature: float = 0.0
    """0: the most probable token each time (greedy)."""
    top_p: float = 1.0
    """Nucleus: the smallest set of tokens that holds this probability; 1: all of them."""
    top_k: int = 0
    """Only the k most probable tokens; 0: all of them."""
    stop: list[str] = field(default_factory=list)
    """Strings that end an answer, and are cut from it."""

    def __post_init__(self) -> None:
        rules = (
            ("n", self.n >= 1, "at least 1"),
            ("max_new_tokens", self.max_new_tokens >= 1, "at least 1"),
            (
                "min_new_tokens",
                0 <= self.min_new_tokens <= self.max_new_tokens,
                "from 0 to max_new_tokens",
            ),
            (
                "temperature",
                self.temperature == 0 or 0.01 <= self.temperature <= 100,
                "0 (greedy), or from 0.01 to 100",
            ),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("top_k", self.top_k >= 0, "at least 0"),
            ("stop", all(self.stop), "a list of non-empty strings"),
        )
        for name, holds, rule in rules:
            if not holds:
                raise HarnessError(f"generation.{name}={getattr(self, name)!r} must be {rule}")


@dataclass(frozen=True, slots=True)
class Records:
    """A task's data as it was published or written, before it becomes samples."""

    name: str
    """`starter`, `hub`, or the name of the user's file."""
    rows: Sequence[Mapping[str, object]]
    digest: str = field(init=False)
    """SHA-256 of the rows as canonical JSON, whatever the format of the file they came in."""

    def __post_init__(self) -> None:
        digest, encoder = hashlib.sha256(), json.JSONEncoder(sort_keys=True, default=str)
        for row in self.rows:
            digest.update(encoder.encode(row).encode() + b"\n")
        object.__setattr__(self, "digest", digest.hexdigest())


@runtime_checkable
class Task(Protocol):
    """Turns records into samples and names the estimates that its paper reports.

    It may name in `reporting` those of its options that change nothing but what is made of the
    scores, so that changing them keeps a run's answers; and in `span` the part of an answer that is
    scored: `full`, or `first_sentence`. With `whole_clusters = True` a limit is of clusters. What
    it itself says of how answers are generated stands in `settings`, by `GenerationConfig`'s names.
    What everyone who reads its numbers must know of its data stands in `notes` (see `notes_of`).
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
