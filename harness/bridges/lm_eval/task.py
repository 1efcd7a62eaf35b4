"""Any task of lm-eval's, with its own documents, prompts and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.bridges.lm_eval.documents import documents
from harness.types import Estimand, HarnessError, Records, Sample


class LmEvalTask:
    """A task that lm-eval has, or that its YAML in `include_path` describes.

    Args:
        name: of the task or of a group of tasks.
        include_path: a folder of YAML of one's own, as lm-eval's `--include_path`.
        data: a file, or a folder with a file for each split, instead of the task's hub address.
        num_fewshot: examples before each question; None: what the task says.
        chat: ask in messages, as lm-eval's `--apply_chat_template --fewshot_as_multiturn`.
        bootstrap: resamples for the intervals of what is no mean; 0: none.
    """

    reporting = ("bootstrap",)

    def __init__(
        self,
        name: str,
        include_path: str | None = None,
        data: str | None = None,
        num_fewshot: int | None = None,
        chat: bool = False,
        bootstrap: int = 100,
    ) -> None:
        if num_fewshot is not None and num_fewshot < 0:
            raise HarnessError(f"task.num_fewshot={num_fewshot} must be at least 0")
        if bootstrap < 0:
            raise HarnessError(f"task.bootstrap={bootstrap} must be at least 0")
        self.name = f"lm_eval-{name}"
        self.data = data
        self.documents = documents(name, include_path, data, num_fewshot, chat)
        self.version = self.documents.version
        self.estimands: Sequence[Estimand] = self.documents.estimands(bootstrap)

    @property
    def notes(self) -> Sequence[str]:
        """What was found out about the data."""
        return self.documents.notes

    @property
    def settings(self) -> Mapping[str, Any]:
        """How lm-eval has the task's answers generated; what the command line says goes first."""
        return self.documents.settings

    def records(self) -> Records:
        """lm-eval's documents."""
        return Records("hub" if self.data is None else "file", self.documents.rows())

    def samples(self, records: Records) -> Iterator[Sample]:
        """One sample a document."""
        return self.documents.samples()
