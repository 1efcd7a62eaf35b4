"""What a method of `python -m harness.mitigate` is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from harness.mitigations.fitting.texts import Text
from harness.models.hf.model import HuggingFaceModel


@dataclass(frozen=True)
class Fit:
    """What a method works with; the same fit gives the same files, however often it is killed."""

    model: HuggingFaceModel
    """To be made safer."""
    texts: Sequence[Text]
    """To learn from."""
    seed: int
    """Of all that is drawn."""
    out: Path
    """An empty folder for the files; it takes its name once the method has returned."""
    state: Path
    """A folder for what a later call goes on from; it is gone once the method has returned."""
    log: Callable[[str], None]
    """Is given a line now and then."""
    forecast: bool = False
    """Say what the work takes, and leave it: `fit` may then return at once."""


@runtime_checkable
class Method(Protocol):
    """Learns from texts how a model is made safer, and writes it: a file and a YAML in conf/method.

    It may also be a mitigation that acts while the model answers; what it learned is then a file
    that the mitigation reads. Its trait `method_class` says what it is in the survey of unlearning.
    """

    starter: Path
    """Texts of ours that it learns from where the user gives none."""
    use: str
    """How what it wrote is used, `{out}` standing for its folder: `model={out}`."""
    paper: str
    """Whose method it is, and where this differs."""

    @property
    def identity(self) -> Mapping[str, str]:
        """All that changes what it writes beside the model, the texts and the seed."""
        ...

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Write the files; gives facts for the card.

        Raises:
            HarnessError: the model or the texts are not of a kind that it can work with.
        """
        ...
