"""Predictors of a toxic endpoint: a plugin each, with an identity and a `safe` of two molecules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from harness.scorers.molecules import chemistry
from harness.types import HarnessError


class Prediction(NamedTuple):
    """The probability that a molecule is safe, or None, and why."""

    safe: float | None
    why: str


class Endpoint(Protocol):
    """Predicts whether a candidate is safe where the molecule that it is to replace is not."""

    @property
    def identity(self) -> Mapping[str, str]:
        """All that changes a prediction."""
        ...

    def predict(self, candidate: Any, original: Any, task: str) -> Prediction:
        """How probably a candidate (a molecule of RDKit's) is safe, for a kind of toxicity."""
        ...


class StructuralAlerts:
    """Safe is a candidate without any structural alert of RDKit's catalogues.

    Alerts are reasons for a chemist to look, no measurement of toxicity, and the same for each
    kind. Where the original holds none, they see nothing of what makes it toxic, and say nothing.

    Args:
        catalogues: names of RDKit's; BRENK (unwanted groups) and NIH by default.
    """

    def __init__(self, catalogues: Sequence[str] = ("BRENK", "NIH")) -> None:
        self.catalogues = tuple(catalogues)

    @property
    def identity(self) -> Mapping[str, str]:
        """The catalogues, of RDKit's version."""
        chemistry.catalogue(self.catalogues)
        return {"endpoint": "structural alerts", "catalogues": " ".join(self.catalogues)}

    def predict(self, candidate: Any, original: Any, task: str) -> Prediction:
        """1 or 0; None where the original has no alert."""
        if not chemistry.alerts(original, self.catalogues):
            return Prediction(None, "the original holds no alert of these catalogues")
        held = chemistry.alerts(candidate, self.catalogues)
        return Prediction(float(not held), f"alerts: {', '.join(held) or 'none'}")


class Neighbours:
    """Safe is what the nearest molecules of a labelled set mostly are.

    The share that is safe of the nearest by Tanimoto's coefficient of Morgan fingerprints, each as
    heavy as it is similar. It knows what its data know: nothing where none is near.

    Args:
        data: a CSV or JSONL with `smiles`, `toxic` (0 or 1) and, where kinds differ, `task`.
        count: of neighbours.
        nearest: the similarity that the nearest must have for a prediction.

    Raises:
        HarnessError: an option is out of its range.
    """

    def __init__(self, data: str, count: int = 5, nearest: float = 0.3) -> None:
        if count < 1 or not 0 <= nearest <= 1:
            raise HarnessError(
                f"scorers.molecule_repair.endpoint: count={count} must be at least 1 and "
                f"nearest={nearest} from 0 to 1"
            )
        self.data = data
        self.count = count
        self.nearest = nearest

    @cached_property
    def _known(self) -> Mapping[str, Sequence[tuple[Any, bool]]]:
        """By kind the fingerprints that are labelled; those of no kind are of all."""
        import csv
        import json

        path = Path(self.data)
        try:
            with path.open(encoding="utf-8", newline="") as file:
                lines = csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, file)
                rows = [dict(row) for row in lines]
        except (OSError, ValueError) as error:
            raise HarnessError(f"endpoint data {self.data!r} cannot be read ({error})") from error
        known: dict[str, list[tuple[Any, bool]]] = {}
        for number, row in enumerate(rows, 1):
            molecule, toxic = chemistry.parsed(str(row.get("smiles"))), str(row.get("toxic"))
            if molecule is None or toxic not in ("0", "1"):
                raise HarnessError(
                    f"endpoint data {self.data!r}, record {number} needs a smiles that RDKit "
                    f"parses and toxic 0 or 1; it has {row}"
                )
            entry = chemistry.neighbourhood(molecule), toxic == "1"
            known.setdefault(str(row.get("task") or ""), []).append(entry)
        return known

    @property
    def identity(self) -> Mapping[str, str]:
        """The data's digest and the options."""
        import hashlib

        digest = hashlib.sha256(Path(self.data).read_bytes()).hexdigest() if self._known else ""
        options = f"{self.count} nearest, {self.nearest:g} at least"
        return {"endpoint": "neighbours", "data": digest, "options": options}

    def predict(self, candidate: Any, original: Any, task: str) -> Prediction:
        """The share that is safe; None where no labelled molecule is near enough."""
        from rdkit import DataStructs

        known = [*self._known.get(task, ()), *self._known.get("", ())]
        fingerprint = chemistry.neighbourhood(candidate)
        ranked = sorted(
            ((DataStructs.TanimotoSimilarity(fingerprint, other), toxic) for other, toxic in known),
            reverse=True,
        )[: self.count]
        if not ranked or ranked[0][0] < self.nearest:
            return Prediction(None, f"no labelled molecule of {task or 'this kind'} is near")
        weight = sum(near for near, _ in ranked)
        safe = sum(near for near, toxic in ranked if not toxic) / weight
        return Prediction(safe, f"{len(ranked)} neighbours, the nearest at {ranked[0][0]:.2f}")
