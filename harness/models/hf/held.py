"""A model that is in memory already, as it is there now: one that is being trained, for example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from transformers import PreTrainedTokenizerBase

from harness.models.checkpoints.templates import DAY, parse_day, set_template
from harness.models.hf.digests import CopiedTokenizer, digest_of_weights
from harness.models.hf.engine import generate
from harness.models.hf.loaded import LoadedModel
from harness.models.hf.spreading import is_offloaded, where
from harness.models.hf.trials import Trials
from harness.types import Generation, GenerationConfig, HarnessError, Request


class HeldModel:
    """A causal language model of transformers in memory, on whatever device it is.

    While it answers it is without dropout and has our attention; afterwards it is as it was. Make
    another one where its weights have changed: the identity is a digest of them.

    Args:
        model: of transformers, on one device or over several.
        tokenizer: with the chat template that is to be used; it is not changed.
        name: what tables call it.
        token_budget: tokens whose keys and values are held at once; None: as many as free memory
            holds.
    """

    weighs_choices = True

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        name: str,
        token_budget: int | None = None,
    ) -> None:
        self.model = model
        self._copied = CopiedTokenizer(tokenizer)
        self.tokenizer = self._copied.tokenizer
        set_template(self.tokenizer, None, parse_day(DAY))
        self.name = name
        self.token_budget = token_budget

    @property
    def device_used(self) -> str:
        """Where it is."""
        return ", ".join(where(self.model))

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """Digests of the weights as they are now and of the tokenizer, dtype and engine.

        Raises:
            HarnessError: some of the weights are not in memory.
        """
        if is_offloaded(self.model):
            raise HarnessError(
                f"model={self.name!r} is not all in memory: some of its weights are offloaded, so "
                "that they cannot be told from others'; give its folder as model=FOLDER, with "
                "backend.device=auto-split"
            )
        return {
            "backend": "held",
            "weights": f"sha256-of-pieces:{digest_of_weights(self.model)}",
            "tokenizer": self._copied.fingerprint,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "engine": "2",
        }

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Answer the requests; the model is as it was once that is over, or given up."""
        trials = Trials({**self.identity, "device": self.device_used})
        with _lent(self.model):
            loaded = LoadedModel(self.tokenizer, self.model, self.name, self.token_budget, trials)
            yield from generate(loaded, requests, generation, seed)


@contextmanager
def _lent(model: Any) -> Iterator[None]:
    """Give the model back as it was taken."""
    training = {name for name, module in model.named_modules() if module.training}
    settings, attention = model.generation_config, model.config._attn_implementation
    model.eval()
    try:
        yield
    finally:
        model.generation_config = settings
        model.set_attn_implementation(attention)
        for name, module in model.named_modules():
            module.training = name in training
