"""`python -m harness.review`: draws answers for people to label, and reads the labels back.

    python -m harness.review run=results/runs/med_harm-... n=100
    python -m harness.review run=results/runs/med_harm-... read=[anna.csv,ben.csv] half_width=.05

The sheet, a CSV and a page that needs no network, shows neither model nor score. Each person fills
in one of their own. Read back, the labels give the agreement of the people with each other and with
the scorer, and the run's headline estimates corrected by them, which `corrected.csv` keeps. With
`draw=score` more is drawn where it tells more, and weighted by the inverse of its chance.
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
    draw: str = "random"
    half_width: float | None = None
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
    if cfg.half_width is not None and not cfg.half_width > 0:
        raise HarnessError(f"half_width={cfg.half_width} must be above zero, in the metric's unit")
    review = Review.of(Path(cfg.run), cfg.metric)
    if not cfg.read:
        drawn = draw(review, cfg.n, cfg.seed, cfg.draw)
        how = "at random" if cfg.draw == "random" else f"by {cfg.draw} with known chances"
        print(
            f"{len(drawn)} of {review.total} answers, drawn {how}, to be labelled for "
            f"{review.name} ({review.metric.low:g} to {review.metric.high:g}):\n"
            f"  {review.folder}/sheet.html, which each person opens in a browser, or\n"
            f"  {review.folder}/sheet.csv, of which each person fills in the column `label`\n"
            f"then: python -m harness.review run={cfg.run} metric={review.name} "
            "read=[FIRST.csv,SECOND.csv]"
        )
        return 0
    print_review(read_back(review, [Path(path) for path in cfg.read], cfg.half_width))
    return 0


if __name__ == "__main__":
    main()
