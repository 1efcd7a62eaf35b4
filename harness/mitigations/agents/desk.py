"""Asks a model on behalf of answers, several at once, and counts what each of them took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.types import Generation, GenerationConfig, HarnessError, Message, Model, Request

Key = tuple[str, int]
"""An answer: its sample's id and its index."""


@dataclass
class Desk:
    """Calls of a model, of the answers of one group of requests."""

    agent: Model
    generation: GenerationConfig
    """As the answers are generated."""
    seed: int
    tag: str
    """Tells the calls of one mitigation from those of another, and so their noise."""
    helper_tokens: int
    """Of what is written about an answer, at the most."""
    calls: dict[Key, list[Generation]] = field(default_factory=dict)
    """All that was asked for each answer."""

    def write(self, stage: str, prompts: Mapping[Key, str]) -> dict[Key, Generation]:
        """Texts that stand in an answer's place, drawn as answers are."""
        return self._ask(stage, prompts, self.generation)

    def judge(self, stage: str, prompts: Mapping[Key, str]) -> dict[Key, Generation]:
        """Words about answers, of which the most probable are taken."""
        settings = replace(
            self.generation,
            max_new_tokens=self.helper_tokens,
            min_new_tokens=0,
            temperature=0.0,
            top_p=1.0,
            top_k=0,
            stop=[],
        )
        return self._ask(stage, prompts, settings)

    def _ask(
        self, stage: str, prompts: Mapping[Key, str], settings: GenerationConfig
    ) -> dict[Key, Generation]:
        """One answer to each prompt.

        Raises:
            HarnessError: the model left one unanswered.
        """
        keys = {f"{name}\x1e{self.tag}-{stage}-{index}": (name, index) for name, index in prompts}
        requests = [Request(name, (Message("user", prompts[key]),)) for name, key in keys.items()]
        answers: dict[Key, Generation] = {}
        for part in self.agent.generate(requests, settings, self.seed) if requests else ():
            for answer in part:
                key = keys[answer.sample_id]
                answers[key] = answer
                self.calls.setdefault(key, []).append(answer)
        if lacking := prompts.keys() - answers.keys():
            raise HarnessError(f"the model gave no answer for {len(lacking)} calls of agents")
        return answers


def grouped(requests: Sequence[Request], most: int) -> Iterator[list[Request]]:
    """The requests in groups of so many answers, or one request."""
    group: list[Request] = []
    for request in requests:
        if group and sum(len(queued.indices) for queued in (*group, request)) > most:
            yield group
            group = []
        group.append(request)
    if group:
        yield group
