"""A model that is in memory already, as it is there now: one that is being trained, for example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from harness.models.checkpoints.classes import notes_on_class
from harness.models.checkpoints.quantised import notes_on_quantised, scheme
from harness.models.checkpoints.template_text import DAY, parse_day, set_template, template_of
from harness.models.hf.digests import CopiedTokenizer, digest_of_weights
from harness.models.hf.engine import generate
from harness.models.hf.loaded import LoadedModel
from harness.models.hf.prompt_encoder import PromptEncoder
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
        chat_template: a Jinja file instead of the tokenizer's own template.
        template_args: variables of the template that are set.
        today: the day that a chat template is told which writes it.
        weights: the digest of its weights as they are, where that is under way; None: it is taken
            when it is asked for.

    Raises:
        HarnessError: the template cannot be read, or has no place for what it is given; or there
            is no room.
    """

    weighs_choices = True

    def __init__(
        self,
        model: Any,
        tokenizer: PreTrainedTokenizerBase,
        name: str,
        token_budget: int | None = None,
        chat_template: str | None = None,
        template_args: Mapping[str, Any] | None = None,
        today: str = DAY,
        weights: Future[str] | None = None,
    ) -> None:
        if token_budget is not None and token_budget < 1:
            raise HarnessError(f"backend.token_budget={token_budget} must be at least 1")
        self.model = model
        self._copied = CopiedTokenizer(tokenizer)
        self.tokenizer = self._copied.tokenizer
        chosen = template_of(Path(), chat_template) if chat_template else None
        set_template(self.tokenizer, chosen, parse_day(today), template_args or {}, name)
        self.name = name
        self.token_budget = token_budget
        self._weights = weights
        self._remarks: dict[str, Any] = {}

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
        digest = self._weights.result() if self._weights else digest_of_weights(self.model)
        identity = {
            "backend": "held",
            "weights": f"sha256-of-pieces:{digest}",
            "tokenizer": self._copied.fingerprint,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "engine": "2",
        }
        rounded = scheme(self._config, None)
        return identity | ({"quantisation": rounded} if rounded else {})

    @property
    def notes(self) -> list[str]:
        """What its config and its template do not say outright."""
        of_class = notes_on_class(self._config, self.name)
        return [*of_class, *notes_on_quantised(self._config, None, self.name), *self._encoder.notes]

    @property
    def remarks(self) -> Mapping[str, Any]:
        """By which attention it ran and how much it held at once."""
        return self._remarks

    def count_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Tokens of each prompt, and of the choices after it."""
        return self._encoder.count_tokens(requests)

    def rendered(self, request: Request) -> str:
        """The text that a request becomes.

        Raises:
            HarnessError: the chat template does not take it, or leaves some of it out.
        """
        return self._encoder.render(request)

    def vendor_text(self) -> str | None:
        """The system text that the chat template writes where none is asked for."""
        return self._encoder.vendor_text()

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Answer the requests; the model is as it was once that is over, or given up."""
        trials = Trials({**self.identity, "device": self.device_used})
        with _lent(self.model):
            loaded = LoadedModel(self.tokenizer, self.model, self.name, self.token_budget, trials)
            self._remarks = {self.identity["dtype"]: loaded.remarks}
            yield from generate(loaded, requests, generation, seed)

    @cached_property
    def _config(self) -> Mapping[str, Any]:
        config: Mapping[str, Any] = self.model.config.to_dict()
        return config

    @cached_property
    def _encoder(self) -> PromptEncoder:
        return PromptEncoder(
            self.tokenizer, self.name, bool(self._config.get("is_encoder_decoder"))
        )


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
