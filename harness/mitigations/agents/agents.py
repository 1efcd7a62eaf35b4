"""A mitigation in which several calls of a model make one answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.mitigations.agents.critique import Critique
from harness.mitigations.agents.desk import Desk, Key, grouped
from harness.mitigations.agents.filter import Filter
from harness.mitigations.answers.around import Around
from harness.mitigations.answers.calls import SHARE, calls, noting
from harness.types import (
    Generation,
    GenerationConfig,
    HarnessError,
    MethodClass,
    Metric,
    Model,
    Request,
    fingerprint,
)

SCHEMES = ("critique", "filter")
AT_ONCE = 256
"""Answers that go through the agents together; what is stored, no kill takes away."""


class Agents:
    """Has each answer read and written anew by further calls of a model.

    `critique`: a critique, and the answer without what it finds (Bai et al. 2022). `filter`: the
    agents of ALU (Sanyal and Mandal 2025): an audit for subjects that must not come up, versions
    without them, a rating of each, and one answer put together of the best, or a refusal. An answer
    of which a call fails has failed: the first answer is never given instead. Choices that are
    weighed pass.

    Args:
        scheme: `critique` or `filter`.
        agent: the model that is called; None: the one under test.
        helper_tokens: of a critique, an audit or a rating, at the most.
        targets: of `filter`, subjects that must not come up; as one text, one a line.
        variants: of `filter`, versions of an answer.
        top: of `filter`, the best of them, which are put together.
        least: of `filter`, their mean rating from 1 to 5, below which a refusal is answered.
        refusal: of `filter`, its words.
        shortlist: of `filter`, how many targets its agents are told, those that share most words
            with a request and its answer; None: all of them.
    """

    made_for: Sequence[str] = ("harm", "toxicity")

    def __init__(
        self, scheme: str = "critique", agent: Model | None = None, helper_tokens: int = 64,
        targets: Sequence[str] | str = (), variants: int = 2, top: int = 1, least: float = 3.0,
        refusal: str = "I'm sorry, but I can't help with that.", shortlist: int | None = None,
    ) -> None:  # fmt: skip
        if scheme not in SCHEMES:
            raise HarnessError(f"mitigation.scheme={scheme!r} is not one of {', '.join(SCHEMES)}")
        if helper_tokens < 1:
            raise HarnessError(f"mitigation.helper_tokens={helper_tokens} must be at least 1")
        subjects = _subjects(targets)
        if scheme == "filter" and not subjects:
            raise HarnessError("mitigation.targets is empty; name the subjects that are filtered")
        if not 1 <= top <= variants:
            raise HarnessError(
                f"mitigation.top={top} must be from 1 to mitigation.variants={variants}"
            )
        if shortlist is not None and shortlist < 1:
            raise HarnessError(f"mitigation.shortlist={shortlist} must be at least 1, or null")
        if not 1 <= least <= 5:
            raise HarnessError(f"mitigation.least={least} must be a rating from 1 to 5")
        self.scheme, self.agent, self.helper_tokens = scheme, agent, helper_tokens
        self.steps: Critique | Filter = (
            Critique()
            if scheme == "critique"
            else Filter(subjects, shortlist, variants, top, least, refusal)
        )
        self.method_class: str = MethodClass.IN_CONTEXT if scheme == "filter" else ""
        self.reports: Mapping[str, Metric] = {
            "rewritten": SHARE,
            "calls": calls(self.steps.most_calls),
        }

    @property
    def identity(self) -> Mapping[str, str]:
        """The scheme, what its agents are told, and the model that is called."""
        options: dict[str, Any] = {name: str(value) for name, value in vars(self.steps).items()}
        agent = {} if self.agent is None else dict(self.agent.identity)
        return {
            "mitigation": "agents",
            "scheme": self.scheme,
            "helper_tokens": str(self.helper_tokens),
            "told": fingerprint(dict(self.steps.words)),
            **options,
            **{f"agent.{name}": value for name, value in agent.items()},
        }

    def wrap(self, model: Model) -> Model:
        """The model with agents behind it."""
        return _Worked(self, model)


def _subjects(targets: Sequence[str] | str) -> tuple[str, ...]:
    """The targets, each once; blank ones are none."""
    listed = targets.splitlines() if isinstance(targets, str) else targets
    return tuple(dict.fromkeys(filter(None, (target.strip() for target in listed))))


class _Worked(Around):
    """Answers as a model does, each answer having gone through the agents."""

    def __init__(self, agents: Agents, model: Model) -> None:
        super().__init__(model)
        self.agents = agents

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Choices as they are weighed; texts a group at a time, once all its agents are done."""
        weighed = [request for request in requests if request.choices]
        for answers in self.model.generate(weighed, generation, seed) if weighed else ():
            yield [noting(answer, [answer], {"rewritten": 0.0}) for answer in answers]
        written = [request for request in requests if not request.choices]
        for group in grouped(written, AT_ONCE):
            yield from self._worked(group, generation, seed)

    def _worked(
        self, group: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """The answers of one group of requests."""
        prompts = {(r.sample_id, index): r.prompt for r in group for index in r.indices}
        first: dict[Key, Generation] = {}
        for answers in self.model.generate(group, generation, seed):
            first |= {(answer.sample_id, answer.index): answer for answer in answers}
        desk = Desk(
            self.agents.agent or self.model, generation, seed,
            fingerprint(self.agents.identity), self.agents.helper_tokens,
        )  # fmt: skip
        texts = {
            key: answer
            for key, answer in first.items()
            if answer.text is not None and answer.finish_reason != "filtered"
        }
        rewritten = self.agents.steps.answers(desk, prompts, texts)
        yield [
            self._answer(answer, rewritten.get(key, answer), desk.calls.get(key, []))
            for key, answer in first.items()
        ]

    def _answer(
        self, first: Generation, other: Generation, calls: Sequence[Generation]
    ) -> Generation:
        """What is answered, with the calls that it took."""
        if other.error is not None and other is not first:
            reason = f"a call of an agent failed: {other.error}"
            other = Generation.failed(first.sample_id, first.index, reason)
        answer = replace(other, sample_id=first.sample_id, index=first.index)
        return noting(answer, [first, *calls], {"rewritten": float(other is not first)})
