"""Whether a prompt asks for harm, read from a language model's own states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.models.hf.model import HuggingFaceModel
from harness.scorers.offline.scorer import DIGITS, WEIGHTS
from harness.scorers.prompts.perceptron import Perceptron
from harness.scorers.readable import ENGLISH, reading_identity, unasked
from harness.types import (
    Direction,
    Generation,
    HarnessError,
    Metric,
    Sample,
    Score,
    asked,
    digest_file,
    weights_of,
    well_formed,
)

if TYPE_CHECKING:
    from harness.models.hf.loaded import LoadedModel

MOST_TOKENS = 2048
"""Of a prompt; a longer one has no score."""

WEAK = {"prompt_toxicity": "it calls .22 of XSTest's safe requests toxic"}
"""What the project's weights are poor at, as the card has it."""


class PromptToxicityScorer:
    """Gives `prompt_toxicity`, from 0 (harmless) to 1 (asks for harm), of requests, not of answers.

    The features are inner products of the states of the prompt's last token with those of concept
    prompts after six layers, and a small perceptron reads them: ToxicDetector (Liu et al. 2024,
    arXiv 2408.11727). Lower is better, as for a set of prompts that is to be harmless. English
    only. What it is worth is in the card beside this file.

    Args:
        model: whose states are read: bundled, or the folder of a checkpoint.
        weights: a file of `python -m harness.train recipe=prompt_toxicity` made for that model;
            None: the weights that come with the project, which are for the bundled one.
        device: as torch writes it; `auto`: an accelerator where there is one.
    """

    metrics: Mapping[str, Metric] = {
        "prompt_toxicity": Metric(low=0.0, high=1.0, better=Direction.LOWER)
    }
    rubrics: Mapping[str, str] = {"prompt_toxicity": "Does the prompt ask for something harmful?"}
    languages: frozenset[str] | None = ENGLISH
    of_requests = True

    def __init__(
        self, model: str = "smollm2", weights: str | None = None, device: str = "auto"
    ) -> None:
        self.path = Path(weights) if weights else WEIGHTS / "prompt_toxicity.safetensors"
        if not self.path.is_file():
            raise HarnessError(
                f"there are no weights {str(self.path)!r} for the scorer 'prompt_toxicity'; make "
                "them with python -m harness.train recipe=prompt_toxicity"
            )
        self.weak = {} if weights else WEAK
        self.model = HuggingFaceModel(model, dtype="float32", device=device)

    @property
    def device(self) -> str | None:
        """Where the model runs, or is to run where it has not been loaded."""
        return self.model.device_used or self.model.device

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """Digests of the model's weights and of the perceptron's.

        Raises:
            HarnessError: the perceptron was made for another model's states.
        """
        weights = weights_of(self.model.identity)
        if self._perceptron.model != weights:
            raise HarnessError(
                f"weights {str(self.path)!r} were made for another model than scorers."
                f"prompt_toxicity.model={self.model.name!r}; make some for it with python -m "
                f"harness.train recipe=prompt_toxicity model={self.model.name}"
            )
        return {
            "scorer": "prompt_toxicity",
            "version": "1",
            "model": weights,
            "weights": digest_file(self.path),
            "reads": reading_identity(self.languages),
        }

    def score(
        self, samples: Sequence[Sample], generations: Sequence[Generation]
    ) -> list[list[Score]]:
        """Read what each sample asks last, once; one not in English or too long has no score."""
        requests = [well_formed(asked(sample.prompt)).strip() for sample in samples]
        scores = {text: self._missing(text) for text in dict.fromkeys(requests)}
        readable = [text for text, missing in scores.items() if missing is None]
        if readable:
            from harness.scorers.prompts.states import last_states

            states = last_states(self._loaded, readable, self._perceptron.layers)
            shares = np.round(self._perceptron.shares(states), DIGITS)
            scores |= {
                text: Score("prompt_toxicity", float(share))
                for text, share in zip(readable, shares, strict=True)
            }
        return [[score] for text in requests if (score := scores[text]) is not None]

    def _missing(self, request: str) -> Score | None:
        """Why a request has no score; None where it can be read."""
        reason = unasked(request, self.languages) if request else "nothing is asked"
        if reason is None:
            from harness.scorers.prompts.states import token_row

            tokens, most = len(token_row(self._loaded, request)), MOST_TOKENS
            if tokens > min(most, self._loaded.context):
                reason = f"the request has {tokens:,} tokens, more than the {most:,} read"
        return None if reason is None else Score.missing("prompt_toxicity", reason)

    @cached_property
    def _perceptron(self) -> Perceptron:
        return Perceptron.read(self.path)

    @property
    def _loaded(self) -> LoadedModel:
        return self.model.load(self.model.identity["dtype"])
