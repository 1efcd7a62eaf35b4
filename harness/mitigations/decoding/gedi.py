"""GeDi: tokens weighed by how probable they make it that the text is of the wanted class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.mitigations.decoding.checks import (
    auxiliary_model,
    auxiliary_weights,
    check_number,
    check_tokenizer,
)
from harness.types import HarnessError

if TYPE_CHECKING:
    import torch

    from harness.models.hf.hooks import Beside, Context
    from harness.models.hf.loaded import Auxiliary, LoadedModel
    from harness.models.hf.model import HuggingFaceModel


class GeDi:
    """log p(x) + weight * log p(wanted | text, x), filtered by the posterior (Krause et al. 2021).

    The posterior is Bayes' rule over two class-conditional models of the whole text, each
    log-probability divided by the number of tokens: one model under two control codes, or two.

    Args:
        wanted: a checkpoint or an adapter: of the wanted class, or class-conditional.
        unwanted: of the other class; None: `wanted` under the other code.
        wanted_code: text before every prompt of the wanted class's model.
        unwanted_code: of the other's.
        weight: the paper's omega; 0: the model as it is.
        rho: share of the weighed distribution that is kept at least, those first that are likeliest
            of the wanted class.
        tau: posterior from which on a token is kept whatever the share.
        scale: of the log-probabilities a token; a class-conditional model may have learned one.
        bias: log-odds of the wanted class before a text is read.
    """

    def __init__(
        self,
        wanted: str | None = None,
        unwanted: str | None = None,
        wanted_code: str = "",
        unwanted_code: str = "",
        weight: float = 30.0,
        rho: float = 0.2,
        tau: float = 0.8,
        scale: float = 1.0,
        bias: float = 0.0,
    ) -> None:
        self.names = {"wanted": wanted, "unwanted": unwanted or wanted}
        self.codes = {"wanted": wanted_code, "unwanted": unwanted_code}
        self.weight = check_number("weight", weight, 0)
        self.rho = check_number("rho", rho, 0, 1)
        self.tau = check_number("tau", tau, 0, 1)
        self.scale = check_number("scale", scale, 0)
        self.bias = check_number("bias", bias, -math.inf)

    @property
    def identity(self) -> Mapping[str, str]:
        """The models' weights, the codes and the numbers."""
        identity = {"mitigation": "gedi", "version": "1"}
        for role, name in self.names.items():
            identity[role] = auxiliary_weights(role, name) if name else "none"
            identity[f"{role}_code"] = self.codes[role]
        for option in ("weight", "rho", "tau", "scale", "bias"):
            identity[option] = repr(getattr(self, option))
        return identity

    def check_model(self, model: HuggingFaceModel) -> None:
        """Refuse models of another tokenizer, none, or two that are one."""
        if not self.names["wanted"]:
            raise HarnessError(
                "mitigation=gedi needs mitigation.wanted=CHECKPOINT, and mitigation.unwanted= of "
                "another or two control codes; python -m harness.mitigate "
                "method=domain_adaptation makes a pair"
            )
        wanted, unwanted = self.names["wanted"], self.names["unwanted"]
        if wanted == unwanted and self.codes["wanted"] == self.codes["unwanted"]:
            raise HarnessError(
                f"mitigation.wanted={wanted!r} is both classes' model: give mitigation.unwanted="
                "CHECKPOINT, or another mitigation.wanted_code than mitigation.unwanted_code"
            )
        for role, name in self.names.items():
            check_tokenizer(role, auxiliary_model(str(name)), model)

    def auxiliaries(self, model: HuggingFaceModel, loaded: LoadedModel) -> Sequence[Auxiliary]:
        """The two, or one under two codes."""
        from harness.models.hf.auxiliaries import read_auxiliary

        if not self.weight:
            return ()
        read: dict[str, Auxiliary] = {}
        auxiliaries = []
        for role, name in self.names.items():
            other = auxiliary_model(str(name), model.device)
            if other.name not in read:
                read[other.name] = read_auxiliary(self, other, loaded, role, headless=False)
            code = tuple(
                model.tokenizer.encode(self.codes[role], add_special_tokens=False)
                if self.codes[role]
                else ()
            )
            auxiliaries.append(replace(read[other.name], before=code, weighed=True))
        return auxiliaries

    def change_logits(
        self, logits: torch.Tensor, contexts: Sequence[Context], beside: Sequence[Beside] = ()
    ) -> torch.Tensor:
        """Logits of the weighed distribution."""
        import torch

        if not beside:
            return logits
        lengths = torch.tensor(
            [len(context.prompt) + len(context.written) + 1 for context in contexts],
            device=logits.device,
        )[:, None]
        wanted, unwanted = (
            (auxiliary.totals[:, None] + auxiliary.logits().log_softmax(-1)) / lengths
            for auxiliary in beside
            if auxiliary.totals is not None
        )
        posterior = torch.nn.functional.logsigmoid(self.scale * (wanted - unwanted) + self.bias)
        weighed = logits.log_softmax(-1) + self.weight * posterior
        if not self.rho and not self.tau:
            return weighed
        ordered, order = posterior.sort(-1)
        sums = weighed.softmax(-1).gather(1, order).cumsum(-1)
        out = (sums < 1 - self.rho) & (ordered < math.log(self.tau) if self.tau else sums < -1)
        out[:, -1] = False  # one is left whatever the rounding of the sums
        return weighed.masked_fill(torch.zeros_like(out).scatter(1, order, out), -torch.inf)
