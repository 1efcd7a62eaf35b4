"""Each token made likelier or less by how often it stands in harmless and in toxic text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.mitigations.decoding.checks import check_number, read_text
from harness.mitigations.decoding.log_odds import log_odds
from harness.mitigations.fitting.texts import split
from harness.types import HarnessError, fingerprint

if TYPE_CHECKING:
    import torch

    from harness.mitigations.fitting.method import Fit
    from harness.models.hf.hooks import Context
    from harness.models.hf.loaded import Auxiliary, LoadedModel
    from harness.models.hf.model import HuggingFaceModel

SHIFTS = Path(__file__).with_name("shifts.tsv")
FILE = "shifts.tsv"


class VocabularyShift:
    """z - beta * toxicity(token), the toxicity a log-odds of its word (after Gehman et al. 2020).

    As a method it learns the log-odds from texts.

    Args:
        shifts: a word and its log-odds a line, with a tab between; `@FILE`: of a file; None: those
            that ship here, learned from RealToxicityPrompts.
        beta: how far; 0: the model as it is.
    """

    starter: ClassVar[Path] = Path(__file__).parents[1] / "weights" / "texts.jsonl"
    use: ClassVar[str] = "mitigation=vocabulary_shift mitigation.shifts=@{out}/shifts.tsv"
    paper: ClassVar[str] = (
        "Gehman et al. (2020, arXiv 2009.11462), who learn two numbers a token by affect; here "
        "one, the log-odds of a word in toxic against harmless text"
    )

    def __init__(self, shifts: str | None = None, beta: float = 1.0) -> None:
        text = SHIFTS.read_text(encoding="utf-8") if shifts is None else read_text("shifts", shifts)
        self.shifts = dict(_read(text))
        self.beta = check_number("beta", beta, 0)
        self._of_tokens: torch.Tensor | None = None

    @property
    def identity(self) -> Mapping[str, str]:
        """A digest of the words' log-odds, and how far."""
        return {
            "mitigation": "vocabulary_shift",
            "version": "1",
            "shifts": fingerprint(self.shifts),
            "beta": repr(self.beta),
        }

    def fit(self, fit: Fit) -> Mapping[str, object]:
        """Count words in toxic and in harmless texts, and write their log-odds.

        Raises:
            HarnessError: there are none of a kind.
        """
        clean, toxic = split(fit.texts, "vocabulary_shift")
        ratios = log_odds((text.text for text in toxic), (text.text for text in clean))
        lines = (f"{word}\t{ratio}\n" for word, ratio in ratios.items())
        (fit.out / FILE).write_text("".join(lines), encoding="utf-8")
        fit.log(f"{len(ratios)} words differ surely")
        return {"words": len(ratios), "toxic_texts": len(toxic), "clean_texts": len(clean)}

    def auxiliaries(self, model: HuggingFaceModel, loaded: LoadedModel) -> Sequence[Auxiliary]:
        """None; the words become tokens here."""
        import torch

        tokenizer = loaded.encoder.tokenizer
        numbers = list(range(min(loaded.vocabulary, len(tokenizer))))
        shifts = torch.zeros(loaded.vocabulary)
        for number, piece in zip(
            numbers, tokenizer.batch_decode([[n] for n in numbers]), strict=True
        ):
            shifts[number] = self.shifts.get(piece.strip().lower(), 0.0)
        if not bool(shifts.any()) and self.shifts:
            raise HarnessError(
                f"mitigation=vocabulary_shift: none of its {len(self.shifts):,} words is a token "
                f"of model={model.name!r}; give mitigation.shifts=@FILE of words that are"
            )
        self._of_tokens = (self.beta * shifts).to(loaded.device)
        return ()

    def change_likeliest(
        self,
        tokens: Sequence[str],
        weights: NDArray[np.float64],
        text: str,
        others: Sequence[Mapping[str, float]],
    ) -> NDArray[np.float64]:
        """The weights of a server's likeliest tokens with the shift."""
        shifts = [self.shifts.get(token.strip().lower(), 0.0) for token in tokens]
        return weights - self.beta * np.array(shifts)

    def change_logits(self, logits: torch.Tensor, contexts: Sequence[Context]) -> torch.Tensor:
        """The logits with the shift."""
        if not self.beta or self._of_tokens is None:
            return logits
        return logits.sub_(self._of_tokens)


def _read(text: str) -> Sequence[tuple[str, float]]:
    """Words and log-odds.

    Raises:
        HarnessError: a line has none.
    """
    shifts = []
    for line in filter(None, text.splitlines()):
        word, _, shift = line.rpartition("\t")
        try:
            number = float(shift)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise HarnessError(
                f"mitigation.shifts: line {line!r} must hold a word, a tab and a finite number"
            )
        shifts.append((word.strip().lower(), number))
    return shifts
