"""`python -m harness.score`: scores answers that are there already, ours or anyone's.

    python -m harness.score run=results/runs/med_harm-... scorer=[toxicity_offline]
    python -m harness.score answers=answers.csv scorer=[refusal,guidance]
    python -m harness.score answers=samples_gsm8k_2026.jsonl scorer=[refusal] model=llama
    python -m harness.score answers=log.eval                     # of Inspect: with its own scores

What comes of it is a run like any other, of the task `answers`: the same tables, resumed likewise.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from harness.command import command_line, finish, make, resolve, scorers_of
from harness.types import GenerationConfig, HarnessError, ScorerRegistry

if TYPE_CHECKING:
    from harness.bridges.files.stored import Stored

FORMAT = re.compile(r"\Aformat=")
"""The option by its short name, which is that of a group of another command's."""


@dataclass
class Columns:
    """Names of a file's columns; null: one of the usual."""

    prompt: str | None = None
    answer: str | None = None


@dataclass
class ScoreConfig:
    """Everything that `python -m harness.score` takes."""

    run: str | None = None
    answers: str | None = None
    model: str | None = None
    columns: Columns = field(default_factory=Columns)
    failed_texts: bool = True
    log_format: str | None = None
    paired_with: str | None = None
    imported: bool = True
    sources: dict[str, Any] = field(default_factory=dict)
    by: str | None = None
    limit: int | None = None
    results: str = "results"
    max_unmeasured: float = 0.05
    retry: str | None = None
    show: str | None = None
    report: bool = True
    folders: str | None = None
    scorers: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    """`python -m harness.score`."""
    sys.argv[1:] = [FORMAT.sub("log_format=", argument) for argument in sys.argv[1:]]
    ConfigStore.instance().store(name="score_schema", node=ScoreConfig)
    command_line("score", _work)


def _work(cfg: DictConfig) -> int:
    from harness.report.console import print_run
    from harness.report.page import keep_report
    from harness.runs import Plan, run
    from harness.score.answers import AnswersTask, StoredModel
    from harness.score.runs import of_run
    from harness.show import progress
    from harness.store import FinishedRun, note_folder

    resolve(cfg)
    if (cfg.run is None) == (cfg.answers is None):
        raise HarnessError("name what to score: run=FOLDER of a run, or answers=FILE")
    if cfg.retry not in (None, "failed"):
        raise HarnessError(f"retry={cfg.retry!r} must be null or failed")
    if cfg.show not in (None, "all"):
        raise HarnessError(f"show={cfg.show!r} must be null or all")
    stored = of_run(Path(cfg.run)) if cfg.run is not None else _answers(cfg)
    scorers = _scorers(cfg, stored)
    if cfg.by is not None and not stored.rows.has_column(cfg.by):
        raise HarnessError(f"by={cfg.by!r} is no column that describes the answers")
    plan = Plan(
        task=AnswersTask(stored, list(scorers.metrics), cfg.by),
        model=StoredModel(stored),
        scorers=scorers,
        generation=GenerationConfig(n=stored.n),
        protocol="stored",
        seed=0,
        limit=cfg.limit,
        results=Path(cfg.results),
        options={},
        retry_failed=cfg.retry == "failed",
        config=OmegaConf.to_container(cfg, resolve=False),  # type: ignore[arg-type]
    )
    finished = FinishedRun.read(run(plan, progress).folder, "run")
    print_run(finished, everything=cfg.show == "all")
    if cfg.folders is not None:
        note_folder(Path(cfg.folders), finished.folder)
    if cfg.report:
        print(f"report: {keep_report(finished.folder)}")
    return finish(finished.info.unmeasured, cfg.max_unmeasured, finished.folder)


def _answers(cfg: DictConfig) -> Stored:
    """The answers of a file, those questions alone that another file has, if one is named."""
    if cfg.paired_with is None:
        return _of_file(cfg, Path(cfg.answers))
    from harness.bridges.logs.choose import shared

    here, there = Path(cfg.answers), Path(cfg.paired_with)
    return shared(_of_file(cfg, here), _of_file(cfg, there), (here.name, there.name))


def _of_file(cfg: DictConfig, path: Path) -> Stored:
    """The answers of a log or of a table."""
    from harness.bridges.files.answers import of_file
    from harness.bridges.logs.choose import read_log, source_of
    from harness.bridges.logs.log import Source
    from harness.show import progress

    sources = {str(n): make(f"sources.{n}", node, Source) for n, node in cfg.sources.items()}
    source = source_of(path, sources, cfg.log_format)
    if source is None:
        return of_file(path, cfg.columns.prompt, cfg.columns.answer, cfg.model, cfg.failed_texts)
    return read_log(path, source, progress).stored(path, cfg.model, cfg.failed_texts)


def _scorers(cfg: DictConfig, stored: Stored) -> ScorerRegistry:
    """The scorers that were asked for, and the log's own scores."""
    log = stored.imported if cfg.imported else None
    if log is None or not log.metrics:
        return scorers_of(cfg)
    from harness.bridges.logs.imported import ImportedScorer

    asked = scorers_of(cfg) if cfg.scorers else {}
    return ScorerRegistry({**asked, "imported": ImportedScorer(log)})


if __name__ == "__main__":
    main()
