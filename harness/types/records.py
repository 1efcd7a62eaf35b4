"""The records that flow through a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    pass


Metadata = Mapping[str, str | int | float | bool | None]
"""Columns that describe a sample: principle, competency, demographic factors ..."""


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
special tokens are added (`harness.models.hf.prompt_encoder`).
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
    after: str | None = None
    """The sample whose answer comes before this one in their dialogue. What this one asks is then
    known only once that is answered: the task's trait `next_turn` says it."""


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
    after: str | None = None
    """The sample whose prompt and answer stand at the beginning of this prompt; None: none does."""
    open: bool = False
    """Whether another request will come after this one, for which a model may hold what it has
    computed. It changes no answer."""


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
    choice_floor: float | None = None
    """Natural logarithm of the most that a choice can have whose weight is minus infinity: of the
    likeliest tokens the least likely that was listed. None: nothing is left unlisted."""
    noted: Mapping[str, float] | None = None
    """What a mitigation counted of how the answer came about: `calls`, `call_tokens`, whether it
    was `replaced`; None where none counts."""
    language: str | None = None
    """ISO 639-1 code of the language that the text is in; None: too short to tell, not sure, or
    nothing told it."""
    language_confidence: float | None = None
    """Probability of its likeliest language, from 0 to 1, also where none is named."""
    opened: str | None = None
    """The start mark of thinking that the rendered prompt ends with; not stored."""
    choice_steps: tuple[tuple[float, ...], ...] | None = field(default=None, compare=False)
    """Of each choice the natural logarithm of the probability of each of its tokens, in order; None
    where the backend does not say."""

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
    at_least: float | None = None
    """Where there is no value: what it is not below. Statistics with the trait `bounded` use it."""
    at_most: float | None = None
    """Likewise: what it is not above."""

    @classmethod
    def missing(cls, metric: str, error: str, explanation: str | None = None) -> Score:
        """A score that could not be had, which keeps its row."""
        return cls(metric, None, error, explanation)

    @property
    def bounds(self) -> tuple[float, ...]:
        """What is known of a missing value, the lower first."""
        return tuple(bound for bound in (self.at_least, self.at_most) if bound is not None)


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
