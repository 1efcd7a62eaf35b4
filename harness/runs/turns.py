"""Which samples may be turns of a dialogue."""

from __future__ import annotations

from harness.types import HarnessError, Sample, Task, trait


def check_turn(task: Task, sample: Sample, before: Sample | None) -> None:
    """Refuse a sample that comes after another and cannot be asked so.

    Raises:
        HarnessError: it comes after another than the sample before it, which is of its cluster, or
            the task does not say what it then asks, or may be cut within a dialogue.
    """
    if sample.after is None:
        return
    where = f"sample {sample.id!r} comes after {sample.after!r}"
    if before is None or before.id != sample.after or before.cluster != sample.cluster:
        raise HarnessError(f"{where}, which is not the sample before it, of the same cluster")
    if trait(task, "next_turn") is None or not trait(task, "whole_clusters"):
        raise HarnessError(f"{where}; a task of dialogues needs next_turn and whole_clusters=True")
