"""A run as a hub repository has it: `.eval_results` YAML, and metadata of a model card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.logs.export.rows import Whole, note_of


class HubForm:
    """Writes `.eval_results/RUN.yaml` and a `README.md` that holds the metadata alone.

    Args:
        dataset: the hub's id of the benchmark; None: `harness/TASK`, which no hub has.
    """

    def __init__(self, dataset: str | None = None) -> None:
        self.dataset = dataset

    def write(self, whole: Whole, folder: Path) -> Sequence[str]:
        """Write both, by huggingface_hub's own classes."""
        import yaml
        from huggingface_hub import (
            EvalResult,
            EvalResultEntry,
            ModelCard,
            ModelCardData,
            eval_result_entries_to_yaml,
        )

        identity = whole.run.info.identity
        task = str(identity["task"])
        dataset = self.dataset or f"harness/{task}"
        entries = [
            EvalResultEntry(
                dataset_id=dataset, task_id=str(row["name"]).replace(" ", "_"),
                value=row["estimate"], date=whole.started, notes=note_of(row),
            )
            for row in whole.headline
        ]  # fmt: skip
        results = folder / ".eval_results" / f"{whole.run.name}.yaml"
        results.parent.mkdir(exist_ok=True)
        results.write_text(yaml.safe_dump(eval_result_entries_to_yaml(entries)), "utf-8")
        card = ModelCardData(
            model_name=whole.run.info.model,
            eval_results=[
                EvalResult(
                    task_type="text-generation", dataset_type=dataset,
                    dataset_name=f"{task} {identity['data']}", metric_type=str(row["metric"]),
                    metric_name=f"{row['name']} ({row['statistic']}, {row['better']} is better)",
                    metric_value=row["estimate"], metric_args={"note": note_of(row)},
                )
                for row in whole.headline
            ],
        )  # fmt: skip
        readme = folder / "README.md"
        ModelCard(f"---\n{card.to_yaml()}\n---\n").save(readme)
        return [
            f"{results}: {len(entries)} results",
            f"{readme}: the same as model-card metadata, to be merged into a card",
            *(f"not a number, and left out: {words}" for words in whole.lacking),
        ]
