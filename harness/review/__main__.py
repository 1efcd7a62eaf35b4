"""`python -m harness.review`: draws answers for people to label, and reads the labels back.

    python -m harness.review run=results/runs/med_harm-... n=100
    python -m harness.review run=results/runs/med_harm-... read=[anna.csv,ben.csv]

The sheet, a CSV and a page that needs no network, shows neither model nor score. Each person fills
in one of their own. Read back, the labels give the agreement of the people with each other and with
the scorer, and the run's headline estimates corrected by them, which `corrected.csv` keeps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig

from harness.command import command_line, resolve
from harness.types import HarnessError


@dataclass
class ReviewConfig:
    """Everything that `python -m harness.review` takes."""

    run: str = MISSING
    metric: str | None = None
    n: int = 100
    seed: int = 0
    read: list[str] = field(default_factory=list)


def main() -> None:
    """`python -m harness.review`."""
    ConfigStore.instance().store(name="review_schema", node=ReviewConfig)
    command_line("review", _work)


def _work(cfg: DictConfig) -> int:
    from harness.review.console import print_review
    from harness.review.drawing import draw
    from harness.review.reading import read_back
    from harness.review.review import Review

    resolve(cfg)
    if cfg.n < 2:
        raise HarnessError(f"n={cfg.n} must be at least 2")
    review = Review.of(Path(cfg.run), cfg.metric)
    if not cfg.read:
        drawn = draw(review, cfg.n, cfg.seed)
        print(
            f"{len(drawn)} of {review.total} answers, drawn at random, to be labelled for "
            f"{review.name} ({review.metric.low:g} to {review.metric.high:g}):\n"
            f"  {review.folder}/sheet.html, which each person opens in a browser, or\n"
            f"  {review.folder}/sheet.csv, of which each person fills in the column `label`\n"
            f"then: python -m harness.review run={cfg.run} metric={review.name} "
            "read=[FIRST.csv,SECOND.csv]"
        )
        return 0
    print_review(read_back(review, [Path(path) for path in cfg.read]))
    return 0


if __name__ == "__main__":
    main()
