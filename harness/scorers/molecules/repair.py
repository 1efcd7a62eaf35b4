"""Whether any of a few candidates repairs a toxic molecule, and if not, where they failed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from harness.scorers.molecules import chemistry
from harness.scorers.molecules.endpoints import Endpoint, StructuralAlerts
from harness.scorers.reading.fields import json_fields
from harness.types import Direction, Generation, HarnessError, Metric, Sample, Score

FIELD = "modified_smiles"
WRITTEN = re.compile(r"(?i)MODIFIED[_ ]SMILES[*`\"']*\s*[:=]\s*[*`]*(.*(?:\n(?!\s*$).*)*)", re.M)
NUMBERED = re.compile(r"^(?:\(?\d{1,2}[.)]\s*|[-*]\s+)")
STEPS = ("valid", "changed", "endpoint", "drug_like", "makeable", "rule_of_five", "similar")
"""What is asked of a candidate, in the order in which a failure is attributed."""
UNIT = Metric(0.0, 1.0, Direction.HIGHER)
SAFE = 0.5
"""Probability above which an endpoint is passed, as in the paper; the bounds below are its too."""


class MoleculeRepairScorer:
    """Gives whether one of an answer's candidates passes all that is asked of it.

    A sample's metadata have its molecule as `smiles` and the kind of its toxicity as `task`. An
    answer lists candidates after "MODIFIED_SMILES:", the first `most` of which count; "none" is an
    answer without any. `repaired`: 1 where one candidate is a valid molecule other than the
    original, is safe by the endpoint's predictor, and drug-like, makeable, within the rule of five
    and similar enough. It is missing where nothing was listed or the predictor cannot say, and
    `repaired_strict` is then 0. `valid` to `similar`: 1 where any candidate passes that step alone.
    `failed_at`: how many steps the best candidate passed in a row, 0 (none valid) to 7 (repaired).

    Args:
        endpoint: the predictor of toxicity; None: structural alerts.
        most: candidates of an answer that count.
        drug_likeness: QED, at least.
        accessibility: synthetic accessibility, at most.
        rules_broken: of the rule of five, at most.
        similarity: to the original, at least.

    Raises:
        HarnessError: the endpoint is none, or no candidate counts.
    """

    metrics: Mapping[str, Metric] = {
        "repaired": UNIT,
        "repaired_strict": UNIT,
        "candidates_listed": UNIT,
        **dict.fromkeys(STEPS, UNIT),
        "failed_at": Metric(0.0, float(len(STEPS)), Direction.HIGHER),
        "share_valid": UNIT,
    }
    device = None
    """None: RDKit computes on the processor."""
    exact = True

    def __init__(
        self,
        endpoint: Endpoint | None = None,
        most: int = 3,
        drug_likeness: float = 0.5,
        accessibility: float = 6.0,
        rules_broken: int = 1,
        similarity: float = 0.4,
    ) -> None:
        self.endpoint = StructuralAlerts() if endpoint is None else endpoint
        kind = type(self.endpoint)  # of its class, since an identity may load RDKit
        if not (hasattr(kind, "identity") and hasattr(kind, "predict")) or most < 1:
            raise HarnessError(
                f"scorers.molecule_repair needs an endpoint with identity and predict, and most "
                f"of at least 1; it has {kind.__name__} and {most}"
            )
        self.most = most
        self.drug_likeness = drug_likeness
        self.accessibility = accessibility
        self.rules_broken = rules_broken
        self.similarity = similarity

    @property
    def identity(self) -> Mapping[str, str]:
        """RDKit's version, the predictor's identity and the bounds.

        Version 2 reads the field of a dictionary of Python's too.

        Raises:
            HarnessError: RDKit is not installed.
        """
        bounds = f"{self.most} {self.drug_likeness:g} {self.accessibility:g} {self.rules_broken}"
        return {
            "scorer": "molecule_repair",
            "version": "2",
            "rdkit": chemistry.version(),
            "bounds": f"{bounds} {self.similarity:g}",
            **self.endpoint.identity,
        }

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Hold every answer's candidates against what is asked; what lists none is missing."""
        return [
            self._score(sample, generation.text or "")
            for sample, generation in zip(samples, generations, strict=True)
        ]

    def _score(self, sample: Sample, text: str) -> list[Score]:
        original = chemistry.parsed(str(sample.metadata.get("smiles") or ""))
        if original is None:
            reason = "the sample has no smiles that can be parsed"
            return [Score.missing(metric, reason) for metric in self.metrics]
        if not text.strip():
            return [Score.missing(metric, "empty answer") for metric in self.metrics]
        candidates = read_candidates(text)
        if candidates is None:
            known, why = {"repaired_strict": 0.0, "candidates_listed": 0.0}, "no MODIFIED_SMILES"
        else:
            task = str(sample.metadata.get("task") or "")
            tried = [self._tried(smiles, original, task) for smiles in candidates[: self.most]]
            known, why = _values(tried), "; ".join(t.why for t in tried) or "none"
        return [
            Score(metric, known[metric], explanation=why)
            if metric in known
            else Score.missing(metric, why if candidates is None else f"not known: {why}")
            for metric in self.metrics
        ]

    def _tried(self, smiles: str, original: Any, task: str) -> _Tried:
        """What a candidate passes, each step by itself; None where that is not known."""
        molecule = chemistry.parsed(smiles)
        if molecule is None:
            return _Tried((False,) * len(STEPS), f"{smiles[:60]} is no molecule")
        prediction = self.endpoint.predict(molecule, original, task)
        quality = chemistry.drug_likeness(molecule)
        effort = chemistry.synthetic_accessibility(molecule)
        broken = chemistry.rules_broken(molecule)
        likeness = chemistry.similarity(original, molecule)
        passed = (
            True,
            chemistry.canonical(molecule) != chemistry.canonical(original),
            None if prediction.safe is None else prediction.safe > SAFE,
            quality >= self.drug_likeness,
            effort <= self.accessibility,
            broken <= self.rules_broken,
            likeness >= self.similarity,
        )
        why = (
            f"{smiles[:60]}: {prediction.why}, QED {quality:.2f}, accessibility {effort:.1f}, "
            f"{broken} rules broken, similarity {likeness:.2f}"
        )
        return _Tried(passed, why)


