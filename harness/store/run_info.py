"""What `run.json` holds, by name and with its meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from harness.types import (
    Direction,
    HarnessError,
    Metric,
    Unreadable,
    fingerprint,
    weights_of,
)


@dataclass(frozen=True)
class RunInfo:
    """All that `run.json` says of a run; what an earlier version did not write has its default."""

    status: str
    """`running`, `interrupted` or `complete`."""
    identity: Mapping[str, Any]
    """All that changes a generation: `task`, `task_version`, `options`, `data`, `data_sha256`,
    `samples_sha256`, `protocol`, `model`, `generation`, `mitigation`, `seed`, and `thinking` where
    its marks differ from the model's own."""
    groups: str = ""
    """Fingerprint of the samples' clusters and metadata."""
    model: str = ""
    """The model's name."""
    mitigation: str = "none"
    """The mitigation's name."""
    made_for: Sequence[str] = ()
    """What the mitigation is meant to change, as it says."""
    method_class: str = ""
    """What the mitigation is in the survey of unlearning; empty: outside of it."""
    scorers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The identity of each scorer."""
    scorer_ids: Mapping[str, str] = field(default_factory=dict)
    """The name and fingerprint of each scorer, as tables have it."""
    validity: Mapping[str, str] = field(default_factory=dict)
    """For each metric how far it agrees with people, in words."""
    metrics: Mapping[str, Mapping[str, Any]] | None = None
    """For each metric `low`, `high`, `better`, `aside` where it is no headline, `so_far` where it
    holds for a conversation up to an answer, and `nothing_where`, the metric whose 0 says that
    there is nothing for it to measure; None where an earlier version did not say."""
    rubrics: Mapping[str, str] | None = None
    """For each metric that is judged by one the rubric, as a person is told it; None where an
    earlier version did not say."""
    estimands: Sequence[Mapping[str, Any]] | None = None
    """What the task estimates, as `as_record` writes it; None where an earlier version did not
    say."""
    agreement: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """For each metric how well its scorer agrees with people: a `grade` and a short `phrase`."""
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By metadata column and value the name that tables and figures show."""
    not_computed: Sequence[str] = ()
    """Names of estimates whose metric no scorer gives."""
    statistics: str = ""
    """Version of the statistics."""
    limit: int | None = None
    """Samples that were asked for; None is all."""
    balanced: bool = False
    """Whether the limit took the task's strata in turn, as an early stop of the gate does."""
    samples: int = 0
    dialogues: bool = False
    """Whether some samples ask what depends on the answers before them: `samples.parquet` then has
    what their first generations were asked."""
    sessions: Sequence[Mapping[str, Any]] = ()
    """Of each call of the command when it `started`, with which `versions` on which `machine`, its
    whole `config`, and what generating and scoring took."""
    notes: Sequence[str] = ()
    """What plugins found out about what came from outside, in whole sentences."""
    first_prompt: Mapping[str, Any] | None = None
    """The first prompt as the model was given it."""
    generations: int = 0
    generations_failed: int = 0
    """Generations that are an error instead of an answer."""
    generations_cut: int = 0
    """Generations that ended at max_new_tokens."""
    generations_filtered: int = 0
    """Generations that the model's server withheld."""
    generations_empty: int = 0
    tokens: int = 0
    """Tokens of all answers."""
    unmeasured: float = 0.0
    """The largest share, from 0 to 1, that is missing of any metric or headline estimate."""
    missing: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)
    """For each metric that lacks scores the commonest reasons, each with its count."""
    languages: Mapping[str, int] = field(default_factory=dict)
    """By ISO 639-1 code how many answers are in a language; the empty code: it was not told."""
    unread: Mapping[str, int] = field(default_factory=dict)
    """By scorer, or by metric where its metrics differ, how many answers have no score, since their
    language is not read."""
    unproven: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By metric the codes of languages in which answers are scored, while its scorer's agreement
    with people was measured in others alone."""

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> RunInfo:
        """Read what `run.json` holds; keys of a later version are passed over.

        Raises:
            Unreadable: a key that every version writes is absent, or one is of another kind.
        """
        values = {}
        for known in fields(cls):
            if known.name in record:
                values[known.name] = record[known.name]
                kind = _kind(known.default, known.default_factory)
                if kind and not isinstance(values[known.name], kind):
                    raise Unreadable(f"run.json says {known.name}={values[known.name]!r}")
        if not isinstance(values.get("identity"), dict) or "status" not in values:
            raise Unreadable("run.json lacks `status` or `identity`")
        return cls(**values)

    def meaning(self, metric: str) -> Metric | None:
        """Range and good end of a metric; None where they are not known."""
        known = (self.metrics or {}).get(metric)
        if known is None:
            return None
        return Metric(known["low"], known["high"], Direction(known["better"]))

    def nothing_where(self, metric: str) -> str | None:
        """The metric whose 0 says that an answer holds nothing for this one to measure."""
        empty = (self.metrics or {}).get(metric, {}).get("nothing_where")
        return None if empty is None else str(empty)

    @property
    def unlike_histories(self) -> bool:
        """Whether answers to one sample answer different conversations: repeats of dialogues."""
        return self.dialogues and self.identity.get("generation", {}).get("n", 1) > 1

    def check_one_history(self, folder: str) -> None:
        """Refuse a run whose answers to one sample answer different conversations.

        Raises:
            HarnessError: it is of dialogues, with several generations.
        """
        if self.unlike_histories:
            raise HarnessError(
                f"{folder}: the generations of a turn answer conversations of their own, of which "
                "samples.parquet has the first; make a run with generation.n=1"
            )

    @property
    def person(self) -> str:
        """The model in the person's part, as rows have it; `none`: the task speaks for them."""
        identity = self.identity.get("person")
        return f"{identity['name']}@{fingerprint(identity)}" if identity else "none"

    def judges_itself(self, scorer: str) -> bool:
        """Whether the judge of a scorer, by its name, has the weights of the model under test."""
        judge = self.scorers.get(scorer, {}).get("judge_weights")
        return judge is not None and judge == weights_of(self.identity["model"])


def _kind(default: object, factory: object) -> type | tuple[type, ...] | None:
    """What JSON has for a value with this default; None where it may be anything."""
    if factory is not MISSING:
        return dict
    if isinstance(default, tuple):
        return list
    return type(default) if isinstance(default, int) and not isinstance(default, bool) else None
