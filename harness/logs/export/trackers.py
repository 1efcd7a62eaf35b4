"""A run in an experiment tracker: its parameters, estimates, tables and page."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.logs.export.rows import Whole, note_of
from harness.types import HarnessError

UNNAMED = re.compile(r"[^A-Za-z0-9._-]")
"""What trackio takes in no artefact's name."""
TABLES = ("estimates.parquet", "scores.parquet", "samples.parquet", "run.json", "report.html")


class MlflowForm:
    """Logs to MLflow, in a folder where no server is named.

    Args:
        experiment: the name of MLflow's experiment.
        tracking_uri: of a server; None: `sqlite:///FOLDER/mlflow.db`.
    """

    def __init__(self, experiment: str = "harness", tracking_uri: str | None = None) -> None:
        self.experiment = experiment
        self.tracking_uri = tracking_uri

    def write(self, whole: Whole, folder: Path) -> Sequence[str]:
        """Log a run with its estimates as metrics and its files as artefacts."""
        mlflow = _module("mlflow")
        if self.tracking_uri is None:
            _module("sqlalchemy", "mlflow")  # mlflow-skinny has none, and keeps no folder any more
        uri = self.tracking_uri or f"sqlite:///{(folder / 'mlflow.db').resolve()}"
        mlflow.set_tracking_uri(uri)
        if mlflow.get_experiment_by_name(self.experiment) is None:
            artifacts = (folder / "mlartifacts").resolve().as_uri()
            location = None if self.tracking_uri else artifacts
            mlflow.create_experiment(self.experiment, artifact_location=location)
        mlflow.set_experiment(self.experiment)
        with mlflow.start_run(run_name=whole.run.name) as run:
            mlflow.log_params({k: v[:6000] for k, v in parameters(whole).items()})
            mlflow.log_metrics(numbers(whole))
            mlflow.log_text("\n".join(notes(whole)), "estimates.txt")
            for path in files(whole):
                mlflow.log_artifact(str(path))
            return [f"{uri}: run {run.info.run_id} of experiment {self.experiment}"]


class WandbForm:
    """Writes a run for Weights & Biases in its offline mode; `wandb sync` sends it.

    Args:
        project: its name there.
    """

    def __init__(self, project: str = "harness") -> None:
        self.project = project

    def write(self, whole: Whole, folder: Path) -> Sequence[str]:
        """Write it, without a connection."""
        os.environ["WANDB_MODE"] = "offline"
        wandb = _module("wandb")
        run = wandb.init(
            project=self.project, name=whole.run.name, dir=str(folder), mode="offline",
            config=parameters(whole),
        )  # fmt: skip
        run.summary.update(numbers(whole))
        run.summary["notes"] = "\n".join(notes(whole))
        artifact = wandb.Artifact(_plain(whole.run.name), type="harness-run")
        for path in files(whole):
            artifact.add_file(str(path))
        run.log_artifact(artifact)
        place = str(run.dir)
        run.finish()
        return [f"{place}: offline run; wandb sync sends it"]


class TrackioForm:
    """Logs to trackio, which keeps its runs in a folder of its own.

    Args:
        project: its name there.
    """

    def __init__(self, project: str = "harness") -> None:
        self.project = project

    def write(self, whole: Whole, folder: Path) -> Sequence[str]:
        """Log the estimates with its files as an artefact; parameters are its configuration."""
        os.environ.setdefault("TRACKIO_DIR", str((folder / "trackio").resolve()))
        trackio = _module("trackio")
        trackio.init(project=self.project, name=whole.run.name, config=parameters(whole))
        trackio.log(numbers(whole))
        name = UNNAMED.sub("_", whole.run.name)
        artifact = trackio.Artifact(name, "harness-run", description="\n".join(notes(whole)))
        for path in files(whole):
            artifact.add_file(path)
        trackio.log_artifact(artifact)
        trackio.finish()
        return [f"{os.environ['TRACKIO_DIR']}: run {whole.run.name} of project {self.project}"]


def parameters(whole: Whole) -> dict[str, str]:
    """What the run was asked, and of whom."""
    return {"model": whole.run.info.model, **whole.run.question}


def numbers(whole: Whole) -> dict[str, float]:
    """Each estimate over all samples with its interval, counts and bounds, by a plain name."""
    values = {}
    for row in whole.headline:
        name = _plain(str(row["name"]))
        for part in ("estimate", "low", "high", "worst", "best", "n", "n_scored", "n_failed"):
            if row[part] is not None:
                values[name if part == "estimate" else f"{name}.{part}"] = float(row[part])
    values["unmeasured"] = float(whole.run.info.unmeasured)
    return values


def notes(whole: Whole) -> list[str]:
    """What must be said beside each estimate, and what could not be had."""
    headline = [f"{row['name']}: {row['estimate']:.6g}; {note_of(row)}" for row in whole.headline]
    return [*headline, *(f"not a number: {words}" for words in whole.lacking)]


def files(whole: Whole) -> list[Path]:
    """The run's tables and its page, as far as they are there."""
    return [path for name in TABLES if (path := whole.run.folder / name).is_file()]


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_. /" else "_" for c in name).replace(" ", "_")


def _module(name: str, package: str | None = None) -> Any:
    """A tracker's package.

    Args:
        name: of the module.
        package: that brings it; None: it is called the same.

    Raises:
        HarnessError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        named = package or name
        raise HarnessError(f'to={named} needs {name}: pip install "harness[{named}]"') from error
