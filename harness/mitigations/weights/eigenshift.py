"""EigenShift: directions of the output layer on which toxic words are chosen are damped."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from harness.mitigations.fitting.method import Fit
from harness.mitigations.fitting.texts import split
from harness.types import HarnessError, digest_file

if TYPE_CHECKING:
    import torch

STATES = "eigenshift.safetensors"
HEADS = ("lm_head.weight", "embed_out.weight", "output.weight")
"""What output layers of their own are called."""


class EigenShift:
    """Multiplies some singular values of the output layer by `damping`.

    As a method it reads the states that toxic and clean words are chosen from, and writes a whole
    checkpoint with their difference beside it; as a mitigation it reads the difference and damps
    the output layer as the model is loaded, where that layer is not the embedding too.

    Args:
        damping: of the singular values; 1: the model as it was.
        share: of the directions, which are damped; at least one is.
        states: of the mitigation: the file, or the folder that the method wrote.
    """

    starter: ClassVar[Path] = Path(__file__).with_name("texts.jsonl")
    use: ClassVar[str] = "model={out}, or mitigation=eigenshift mitigation.states={out}"
    paper: ClassVar[str] = (
        "Shaik and others, Redefining Experts: Interpretable Decomposition of Language Models for "
        "Toxicity Mitigation, 2025: one direction in a thousand, damping .1. Its code multiplies "
        "states by the transposed matrix of singular vectors and takes the largest signed "
        "difference, though a singular vector's sign is arbitrary; here states are projected on "
        "the right singular vectors and the largest absolute difference is taken. Its states are "
        "those of toxic words that a classifier finds; here the mean over a text's words. An "
        "output layer that is the embedding too becomes one of its own first."
    )

    def __init__(
        self, damping: float = 0.1, share: float = 0.001, states: str | None = None
    ) -> None:
        if not 0 < share <= 1:
            raise HarnessError(f"share={share} of the directions must be above 0 and at most 1")
        if not math.isfinite(damping):
            raise HarnessError(f"damping={damping} must be a finite number")
        self.damping = damping
        self.share = share
        self.states = states

    @property
    def identity(self) -> Mapping[str, str]:
        """The options, and the digest of the states."""
        states = {} if self.states is None else {"states": digest_file(self._file(self.states))}
        return {
            "mitigation": "eigenshift",
            "damping": str(self.damping),
            "share": str(self.share),
            **states,
        }

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Read the states, damp the output layer, write the checkpoint and the states."""
        import torch
        from safetensors.torch import save_file

        from harness.mitigations.fitting.base import Base
        from harness.mitigations.fitting.states import mean_states

        clean, toxic = split(fit.texts, "eigenshift")
        base = Base(fit.model)
        states = mean_states(base, base.rows([*clean, *toxic]), fit, only_text=True)
        if fit.forecast:
            return {}
        difference = torch.from_numpy(states[len(clean) :].mean(0) - states[: len(clean)].mean(0))
        untie(base.network)
        head = base.network.get_output_embeddings().weight
        with torch.no_grad():
            head.copy_(self._damped(head.detach(), difference))
        base.save(fit.out)
        save_file({"difference": difference.float()}, fit.out / STATES)
        return {"clean_texts": len(clean), "toxic_texts": len(toxic),
                "directions": self._count(head.shape[1])}  # fmt: skip

    def change_weights(self, weights: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        """The output layer, damped.

        Raises:
            HarnessError: the output layer is the embedding, or the states are of another width.
        """
        from harness.mitigations.weights.learned import read_vector

        if self.states is None:
            raise HarnessError(
                "mitigation.states= names none; make them with python -m harness.mitigate "
                "method=eigenshift"
            )
        name = next((name for name in weights if name.endswith(HEADS)), None)
        if name is None:
            raise HarnessError(
                "the output layer of this model is its embedding too, which mitigation=eigenshift "
                "would change with it; ask the checkpoint that method=eigenshift writes: "
                f"model={self.states}"
            )
        option, width = f"mitigation.states={self.states!r}", weights[name].shape[1]
        difference = read_vector(option, self._file(self.states), "difference", width, "states")
        return {name: self._damped(weights[name], difference)}

    def _damped(self, head: torch.Tensor, difference: torch.Tensor) -> torch.Tensor:
        from harness.mitigations.weights.editing import damped

        return damped(head, difference.to(head.device), self.damping, self._count(head.shape[1]))

    def _count(self, width: int) -> int:
        return max(1, math.ceil(self.share * width))

    @staticmethod
    def _file(states: str) -> Path:
        path = Path(states)
        path = path / STATES if path.is_dir() else path
        if not path.is_file():
            raise HarnessError(f"mitigation.states={states!r} is no file and holds no {STATES}")
        return path


def untie(network: Any) -> None:
    """Give the output layer weights of its own, where it has the embedding's."""
    import torch

    head, embedding = network.get_output_embeddings(), network.get_input_embeddings()
    if head.weight is embedding.weight:
        head.weight = torch.nn.Parameter(embedding.weight.detach().clone())
    network.config.get_text_config().tie_word_embeddings = False
    network.config.tie_word_embeddings = False
