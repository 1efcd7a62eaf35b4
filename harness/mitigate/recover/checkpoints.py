"""Checkpoints made of one that is to have forgotten: trained a little more, or rounded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.command import make
from harness.mitigate.asked import Asked
from harness.mitigate.making import fit_and_write
from harness.mitigations.fitting.method import Method
from harness.models.hf.model import HuggingFaceModel
from harness.regression.mutate.checkpoint import damaged
from harness.regression.mutate.damages import Damage
from harness.types import digest_file, fingerprint, weights_of

METHOD = "harness.mitigations.weights.safety_tuning.SafetyTuning"
"""By which answers are learned."""


def relearned(model: str, data: Path, course: Mapping[str, Any], seed: int, cache: Path) -> Path:
    """The folder of the model trained on a few answers, all weights of it; made once."""
    base = whole(model, cache)
    options = {"_target_": METHOD, "course": dict(course), "lora": None}
    method = make("course", options, Method)
    key = fingerprint(
        {
            "weights": weights_of(HuggingFaceModel(str(base)).identity),
            "data": digest_file(data),
            "seed": seed,
            "course": dict(course),
        }
    )
    out = cache / f"relearned-{key}"
    fit_and_write(Asked(method, {}, HuggingFaceModel(str(base)), [data], (), None, seed), out)
    return out


def rounded(model: str, bits: int, cache: Path) -> Path:
    """The folder of the model with its weights rounded to so many bits; made once."""
    return damaged(Damage("bits", bits), str(whole(model, cache)), cache)


def whole(model: str, cache: Path) -> Path:
    """The folder of a model's checkpoint; an adapter is merged into its base, once.

    Raises:
        HarnessError: there is no such model.
    """
    from harness.mitigations.fitting.base import Base

    source = HuggingFaceModel(model)
    weights = weights_of(source.identity)
    if source.source.base is None and Path(model).is_dir():
        return Path(model)
    folder = cache / f"whole-{fingerprint({'weights': weights})}"
    if not folder.is_dir():
        partial = folder.with_suffix(".partial")
        Base(source).save(partial)
        partial.rename(folder)
    return folder
