"""A model of transformers in memory: how it is loaded, its forwards, and how much it can hold."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import torch
import transformers
from transformers import PreTrainedTokenizerBase

from harness.models.checkpoints.weights import check_causal, refuse_unknown_tokens, writable
from harness.models.hf.beginnings import MOST_TOKENS, Beginnings
from harness.models.hf.cascade import NAME, Prefill, Work
from harness.models.hf.histories import Histories
from harness.models.hf.hooks import NO_HOOKS, Head, layers_of
from harness.models.hf.levels import cut
from harness.models.hf.memory import fill
from harness.models.hf.prefixes import KeyValues, Leaf, Segment, Tokens
from harness.models.hf.prompt_encoder import PromptEncoder
from harness.models.hf.spreading import device_of, is_dispatched, least_free, where
from harness.models.hf.trials import Passed, Trials
from harness.types import Request

logger = logging.getLogger(__name__)

MOST_ROWS = 256
"""Rows written together; beyond, a step takes longer as fast as it has more rows."""
PASS_TOKENS = 1536
"""Tokens of one forward over prompts; beyond, it takes longer as fast as it has more tokens."""
PLAIN_TOKENS = 16384
"""Token budget where the keys and values of a token have not been measured."""
MEMORY_SHARE = 0.4
"""Part of the memory left by the weights that keys and values may take; the rest is for work."""


@dataclass(frozen=True)
class Auxiliary:
    """A model that runs on the same rows for a mitigation, with its own keys and values."""

    of: object
    """The mitigation."""
    loaded: LoadedModel
    ask: Callable[[Request], Request] | None = None
    """What it is asked instead; None: the very tokens that the model is asked."""
    before: Tokens = ()
    """What stands before all that it is asked."""
    weighed: bool = False
    """Whether the log-probabilities of its rows are kept."""
    head: Head | None = None
    """Makes logits of what it gives; None: it gives logits."""

    def prompt(self, request: Request, tokens: Tokens) -> Tokens:
        """What it is asked where the model is asked these tokens."""
        asked = tokens if self.ask is None else self.loaded.tokens(self.ask(request))[0]
        return self.before + asked


class LoadedModel:
    """Weights and tokenizer, with the attention of ours where the model takes it.

    Args:
        tokenizer: its chat template set.
        model: on its device, without dropout (`eval`).
        name: what the user called it.
        token_budget: tokens held at once at most; None: as many as free memory holds.
        trials: of these weights, which are not tried again where they have passed.

    Raises:
        HarnessError: it does not write a text from left to right.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        model: Any,
        name: str,
        token_budget: int | None = None,
        trials: Trials | None = None,
    ) -> None:
        self.model = model
        self.device = device_of(model.get_input_embeddings())
        self.is_pair = bool(self.model.config.is_encoder_decoder)
        """Whether an encoder reads prompts, and an answer is a text of its own."""
        self.encoder = PromptEncoder(tokenizer, name, apart=self.is_pair)
        declared = self.model.generation_config
        self.first, self.forced = (
            next(filter(lambda token: token is not None, (getattr(at, key, None) for at in
                 (declared, self.model.config))), None)
            for key in ("decoder_start_token_id", "forced_bos_token_id")
        )  # fmt: skip
        """Of an encoder-decoder model, the tokens by which an answer begins."""
        # The checkpoint's own sampling defaults would otherwise fill whatever a run leaves unsaid.
        self.model.generation_config = transformers.GenerationConfig()
        text_config = self.model.config.get_text_config()
        self.vocabulary = int(text_config.vocab_size)
        ends = self.encoder.ends(declared.eos_token_id if declared else None)
        self.ends = writable(self.encoder.tokenizer, name, ends, self.vocabulary)
        self.pad = self.encoder.pad if self.encoder.pad < self.vocabulary else 0
        self.context = int(getattr(text_config, "max_position_embeddings", None) or 2**31)
        takes = inspect.signature(self.model.forward).parameters
        self.keeps_logits = "logits_to_keep" in takes
        self.takes_positions = "position_ids" in takes
        self.hooks = NO_HOOKS
        self.beginnings = Beginnings()
        self.histories = Histories()
        self.auxiliaries: Sequence[Auxiliary] = ()
        """Of its mitigations."""
        self.states_for: Sequence[object] = ()
        """Mitigations that are given what its head is given, which then stands behind its logits
        (harness/models/hf/auxiliaries.py)."""
        self.scale = 1.0
        """Halved whenever memory runs out, for as long as the model lives."""
        self.widest = 0
        """Tokens of the longest row that our attention is right for; 0: it does not fit."""
        self.token_bytes = 0
        """Of one token's keys and values."""
        self._own_attention = self.model.config._attn_implementation
        self.misfit: str | None = None
        """Why our attention does not fit; None where it does."""
        if trials and (passed := trials.passed):
            self.widest, self.token_bytes = passed.widest, passed.token_bytes
        else:
            if not self.is_pair:
                check_causal(self.model, name, self.device)
            self.misfit = self._try_cascade()
            self.beginnings.clear()  # the trial's; hooks may change the model yet
            if trials and not self.misfit:
                trials.keep(Passed(self.widest, self.token_bytes))
        if self.misfit:
            logger.warning("%s runs by transformers' own, slower generation: %s", name, self.misfit)
        self.token_budget = token_budget or self.fitting_tokens()

    def tokens(self, request: Request) -> tuple[Tokens, tuple[Tokens, ...]]:
        """A request's prompt and its choices in tokens.

        Raises:
            HarnessError: the embedding has no row for one of them.
        """
        prompt = self.encoder.encode(request)
        choices = self.encoder.choices(request, prompt) if request.choices else ()
        tokens, encoder = [*prompt, *chain(*choices)], self.encoder
        refuse_unknown_tokens(encoder.tokenizer, encoder.name, tokens, self.vocabulary)
        return tuple(prompt), tuple(map(tuple, choices))

    @property
    def pass_tokens(self) -> int:
        """Tokens of one forward over prompts."""
        return max(1, int(PASS_TOKENS * self.scale))

    @property
    def most_rows(self) -> int:
        """Rows written together."""
        return max(1, int(MOST_ROWS * self.scale))

    @property
    def held_tokens(self) -> int:
        """Tokens whose keys and values are held at once."""
        return max(1, int(self.token_budget * self.scale))

    @cached_property
    def is_dispatched(self) -> bool:
        """Whether accelerate moves inputs or weights; a list then selects on any device's head."""
        return is_dispatched(self.model)

    @property
    def device_used(self) -> str:
        """All places that hold its weights."""
        return ", ".join(where(self.model))

    @property
    def remarks(self) -> dict[str, Any]:
        """How it works, for a reader of `run.json`."""
        account: dict[str, Any] = {"attention": "shared", "held_tokens": self.held_tokens}
        if self.is_dispatched:
            account["layers"] = where(self.model)
        if self.misfit:
            account["attention"] = f"transformers' own: {self.misfit}"
        elif self.widest < self.context:
            account["attention"] = f"shared; transformers' own beyond {self.widest} tokens"
        return account

    def halve(self) -> None:
        """Do with half of the memory from now on."""
        self.scale /= 2
        self.beginnings.clear()
        self.histories.clear()
        logger.warning("out of memory; from now on %.3g of the usual is held at once", self.scale)

    def use_cascade(self, ours: bool) -> None:
        """Switch between our attention and the model's own, its auxiliaries' too."""
        self.model.set_attn_implementation(NAME if ours else self._own_attention)
        for other in {auxiliary.loaded for auxiliary in self.auxiliaries} - {self}:
            other.use_cascade(ours)

    def forward(
        self, tokens: Sequence[int], positions: Sequence[int], work: Work, last: Sequence[int]
    ) -> torch.Tensor:
        """One forward over packed tokens.

        Args:
            tokens: of all rows, one after another.
            positions: of each token in its row.
            work: how each token attends.
            last: which tokens' logits are wanted.

        Returns:
            Logits, shape (len(last), vocabulary).
        """
        last_tokens = list(last) if self.is_dispatched else torch.tensor(last, device=self.device)
        keep = {"logits_to_keep": last_tokens} if self.keeps_logits else {}
        logits: torch.Tensor = self.model(
            input_ids=torch.tensor([tokens], device=self.device),
            position_ids=torch.tensor([positions], device=self.device),
            use_cache=False,
            work=work,
            **keep,
        ).logits[0]
        return logits if self.keeps_logits else logits[last_tokens]

    def prefill(
        self, leaves: Sequence[Leaf], counts: Sequence[int]
    ) -> tuple[torch.Tensor, list[KeyValues]]:
        """Run rows' own tokens, and before them what of their segments was not run yet.

        Args:
            leaves: what is left of each row.
            counts: how many of each row's last tokens' logits are wanted.

        Returns:
            Logits of all wanted tokens, shape (sum of counts, vocabulary), and keys and values.
        """
        chains = [leaf.parent.chain() for leaf in leaves if leaf.parent]
        for depth in range(max(map(len, chains), default=0)):
            here = dict.fromkeys(chain[depth] for chain in chains if depth < len(chain))
            shared = [segment for segment in here if not segment.private]
            if depth == 0:
                self.beginnings.give(shared)
            self._compute([segment for segment in here if segment.cache is None])
            if depth == 0:
                self.beginnings.keep(shared, MOST_TOKENS * self.scale)
        parents = [leaf.parent for leaf in leaves]
        out = self._pass([leaf.own_tokens for leaf in leaves], parents, counts, counts)
        for leaf, seen in zip(leaves, self.hooks.gate.seen(len(leaves)), strict=True):
            leaf.seen = seen
        return out

    def _compute(self, missing: list[Segment]) -> None:
        """Keys and values of segments whose parents have theirs."""
        while missing:
            batch = fill(missing, lambda segment: len(segment.tokens), self.pass_tokens)
            del missing[: len(batch)]
            rows = [segment.tokens for segment in batch]
            parents = [segment.parent for segment in batch]
            nothing = [0] * len(batch)
            _, layers = self._pass(rows, parents, [1, *nothing[1:]], nothing)
            first = 0
            for segment, seen in zip(batch, self.hooks.gate.seen(len(batch)), strict=True):
                segment.seen = seen
                segment.cache = cut(layers, first, first + len(segment.tokens))
                first += len(segment.tokens)

    def _pass(
        self,
        rows: Sequence[Sequence[int]],
        parents: Sequence[Segment | None],
        counts: Sequence[int],
        changed: Sequence[int],
    ) -> tuple[torch.Tensor, list[KeyValues]]:
        lengths = [len(row) for row in rows]
        before = [parent.seen if parent else () for parent in parents]
        self.hooks.gate.prompts(lengths, before, changed, self.device)
        work = Prefill(lengths, parents, self.device)
        tokens: list[int] = []
        positions: list[int] = []
        last: list[int] = []
        for row, parent, count in zip(rows, parents, counts, strict=True):
            start = parent.end if parent else 0
            tokens += row
            positions += range(start, start + len(row))
            last += range(len(tokens) - count, len(tokens))
        return self.forward(tokens, positions, work, last), work.layers

    def _try_cascade(self) -> str | None:
        """Why our attention does not fit; None where it does."""
        from harness.models.hf.trying import try_cascade

        return try_cascade(self)

    def fitting_tokens(self) -> int:
        """As many tokens as free memory holds."""
        if not self.token_bytes:
            return PLAIN_TOKENS
        parts = layers_of(self.model, self.encoder.name) if self.is_dispatched else [self.model]
        return int(least_free(parts) * MEMORY_SHARE / self.token_bytes)