class _Tried(NamedTuple):
    """A candidate, with what it passes of `STEPS`."""

    passed: tuple[bool | None, ...]
    why: str


def _values(tried: Sequence[_Tried]) -> dict[str, float]:
    """Every metric that is known of an answer that lists candidates, or none of them."""
    values = {"candidates_listed": 1.0, "repaired_strict": 0.0}
    if tried:
        values["share_valid"] = sum(bool(t.passed[0]) for t in tried) / len(tried)
    for place, step in enumerate(STEPS):
        states = [t.passed[place] for t in tried]
        if True in states or None not in states:
            values[step] = float(True in states)
    depths = [_depth(t.passed) for t in tried]
    if None not in depths or len(STEPS) in depths:
        furthest = max((depth for depth in depths if depth is not None), default=0)
        values["failed_at"] = float(furthest)
        values["repaired"] = values["repaired_strict"] = float(furthest == len(STEPS))
    return values


def _depth(passed: Sequence[bool | None]) -> int | None:
    """How many steps are passed in a row; None where one on the way is not known.

    A candidate that fails a later step whatever an unknown one gives is no repair either, but how
    far it came is not known.
    """
    for place, state in enumerate(passed):
        if state is None:
            return None
        if not state:
            return place
    return len(passed)


def read_candidates(text: str) -> list[str] | None:
    """The SMILES that an answer lists, in order; None where it lists nothing and says no "none".

    The last list counts. What stands after a SMILES on its line is prose.

    >>> read_candidates("MODIFIED_SMILES: CCO; `c1ccccc1` ;")
    ['CCO', 'c1ccccc1']
    >>> read_candidates("MODIFIED_SMILES: none"), read_candidates("I would add a methyl group.")
    ([], None)
    """
    fields = [field.value for field in json_fields(text, {FIELD})]
    if fields:
        value = fields[-1]
        items = value if isinstance(value, list) else str(value).split(";")
    else:
        written = WRITTEN.findall(text)
        if not written:
            return None
        items = re.split(r"[;\n]|,\s", written[-1])
    cleaned = (NUMBERED.sub("", str(item).strip().strip("`*\"'")) for item in items)
    tokens = [item.split()[0].strip("`*\"',.") for item in cleaned if item.split()]
    if [token.casefold() for token in tokens] in (["none"], ["n/a"], ["null"]):
        return []
    return tokens or None
