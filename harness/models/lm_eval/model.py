"""A model that lm-eval loads and runs: what it is, and which requests it is handed."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.models.bundled import BUNDLED, bundled_folder, bundled_weights
from harness.models.checkpoints.checkpoint import check_checkpoint, check_weight_files
from harness.models.checkpoints.rendered_elsewhere import fix_day
from harness.models.checkpoints.template_text import CLOCK, DAY, parse_day, template_of
from harness.models.lm_eval.asking import Asking, chunks
from harness.models.lm_eval.calls import Calls, is_of_torch
from harness.models.lm_eval.warned import Warnings
from harness.types import Generation, GenerationConfig, HarnessError, Request, digest_files

WRITES_ONLY = re.compile(r"chat|anthropic|litellm")
"""Types of lm-eval's that give no log-probabilities."""
SERVED = re.compile(r"completions|anthropic|litellm|textsynth|watsonx|gguf|ggml|sglang-generate")
"""Types that call the model `model`, not `pretrained`."""
CHECKPOINT = re.compile(r"hf(-auto)?$|huggingface$|vllm|sglang$")
"""Types that read a checkpoint in transformers' format."""
SECRET = re.compile(r"(?i)api_?key|auth|header|secret|password|(^|_)token$")
"""Arguments that would carry a key into results."""


