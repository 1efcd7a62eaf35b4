"""What the mitigations that go by a value head have in common: its file, and whose it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from harness.types import HarnessError, digest_file

if TYPE_CHECKING:
    from harness.models.hf.model import HuggingFaceModel

FILE = "values.safetensors"


def values_path(mitigation: str, values: str | None) -> Path:
    """The file in the folder that `python -m harness.mitigate method=value_model` wrote.

    Raises:
        HarnessError: there is none.
    """
    if not values:
        raise HarnessError(
            f"mitigation={mitigation} needs mitigation.values=FOLDER: python -m harness.mitigate "
            "method=value_model out=FOLDER makes it"
        )
    path = Path(values)
    path = path / FILE if path.is_dir() else path
    if not path.is_file():
        raise HarnessError(
            f"mitigation.values={values!r} holds no {FILE}; python -m harness.mitigate "
            f"method=value_model out={values} makes it"
        )
    return path


def values_digest(values: str | None) -> str:
    """Of the file; `none` where none is named."""
    return digest_file(values_path("", values)) if values else "none"


def check_values(mitigation: str, values: str | None, model: HuggingFaceModel) -> None:
    """Refuse a head that reads the states of other weights.

    Raises:
        HarnessError: there is none, or it is another model's.
    """
    about = about_head(values_path(mitigation, values))
    weights = model.identity["weights"]
    if about.get("base_weights") != weights:
        raise HarnessError(
            f"mitigation.values={values!r} was learned on the states of {about.get('base')!r} "
            f"({str(about.get('base_weights'))[:40]}), and model={model.name!r} has other weights "
            f"({weights[:40]}); make one of its own with python -m harness.mitigate "
            "method=value_model"
        )


def about_head(path: Path) -> Mapping[str, Any]:
    """What a head was learned on; reads no tensor.

    Raises:
        HarnessError: there is none.
    """
    try:
        with safe_open(path, "np") as file:
            about: dict[str, Any] = dict(json.loads((file.metadata() or {})["harness"]))
            return about
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise HarnessError(unreadable(path, error)) from error


def unreadable(path: Path, error: Exception) -> str:
    """What is said of a file that holds no value head."""
    reason = " ".join(str(error).split())[:160]
    return (
        f"mitigation.values: {str(path)!r} holds no value head ({type(error).__name__}: {reason}); "
        "make one with python -m harness.mitigate method=value_model"
    )
