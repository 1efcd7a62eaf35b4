"""Answers that are there already, as a task and a model: what is scored is a run like any other."""

from harness.answers.files import of_file
from harness.answers.runs import of_run
from harness.answers.stored import AnswersTask, Stored, StoredModel

__all__ = ["AnswersTask", "Stored", "StoredModel", "of_file", "of_run"]
