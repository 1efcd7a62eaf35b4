"""Model Surgery: a probe says what toxic states are, and rows of the gates are shifted along it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.texts import split
from harness.types import HarnessError, digest_file

if TYPE_CHECKING:
    import torch

PROBE = "model_surgery.safetensors"


class ModelSurgery:
    """Shifts those rows of the gate matrices that point away from a probe of toxicity.

    As a method it fits the probe and writes a whole checkpoint, with the probe beside it; as a
    mitigation it reads the probe and edits the weights as the model is loaded.

    Args:
        strength: of the shift, in mean row norms; 0: none.
        share: of all rows, which are shifted.
        matrices: what the names of the gate matrices end with.
        probe: of the mitigation: the file, or the folder that the method wrote.
    """

    starter: ClassVar[Path] = Path(__file__).with_name("texts.jsonl")
    use: ClassVar[str] = "model={out}, or mitigation=model_surgery mitigation.probe={out}"
    paper: ClassVar[str] = (
        "Wang and others, Model Surgery: Modulating LLM's Behavior Via Simple Parameter Editing, "
        "2024. As in its code the rows with the least cosine to the toxic side of a linear probe "
        "of mean last states get that side added. Here the probe is a penalised logistic "
        "regression with one solution, and the strength is counted in mean row norms."
    )

    def __init__(
        self,
        strength: float = 0.5,
        share: float = 0.0465,
        matrices: str = "gate_proj.weight",
        probe: str | None = None,
    ) -> None:
        if not 0 < share <= 1:
            raise HarnessError(f"share={share} of the rows must be above 0 and at most 1")
        if not math.isfinite(strength):
            raise HarnessError(f"strength={strength} must be a finite number")
        self.strength = strength
        self.share = share
        self.matrices = matrices
        self.probe = probe

    @property
    def identity(self) -> Mapping[str, str]:
        """The options, and the probe's digest."""
        probe = {} if self.probe is None else {"probe": digest_file(self._file(self.probe))}
        return {
            "mitigation": "model_surgery",
            "strength": str(self.strength),
            "share": str(self.share),
            "matrices": self.matrices,
            **probe,
        }

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Fit the probe, edit the weights, write the checkpoint and the probe."""
        import numpy as np
        import torch
        from safetensors.torch import save_file

        from harness.mitigations.fitting.base import Base
        from harness.mitigations.fitting.states import logistic_probe, mean_states

        clean, toxic = split(fit.texts, "model_surgery")
        base = Base(fit.model)
        weights = dict(base.network.named_parameters())
        self._gates(weights)
        states = mean_states(base, base.rows([*clean, *toxic]), fit)
        if fit.forecast:
            return {}
        positive = np.arange(len(states)) >= len(clean)
        probe = torch.from_numpy(logistic_probe(states, positive)).float()
        edited = self._edited(weights, probe)
        with torch.no_grad():
            for name, weight in edited.items():
                weights[name].copy_(weight)
        base.save(fit.out)
        save_file({"probe": probe}, fit.out / PROBE)
        side = states @ probe.double().numpy()
        right = (side[positive][:, None] > side[~positive][None]).mean()
        return {"clean_texts": len(clean), "toxic_texts": len(toxic),
                "probe_auc_on_its_texts": round(float(right), 4)}  # fmt: skip

    def change_weights(self, weights: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """The gates, shifted.

        Raises:
            HarnessError: the probe is of a model of another width, or there are no gates.
        """
        from harness.mitigations.weights.learned import read_vector

        if self.probe is None:
            raise HarnessError(
                "mitigation.probe= names no probe; make one with python -m harness.mitigate "
                "method=model_surgery"
            )
        gates = self._gates(weights)
        width = next(iter(gates.values())).shape[1]
        option = f"mitigation.probe={self.probe!r}"
        probe = read_vector(option, self._file(self.probe), "probe", width, "gates")
        edited = self._edited(weights, probe)
        return edited or dict(list(gates.items())[:1])

    def _edited(
        self, weights: Mapping[str, torch.Tensor], probe: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        from harness.mitigations.weights.editing import shifted_rows

        return shifted_rows(self._gates(weights), probe, self.share, self.strength)

    def _gates(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The matrices whose rows are looked at."""
        gates = {name: weight for name, weight in weights.items() if name.endswith(self.matrices)}
        if not gates:
            raise HarnessError(
                f"no weight of this model ends in {self.matrices!r}, as a gated layer's do; name "
                "its matrices with `matrices`"
            )
        return {name: weight.detach() for name, weight in gates.items()}

    @staticmethod
    def _file(probe: str) -> Path:
        path = Path(probe)
        path = path / PROBE if path.is_dir() else path
        if not path.is_file():
            raise HarnessError(f"mitigation.probe={probe!r} is no file and holds no {PROBE}")
        return path