class LmEvalModel:
    """A model that lm-eval loads and runs, a chunk of requests at a time.

    A prompt that lm-eval would silently shorten, for it is longer than the context, fails instead.
    Why an answer ended it does not say: `length` where its tokens can be counted, else `unknown`;
    of a server's answers it is read beside lm-eval. The tokens of our own tasks' choices are
    lm-eval's as well: white space that ends a prompt is weighed with each.

    Args:
        name: of the model, where `args` does not name one.
        type: as lm-eval registers it: `hf`, `vllm`, `local-chat-completions` ...
        args: what lm-eval's `--model_args` takes, as a mapping.
        batch_size: as lm-eval takes it.
        chunk: generations that are asked for and stored together.
        today: the day that a chat template is told which writes it.
    """

    def __init__(
        self,
        name: str,
        type: str = "hf",
        args: Mapping[str, Any] | None = None,
        batch_size: int | str = 16,
        chunk: int = 64,
        today: str = DAY,
    ) -> None:
        arguments = {key: value for key, value in (args or {}).items() if value is not None}
        if secrets := [key for key in arguments if SECRET.search(key)]:
            raise HarnessError(
                f"backend.args.{secrets[0]} would be written into results; lm-eval reads keys from "
                "the environment (OPENAI_API_KEY, ANTHROPIC_API_KEY)"
            )
        if chunk < 1:
            raise HarnessError(f"backend.chunk={chunk} must be at least 1")
        self.type = type
        self.name = str(arguments.get("pretrained") or arguments.get("model") or name)
        if not {"pretrained", "model"} & arguments.keys():
            arguments["model" if SERVED.search(type) else "pretrained"] = self.name
        self.args = arguments
        self.batch_size = batch_size
        self.chunk = chunk
        self.today = today
        self._calls: Calls | None = None
        self._warnings = Warnings()

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """Weights, type and arguments, and lm-eval's version; loads nothing.

        Raises:
            HarnessError: lm-eval is not installed, or knows no such type.
        """
        self._check_type()
        day = parse_day(self.today).isoformat()
        arguments = {key: self.args[key] for key in sorted(self.args) if key != "pretrained"}
        return {
            "backend": "lm_eval",
            "type": self.type,
            "weights": self._weights,
            "args": json.dumps(arguments, sort_keys=True, default=str),
            "batch_size": str(self.batch_size),
            "lm_eval": version("lm_eval"),
        } | ({"today": day} if day != DAY or CLOCK in self._template else {})

    @property
    def weighs_choices(self) -> bool:
        """Whether models of this type give log-probabilities."""
        return not WRITES_ONLY.search(self.type)

    @property
    def device_used(self) -> str | None:
        """Where it runs, once it does; None where that is not this machine."""
        device = self._calls and getattr(self._calls.lm, "device", None)
        return None if device is None or SERVED.search(self.type) else str(device)

    @property
    def notes(self) -> Sequence[str]:
        """What lm-eval and transformers warned of that changes what was asked."""
        return self._warnings.notes

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Ask lm-eval, a chunk at a time.

        Raises:
            HarnessError: the model cannot be loaded, or cannot do what is asked.
        """
        for request in requests:
            self._check(request)
        with self._warnings.listening():
            calls = self._load()
            weighing = [(r, 0) for r in requests if r.choices]
            writing = [(r, index) for r in requests if not r.choices for index in r.indices]
            if weighing:
                calls.check_weighing()
            if writing:
                calls.check_writing(generation, [request for request, _ in writing])
            for request in {_roles(request): request for request in requests}.values():
                calls.context(request)
            subject = f"lm-eval's {self.type}"
            yield from Asking(calls.weigh, subject).all(chunks(weighing, self.chunk))
            # A seed of torch's is the whole process's: each answer is then asked alone.
            size = 1 if generation.temperature and calls.seeds == "torch" else self.chunk
            ask = Asking(lambda chunk: calls.write(chunk, generation, seed), subject)
            yield from ask.all(chunks(writing, size))

    @property
    def _template(self) -> str:
        """The text of the chat template, where the checkpoint lies here."""
        name = str(self.args.get("pretrained") or "")
        folder = bundled_folder(name) if name in BUNDLED else Path(name)
        return template_of(folder, None) if name and folder.is_dir() else ""

    @cached_property
    def _weights(self) -> str:
        name = str(self.args.get("pretrained") or self.args.get("model"))
        if name in BUNDLED:
            return bundled_weights(name)
        if CHECKPOINT.match(self.type) and Path(name).exists() and not self.args.get("gguf_file"):
            check_checkpoint(Path(name), name, trust_remote_code=True)  # lm-eval asks for it itself
            check_weight_files(Path(name), name)
        if Path(name).is_dir():
            read = {".json", ".jinja", ".model", ".txt", ".safetensors"}
            return f"sha256:{digest_files([p for p in Path(name).iterdir() if p.suffix in read])}"
        where = self.args.get("base_url")
        return f"{name} at {where}" if where else f"{name}@{self.args.get('revision', 'main')}"

    def _check_type(self) -> None:
        try:
            import lm_eval.models  # noqa: F401
            from lm_eval.api.registry import MODEL_REGISTRY
        except ImportError as error:
            raise HarnessError(
                'backend=lm_eval needs the package lm-eval: pip install "harness[lm_eval]"'
            ) from error
        if self.type not in MODEL_REGISTRY:
            raise HarnessError(
                f"backend.type={self.type!r} is none of lm-eval's: "
                f"{', '.join(sorted(MODEL_REGISTRY))}"
            )

    def _check(self, request: Request) -> None:
        """Refuse what models of this type cannot be asked."""
        chat_only = "chat" in self.type
        if request.choices and not self.weighs_choices:
            raise HarnessError(
                f"this task weighs choices, and lm-eval's {self.type} gives no log-probabilities; "
                "choose a protocol in which answers are written, or a completions type"
            )
        if isinstance(request.prompt, str) and chat_only:
            raise HarnessError(
                f"this task has texts continued, and lm-eval's {self.type} takes only messages; "
                "choose a completions type"
            )
        begun = not isinstance(request.prompt, str) and request.prompt[-1].role == "assistant"
        if begun and chat_only:
            raise HarnessError(
                f"sample {request.sample_id!r} begins the model's answer, which lm-eval's "
                f"{self.type} cannot ask for"
            )

    def _load(self) -> Calls:
        if self._calls is not None:
            return self._calls
        import transformers
        from lm_eval.api.registry import get_model

        logging.getLogger("lm_eval").setLevel(logging.WARNING)
        args = dict(self.args)
        if args.get("pretrained") in BUNDLED:
            args["pretrained"] = str(bundled_folder(args["pretrained"]))
        try:
            kind = get_model(self.type)
            if is_of_torch(kind):
                transformers.utils.logging.disable_progress_bar()
                args.setdefault("device", _device())
            lm = kind.create_from_arg_obj(args, {"batch_size": self.batch_size})
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise HarnessError(
                f"lm-eval cannot load backend.type={self.type} of model {self.name!r} "
                f"({type(error).__name__}: {reason})"
            ) from error
        if is_of_torch(kind):
            from harness.models.checkpoints.weights import check_loaded

            check_loaded(lm.model, lm.AUTO_MODEL_CLASS, self.name, args)
        fix_day(getattr(lm, "tokenizer", None), parse_day(self.today))
        self._calls = Calls(lm, self.type, self.name)
        return self._calls


def _roles(request: Request) -> tuple[str, ...]:
    return () if isinstance(request.prompt, str) else tuple(m.role for m in request.prompt)


def _device() -> str:
    """An accelerator where there is one; lm-eval's own default is `cuda`, there or not."""
    import torch

    accelerator = (
        torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    )
    return accelerator.type if accelerator else "cpu"
