"""Models that transformers runs here: the bundled one, a checkpoint's folder, or a hub's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from harness.models.bundled import BUNDLED
from harness.models.checkpoints.checkpoint import notes_on_head
from harness.models.checkpoints.classes import notes_on_class, refuse_pair
from harness.models.checkpoints.endings import Endings, endings_of
from harness.models.checkpoints.quantised import notes_on_quantised
from harness.models.checkpoints.template_text import (
    CLOCK,
    DAY,
    digest_template,
    marks_of,
    parse_day,
    set_template,
    template_of,
)
from harness.models.hf.places import parse_devices, parse_memory
from harness.models.hf.precision import Precision
from harness.models.hf.sizes import sizes
from harness.models.hf.source import Source
from harness.types import (
    Generation,
    GenerationConfig,
    HarnessError,
    Mitigation,
    Request,
    fingerprint,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from harness.models.hf.hooks import Hooks
    from harness.models.hf.loaded import LoadedModel
    from harness.models.hf.prompt_encoder import PromptEncoder
    from harness.models.hf.reading import Reading


_loaded: WeakValueDictionary[str, LoadedModel] = WeakValueDictionary()
"""Models in use, so that a model which judges itself is loaded once."""


class HuggingFaceModel:
    """A causal language model run by transformers, in batches filled by length.

    Args:
        name: a bundled model (`smollm2`), the folder of a checkpoint or of an adapter of peft,
            a GGUF file or a hub id.
        revision: branch, tag or commit of a hub id; None: the newest.
        dtype: `auto` (what the checkpoint holds, but choices are weighed in float32), `float32`,
            `bfloat16` or `float16`.
        quantize: round plain weights to `int8`, `nf4` or `fp4` (bitsandbytes); None: as they are.
        device: `auto` (an accelerator where there is one), as torch writes it (`cuda:1`), several
            (`cuda:0,cuda:1,cpu,disk`), or `auto-split`: all that there are.
        device_memory: of several devices what weights may take on each: `20GB,20GB,60GB,1TB`.
        token_budget: tokens whose keys and values are held at once; None: as many as free memory
            holds. Halved, for the rest of the run, when memory runs out.
        chat_template: a Jinja file instead of the checkpoint's own template.
        today: the day that a chat template is told which writes it.
        base: of an adapter, instead of the base that its config names; they are merged in memory.
        trust_remote_code: let a checkpoint run Python of its own.
        check_numerics: measure, once a run, how far the log-probabilities of the same requests
            move when they are computed in other company; run.json then holds it.
    """

    weighs_choices = True

    def __init__(
        self,
        name: str,
        revision: str | None = None,
        dtype: str = "auto",
        device: str | Sequence[str] = "auto",
        token_budget: int | None = None,
        chat_template: str | None = None,
        trust_remote_code: bool = False,
        check_numerics: bool = False,
        today: str = DAY,
        base: str | None = None,
        template_args: Mapping[str, Any] | None = None,
        quantize: str | None = None,
        device_memory: str | Sequence[str] | None = None,
    ) -> None:
        self.name = name
        self.revision = revision
        self.precision = Precision(dtype, quantize)
        self.device = device if isinstance(device, str) else ",".join(device)
        self.device_memory = device_memory
        self.token_budget = token_budget
        self.chat_template = chat_template
        self.trust_remote_code = trust_remote_code
        self.check_numerics = check_numerics
        self.today = today
        self.template_args = dict(template_args or {})
        self.source = Source(name, revision, base)
        self._numerics: Mapping[str, Any] | None = None
        self._in_use: dict[str, LoadedModel] = {}
        self._hooks: Hooks | None = None

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """Weights, dtype, chat template and the engine's version; reads no weights that it knows.

        Raises:
            HarnessError: there is no such model, or it is not one that can be run.
        """
        config, folder = self._check(), self.source.tokenizer_folder
        identity = {"backend": "hf", "weights": self.source.weights, "engine": "2"}
        identity |= self.precision.identity(config)
        if self.source.base:
            identity["merge"] = "2"  # layers that share a weight are parted
        if self.chat_template:
            identity["chat_template"] = digest_template(self.chat_template)
        if self.template_args:
            identity["template_args"] = fingerprint(self.template_args)
        identity |= self._endings.identity()
        day, template = parse_day(self.today), template_of(folder, self.chat_template)
        if CLOCK in template:
            identity["today"] = day.isoformat()
        if marks := marks_of(folder, template):
            identity["thinking"] = marks
        return identity

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Answer the requests; those that share a beginning share its computation."""
        from harness.models.hf.engine import generate
        from harness.models.hf.numerics import measure

        writing = [request for request in requests if not request.choices]
        weighing = [request for request in requests if request.choices]
        dtype = self.identity["dtype"]
        for part, used in ((writing, dtype), (weighing, self.identity.get("choices_dtype", dtype))):
            if part:
                loaded = self.load(used)
                if self.check_numerics and self._numerics is None:
                    self._numerics = measure(loaded, part)
                yield from generate(loaded, part, generation, seed)

    def hooked(self, mitigations: Sequence[Mitigation]) -> HuggingFaceModel:
        """This model with mitigations inside it, loaded apart from it; identity stays the bare one.

        Raises:
            HarnessError: one of them does not fit the model.
        """
        from harness.models.hf.auxiliaries import check_inside
        from harness.models.hf.hooks import Hooks

        config = self._check()
        refuse_pair(config, self.name)
        other = copy(self)
        other._in_use, other._numerics, other._hooks = {}, None, Hooks(tuple(mitigations))
        check_inside(other._hooks, other, config)
        return other

    @property
    def device_used(self) -> str | None:
        """Where it runs, once it does."""
        return next((loaded.device_used for loaded in self._in_use.values()), None)

    @property
    def notes(self) -> list[str]:
        """What its files do not say outright: of its head, and where texts and answers end."""
        config = self._check()
        folded = self._encoder.notes if "_encoder" in vars(self) else []
        of_class = notes_on_class(config, self.name)
        of_files = [*of_class, *notes_on_head(config, self.name), *self._endings.notes(self.name)]
        rounded = notes_on_quantised(config, self.precision.quantize, self.name)
        adapted = self.source.adapted(self.precision.is_rounded(config))
        return [*adapted, *self.source.notes, *of_files, *rounded, *folded]

    @property
    def remarks(self) -> Mapping[str, Any]:
        """By which attention it ran and how much it held at once, in each dtype; its numerics."""
        account: dict[str, Any] = {dtype: loaded.remarks for dtype, loaded in self._in_use.items()}
        return account | ({"numerics": self._numerics} if self._numerics else {})

    def count_tokens(self, requests: Sequence[Request]) -> list[int]:
        """Tokens of each prompt, and of the choices after it; loads the tokenizer alone."""
        return self._encoder.count_tokens(requests)

    def rendered(self, request: Request) -> str:
        """The text that a request becomes; loads the tokenizer alone.

        Raises:
            HarnessError: the chat template does not take it, or leaves some of it out.
        """
        return self._encoder.render(request)

    def vendor_text(self) -> str | None:
        """The system text that the chat template writes where none is asked for."""
        return self._encoder.vendor_text()

    def memory(self) -> tuple[int | None, int | None]:
        """Bytes of the weights, and of the keys and values of one token."""
        dtype, config = self.identity["dtype"], self._check()
        return sizes(self.source.folder, config, dtype, self.precision.quantize)

    def placement(self, *tokens: int) -> tuple[Mapping[str, int], int, int] | None:
        """Bytes of weights by place, bytes that each forward carries, forwards; None: one place."""
        from harness.models.hf.reading import placement

        return placement(self.source, self._reading(self.identity["dtype"]), *tokens)

    def load(self, dtype: str) -> LoadedModel:
        """The model in memory, loaded the first time."""
        if dtype in self._in_use:
            return self._in_use[dtype]
        from harness.models.hf.auxiliaries import act_inside
        from harness.models.hf.loaded import LoadedModel
        from harness.models.hf.packed import pack
        from harness.models.hf.reading import read_model
        from harness.models.hf.trials import Trials

        weights = fingerprint({**self.identity, "used": dtype})
        hooks = self._hooks.key if self._hooks else ""
        at = f"{self.device} {self.device_memory or ''}".strip()
        tried = {"weights": weights, "device": at, "hooks": hooks}
        key = fingerprint({**tried, "budget": self.token_budget})
        loaded = _loaded.get(key)
        if loaded is None:
            trials = Trials(tried)
            model = read_model(self.source, self._reading(dtype, trials.passed is not None))
            tokenizer, budget = self._encoder.tokenizer, self.token_budget
            loaded = _loaded[key] = LoadedModel(tokenizer, model, self.name, budget, trials)
            if self._hooks:
                act_inside(self._hooks, self, loaded)
            pack(loaded.model)
        self._in_use[dtype] = loaded
        return loaded

    def read(self, dtype: str) -> tuple[Any, Any]:
        """A tokenizer and a model of transformers, read anew and held by nobody else."""
        from harness.models.hf.reading import read_model, read_tokenizer

        folder, trusted = self.source.tokenizer_folder, self.trust_remote_code
        tokenizer = read_tokenizer(folder, self.name, trusted)
        model = read_model(self.source, self._reading(dtype))
        self._set_template(tokenizer)
        return tokenizer, model

    def _reading(self, dtype: str, compared: bool = False) -> Reading:
        from harness.models.hf.reading import Reading

        trusted, quantize = self.trust_remote_code, self.precision.quantize
        return Reading(dtype, self.device, self.device_memory, trusted, quantize, compared)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Of its texts, without the model; not to be changed."""
        return self._encoder.tokenizer

    @cached_property
    def _encoder(self) -> PromptEncoder:
        """The tokenizer without the model."""
        from harness.models.hf import put_off  # noqa: F401 - before what imports transformers
        from harness.models.hf.prompt_encoder import PromptEncoder
        from harness.models.hf.reading import read_tokenizer

        folder = self.source.tokenizer_folder
        tokenizer = read_tokenizer(folder, self.name, self.trust_remote_code)
        self._set_template(tokenizer)
        return PromptEncoder(tokenizer, self.name, bool(self._check().get("is_encoder_decoder")))

    def _set_template(self, tokenizer: PreTrainedTokenizerBase) -> None:
        chosen, day = self.template_text(), parse_day(self.today)
        set_template(tokenizer, chosen, day, self.template_args, self.name)

    def template_text(self) -> str | None:
        """The template that was chosen instead of the checkpoint's; None: none was."""
        return self.chat_template and Path(self.chat_template).read_text(encoding="utf-8-sig")

    @cached_property
    def _endings(self) -> Endings:
        """Where texts and answers end; a bundled model declares its ends."""
        if self.name in BUNDLED and not self.chat_template:
            return Endings()
        folder, pair = self.source.tokenizer_folder, bool(self._check().get("is_encoder_decoder"))
        return endings_of(folder, self.name, self.template_text(), self.trust_remote_code, pair)

    def _check(self) -> Mapping[str, Any]:
        """Refuse now what would only fail minutes later; gives the model's config."""
        if self.token_budget is not None and self.token_budget < 1:
            raise HarnessError(f"backend.token_budget={self.token_budget} must be at least 1")
        parse_memory(self.device_memory, parse_devices(self.device))
        config = self.source.check(self.trust_remote_code)
        self.precision.check(config, self.name)
        return config
