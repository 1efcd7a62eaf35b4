"""The answers that come with a task's data, as a model's: what people wrote, in the same tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from harness.types import Generation, GenerationConfig, HarnessError, Request, Task


class ReferenceModel:
    """Answers each sample of a task with its target: a therapist's answer, a person's continuation.

    There is one a sample: any further generation fails, as does that of a sample without a target.

    Args:
        task: whose targets are given.
        name: what stands in the tables for the model.
    """

    weighs_choices = False
    device_used = None
    """None: nothing is computed."""

    def __init__(self, task: Task, name: str = "reference") -> None:
        self.task = task
        self.name = name

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """Whose references."""
        return {"backend": "reference", "weights": f"reference answers of {self.task.name}"}

    @cached_property
    def _targets(self) -> Mapping[str, str]:
        samples = self.task.samples(self.task.records())
        targets = {s.id: s.target for s in samples if s.target is not None and not s.choices}
        if not targets:
            raise HarnessError(
                f"the data of task {self.task.name!r} holds no reference answers; choose data that "
                "does, or another backend"
            )
        return targets

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """The target of each request's sample; a mitigation changes nothing of it."""
        for request in requests:
            target = self._targets.get(request.sample_id)
            reason = "the sample has no reference" if target is None else "there is one reference"
            yield [
                Generation(request.sample_id, index, target)
                if target is not None and index == 0
                else Generation.failed(request.sample_id, index, reason)
                for index in request.indices
            ]
