"""`python -m harness.leaderboard`: all runs of a results folder beside each other.

python -m harness.leaderboard
python -m harness.leaderboard results=/data/results
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from harness.command import command_line, resolve

MOST_REASONS = 10
"""Printed; the page has all."""


@dataclass
class LeaderboardConfig:
    """Everything that `python -m harness.leaderboard` takes."""

    results: str = "results"


def main() -> None:
    """`python -m harness.leaderboard`."""
    ConfigStore.instance().store(name="leaderboard_schema", node=LeaderboardConfig)
    command_line("leaderboard", _work)


def _work(cfg: DictConfig) -> int:
    from harness.leaderboard.page import write_leaderboard

    resolve(cfg)
    boards, left_out, page = write_leaderboard(Path(cfg.results))
    for board in boards:
        count = len(board.entries)
        print(f"{board.title}: {count} model{'s'[: count != 1]}")
    for omission in left_out[:MOST_REASONS]:
        print(f"left out: {omission.run} {omission.reason}")
    if len(left_out) > MOST_REASONS:
        print(f"left out: {len(left_out) - MOST_REASONS} more, see the page")
    print(f"\nleaderboard: {page}, leaderboard.md and .csv beside it")
    return 0


if __name__ == "__main__":
    main()
