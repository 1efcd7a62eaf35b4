"""A system text that a task is asked under, which is a setting of the run and no mitigation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from harness.types import HarnessError, Message, Prompt, Records, Sample, Task


class UnderSystem:
    """A task whose every sample has a system text in front; all else is the task's.

    A system message of the task's own stands after it, in the same turn.

    Args:
        task: that is asked.
        text: of the system message.

    Raises:
        HarnessError: the text is empty.
    """

    def __init__(self, task: Task, text: str) -> None:
        if not text.strip():
            raise HarnessError("system= is empty; say how the model is to behave, or leave it away")
        self._task = task
        self._text = text
        self.name = task.name
        self.version = task.version
        self.estimands = task.estimands

    def records(self) -> Records:
        """The task's."""
        return self._task.records()

    def samples(self, records: Records) -> Iterator[Sample]:
        """The task's, each under the text.

        Raises:
            HarnessError: a sample is a text that is to be continued.
        """
        for sample in self._task.samples(records):
            yield replace(sample, prompt=self._under(sample.prompt))

    def __getattr__(self, name: str) -> Any:
        """Whatever else the task says of itself."""
        return getattr(self._task, name)

    def _under(self, prompt: Prompt) -> Prompt:
        if isinstance(prompt, str):
            raise HarnessError(
                f"system= is for tasks that ask in messages, and {self.name!r} has texts that are "
                "to be continued; mitigation=system_prompt puts a text in front of them"
            )
        first, *messages = prompt
        if first.role == "system":
            return (Message("system", f"{self._text}\n\n{first.content}"), *messages)
        return (Message("system", self._text), *prompt)
