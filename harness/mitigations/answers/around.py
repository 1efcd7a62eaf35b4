"""What a model is that stands around another: the other's name and identity, other answers."""

from __future__ import annotations

from collections.abc import Mapping

from harness.types import Model


class Around:
    """Passes for the model that it stands around, whatever it makes of the answers.

    Args:
        model: that is asked.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.name, self.weighs_choices = model.name, model.weighs_choices

    @property
    def identity(self) -> Mapping[str, str]:
        """The model's: a mitigation has one of its own."""
        return self.model.identity
