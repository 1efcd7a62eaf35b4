"""What several tests of tasks need."""

from functools import partial

import pytest


@pytest.fixture
def own_tasks_alone(monkeypatch):
    """lm-eval reads a test's own tasks and none of its thousands, which would take it seconds."""
    from lm_eval.tasks import TaskManager

    alone = partial(TaskManager, include_defaults=False)
    monkeypatch.setattr("lm_eval.tasks.TaskManager", alone)
