"""What repeats of a dialogue add, as estimates beside a task's own."""

from __future__ import annotations

from harness.statistics import Mean, Share, SpreadOverRepeats
from harness.types import Estimand, Task, trait


def over_repeats(task: Task, n: int) -> tuple[Estimand, ...]:
    """Of each headline mean or share of a task of dialogues how it moves over repeats.

    Args:
        task: that is asked; of one without dialogues there is nothing.
        n: generations of each sample; one says nothing of repeats.
    """
    if n < 2 or trait(task, "next_turn") is None:
        return ()
    return tuple(
        Estimand(
            f"{estimand.name}, over repeats",
            estimand.metric,
            SpreadOverRepeats(),
            where=estimand.where,
            cluster=estimand.cluster,
            given=estimand.given,
        )
        for estimand in task.estimands
        if estimand.by is None and isinstance(estimand.statistic, Mean | Share)
    )
