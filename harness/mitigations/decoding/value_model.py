"""Learns the value head of a model: how surely what it goes on with ends toxic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from harness.mitigations.decoding.checks import check_number
from harness.mitigations.fitting.texts import split

if TYPE_CHECKING:
    from harness.mitigations.fitting.method import Fit

STARTER = Path(__file__).parents[1] / "weights" / "texts.jsonl"


class ValueModel:
    """Fits Q on the frozen states of a model, from texts of which it is known how toxic they are.

    Args:
        rank: of the product of states and tokens.
        epochs: over all tokens.
        rate: of Adam.
        decay: of its weights.
    """

    starter = STARTER
    use = "mitigation=rectification mitigation.values={out}"
    paper = (
        "Cao et al. (2023, arXiv 2302.14003); Monte Carlo instead of SARSA: each token is given "
        "the toxicity of the whole text, and a head on the model's frozen states learns it, not "
        "a network of its own"
    )

    def __init__(
        self, rank: int = 32, epochs: int = 8, rate: float = 2e-3, decay: float = 0.01
    ) -> None:
        self.rank = int(check_number("rank", rank, 1))
        self.epochs = int(check_number("epochs", epochs, 1))
        self.rate = check_number("rate", rate, 0)
        self.decay = check_number("decay", decay, 0)

    @property
    def identity(self) -> Mapping[str, str]:
        """The numbers of the training."""
        numbers = {name: repr(getattr(self, name)) for name in ("rank", "epochs", "rate", "decay")}
        return {"mitigation": "value_model", "version": "1", **numbers}

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Read the states, and learn the head.

        Raises:
            HarnessError: there are no toxic texts, or no others.
        """
        from harness.mitigations.decoding.value_training import learned

        split(fit.texts, "value_model")
        return learned(fit, self.rank, self.epochs, self.rate, self.decay)
