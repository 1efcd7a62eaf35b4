"""Whatever model the installed lm-eval can run: hf, vllm, sglang, a completions server ..."""

from __future__ import annotations

import inspect
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.identity import digest_files, seed_of
from harness.models.bundled import BUNDLED, bundled_folder, bundled_weights
from harness.text import well_formed
from harness.types import Generation, GenerationConfig, HarnessError, Request

WRITES_ONLY = re.compile(r"chat|anthropic|litellm")
"""Types of lm-eval's that give no log-probabilities."""
SERVED = re.compile(r"completions|anthropic|litellm|textsynth|watsonx|gguf|ggml|sglang-generate")
"""Types that call the model `model`, not `pretrained`."""
SECRET = re.compile(r"(?i)api_?key|auth|header|secret|password|(^|_)token$")
"""Arguments that would carry a key into results."""
ALONE = 3
"""Requests that may fail one after another, with none answered before, until the run ends."""
MINIMUM = {"vllm": "min_tokens", "sglang": "min_new_tokens", "torch": "min_new_tokens"}
"""What each kind calls the least number of tokens."""

Asked = tuple[Request, int]
"""A request and which of its generations."""


class LmEvalModel:
    """A model that lm-eval loads and runs, a chunk of requests at a time.

    A prompt that lm-eval would silently shorten, for it is longer than the context, fails instead.
    Why an answer ended it does not say: `length` where its tokens can be counted, else `unknown`.

    Args:
        name: of the model, where `args` does not name one.
        type: as lm-eval registers it: `hf`, `vllm`, `local-chat-completions` ...
        args: what lm-eval's `--model_args` takes, as a mapping.
        batch_size: as lm-eval takes it.
        chunk: generations that are asked for and stored together.
    """

    def __init__(
        self,
        name: str,
        type: str = "hf",
        args: Mapping[str, Any] | None = None,
        batch_size: int | str = 16,
        chunk: int = 64,
    ) -> None:
        given = {key: value for key, value in (args or {}).items() if value is not None}
        if secrets := [key for key in given if SECRET.search(key)]:
            raise HarnessError(
                f"backend.args.{secrets[0]} would be written into results; lm-eval reads keys from "
                "the environment (OPENAI_API_KEY, ANTHROPIC_API_KEY)"
            )
        if chunk < 1:
            raise HarnessError(f"backend.chunk={chunk} must be at least 1")
        self.type = type
        self.name = str(given.get("pretrained") or given.get("model") or name)
        if not {"pretrained", "model"} & given.keys():
            given["model" if SERVED.search(type) else "pretrained"] = self.name
        self.args = given
        self.batch_size = batch_size
        self.chunk = chunk
        self._lm: Any = None

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """Weights, type and arguments, and lm-eval's version; loads nothing.

        Raises:
            HarnessError: lm-eval is not installed, or knows no such type.
        """
        self._check_type()
        rest = {key: self.args[key] for key in sorted(self.args) if key != "pretrained"}
        return {
            "backend": "lm_eval",
            "type": self.type,
            "weights": self._weights,
            "args": json.dumps(rest, sort_keys=True, default=str),
            "batch_size": str(self.batch_size),
            "lm_eval": version("lm_eval"),
        }

    @property
    def weighs_choices(self) -> bool:
        """Whether models of this type give log-probabilities."""
        return not WRITES_ONLY.search(self.type)

    @property
    def device_used(self) -> str | None:
        """Where it runs, once it does; None where that is not this machine."""
        device = getattr(self._lm, "device", None)
        return None if device is None or SERVED.search(self.type) else str(device)

    def generate(
        self, requests: Sequence[Request], generation: GenerationConfig, seed: int
    ) -> Iterator[list[Generation]]:
        """Ask lm-eval, a chunk at a time.

        Raises:
            HarnessError: the model cannot be loaded, or cannot do what is asked.
        """
        for request in requests:
            self._check(request)
        lm = self._load()
        weighing = [(r, 0) for r in requests if r.choices]
        writing = [(r, index) for r in requests if not r.choices for index in r.indices]
        if weighing:
            self._check_weighing(lm)
        if writing and generation.temperature and not self._seeds(lm):
            raise HarnessError(
                f"lm-eval's {self.type} takes no seed, so that sampled answers could not be made "
                "again; ask greedily with generation.temperature=0"
            )
        ask = Asking(lambda some: self._weigh(lm, some), f"lm-eval's {self.type}")
        yield from ask.all(_chunks(weighing, self.chunk))
        # A seed of torch's is the whole process's: each answer is then asked alone.
        size = 1 if generation.temperature and self._seeds(lm) == "torch" else self.chunk
        ask = Asking(lambda some: self._write(lm, some, generation, seed), f"lm-eval's {self.type}")
        yield from ask.all(_chunks(writing, size))

    @cached_property
    def _weights(self) -> str:
        name = str(self.args.get("pretrained") or self.args.get("model"))
        if name in BUNDLED:
            return bundled_weights(name)
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

    def _load(self) -> Any:
        if self._lm is not None:
            return self._lm
        import transformers
        from lm_eval.api.registry import get_model

        logging.getLogger("lm_eval").setLevel(logging.WARNING)
        args = dict(self.args)
        if args.get("pretrained") in BUNDLED:
            args["pretrained"] = str(bundled_folder(args["pretrained"]))
        try:
            kind = get_model(self.type)
            if _is_of_torch(kind):
                transformers.utils.logging.disable_progress_bar()
                args.setdefault("device", _device())
            self._lm = kind.create_from_arg_obj(args, {"batch_size": self.batch_size})
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise HarnessError(
                f"lm-eval cannot load backend.type={self.type} of model {self.name!r} "
                f"({type(error).__name__}: {reason})"
            ) from error
        return self._lm

    def _check_weighing(self, lm: Any) -> None:
        """Ask for nothing, which a type that gives no log-probabilities refuses all the same."""
        try:
            _quietly(lm.loglikelihood, [])
        except (NotImplementedError, AssertionError) as error:
            raise HarnessError(
                f"this task weighs choices, and lm-eval's {self.type} does not: {error}"
            ) from error
        except Exception:  # noqa: BLE001 - it does weigh, if something
            return

    def _seeds(self, lm: Any) -> str | None:
        """How sampling is seeded: with each request, torch's own generator, or not at all."""
        served = any(kind.__name__ == "TemplateAPI" for kind in type(lm).__mro__)
        if served or self.type.startswith("vllm"):
            return "request"
        return "torch" if _is_of_torch(type(lm)) else None

    def _write(
        self, lm: Any, asked: Sequence[Asked], generation: GenerationConfig, seed: int
    ) -> list[Generation]:
        from lm_eval.api.instance import Instance

        contexts = [self._context(lm, request) or _start(lm) for request, _ in asked]
        lengths = [_length(lm, context) for context in contexts]
        room = _room(lm)
        fits = [
            length is None or room is None or length + generation.max_new_tokens <= room
            for length in lengths
        ]
        instances = []
        for (request, index), context, fit in zip(asked, contexts, fits, strict=True):
            if fit:
                own = self._settings(lm, generation, seed_of(seed, request.sample_id, index))
                instances.append(Instance("generate_until", {}, (context, own), 0))
        said = iter(_quietly(lm.generate_until, instances) if instances else [])
        found = []
        for (request, index), length, fit in zip(asked, lengths, fits, strict=True):
            if not fit:
                reason = f"the prompt of {length} tokens leaves no room in a context of {room}"
                found.append(Generation.failed(request.sample_id, index, reason))
                continue
            found.append(_written(lm, request, index, next(said), length, generation))
        return found

    def _settings(self, lm: Any, generation: GenerationConfig, own: int) -> dict[str, Any]:
        """What lm-eval is told of how to generate."""
        settings: dict[str, Any] = {
            "until": list(generation.stop),
            "max_gen_toks": generation.max_new_tokens,
            "do_sample": generation.temperature > 0,
            "temperature": generation.temperature,
        }
        seeds = self._seeds(lm)
        if generation.temperature:
            if generation.top_p < 1:
                settings["top_p"] = generation.top_p
            if generation.top_k:
                settings["top_k"] = generation.top_k
            if seeds == "request":
                settings["seed"] = own
            else:
                import torch

                torch.manual_seed(own)
                settings.setdefault("top_k", 0)  # transformers' own default is 50
        if generation.min_new_tokens:
            kind = "torch" if seeds == "torch" else self.type
            settings[MINIMUM.get(kind, "min_tokens")] = generation.min_new_tokens
        return settings

    def _weigh(self, lm: Any, asked: Sequence[Asked]) -> list[Generation]:
        from lm_eval.api.instance import Instance

        room, found = _room(lm), []
        contexts = {id(request): self._context(lm, request) for request, _ in asked}
        pairs = [(id(r), choice) for r, _ in asked for choice in r.choices]
        whole = [_length(lm, f"{contexts[number]}{choice}") for number, choice in pairs]
        fits = [length is None or room is None or length <= room for length in whole]
        instances = [
            Instance("loglikelihood", {}, (contexts[number], choice), 0)
            for (number, choice), fit in zip(pairs, fits, strict=True)
            if fit
        ]
        said = iter(_quietly(lm.loglikelihood, instances) if instances else [])
        weights = iter([next(said) if fit else (0.0, False) for fit in fits])
        lengths = iter(whole)
        for request, _ in asked:
            own = [next(weights) for _ in request.choices]
            long = max((next(lengths) or 0) for _ in request.choices)
            for index in request.indices:
                if room is not None and long > room:
                    reason = f"the prompt of {long} tokens is longer than a context of {room}"
                    found.append(Generation.failed(request.sample_id, index, reason))
                    continue
                logprobs, greedy = zip(*own, strict=True)
                found.append(
                    Generation(
                        request.sample_id, index, None, "choices",
                        _length(lm, contexts[id(request)]) or 0, 0,
                        tuple(map(float, logprobs)), choice_greedy=tuple(map(bool, greedy)),
                    )
                )  # fmt: skip
        return found

    def _context(self, lm: Any, request: Request) -> Any:
        """The prompt as lm-eval's model takes it."""
        if isinstance(request.prompt, str):
            return well_formed(request.prompt)
        turns = [{"role": m.role, "content": well_formed(m.content)} for m in request.prompt]
        try:
            return lm.apply_chat_template(
                turns, add_generation_prompt=turns[-1]["role"] != "assistant"
            )
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise HarnessError(
                f"lm-eval's {self.type} cannot put these messages into the chat template of "
                f"{self.name!r} ({reason})"
            ) from error


class Asking:
    """Asks chunk by chunk; where one raises, asks for each of it alone.

    Args:
        ask: gives the generations of some requests, or raises.
        what: is asked, for messages.
    """

    def __init__(self, ask: Callable[[Sequence[Asked]], list[Generation]], what: str) -> None:
        self.ask = ask
        self.what = what
        self._answered = False
        self._lost = 0

    def all(self, chunks: Iterator[Sequence[Asked]]) -> Iterator[list[Generation]]:
        """The generations of every chunk.

        Raises:
            HarnessError: the first few all failed, as the next ones would.
        """
        for chunk in chunks:
            try:
                answers = self.ask(chunk)
                self._answered = True
                yield answers
            except HarnessError:
                raise
            except Exception as error:
                if len(chunk) > 1:
                    yield from self.all(iter([[one] for one in chunk]))
                    continue
                reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
                self._lost += 1
                if not self._answered and self._lost >= ALONE:
                    raise HarnessError(f"{self.what} answers nothing: {reason}") from error
                request, index = chunk[0]
                indices = request.indices if request.choices else (index,)
                yield [Generation.failed(request.sample_id, i, reason) for i in indices]


def _chunks(asked: Sequence[Asked], size: int) -> Iterator[Sequence[Asked]]:
    return (asked[first : first + size] for first in range(0, len(asked), size))


def _written(
    lm: Any, request: Request, index: int, text: str, length: int | None, settings: GenerationConfig
) -> Generation:
    tokens = _length(lm, text)
    if tokens is None:
        finish = "unknown"
    else:
        finish = "length" if tokens >= settings.max_new_tokens else "stop"
    return Generation(
        request.sample_id, index, well_formed(text), finish, length or 0, tokens or 0  # type: ignore[arg-type]
    )  # fmt: skip


def _start(lm: Any) -> str:
    """What an empty prompt begins with, as lm-eval begins one where it weighs."""
    token, tokenizer = getattr(lm, "prefix_token_id", None), getattr(lm, "tokenizer", None)
    return "" if token is None or tokenizer is None else str(tokenizer.decode([token]))


def _length(lm: Any, text: Any) -> int | None:
    """Tokens of a text; None where lm-eval's model has no tokenizer."""
    if not isinstance(text, str) or getattr(lm, "tokenizer", None) is None:
        return None
    tokens = lm.tok_encode(text)
    return len(tokens) if tokens and isinstance(tokens, list) else 0 if tokens == [] else None


def _is_of_torch(kind: type) -> bool:
    """Whether lm-eval runs it by transformers, in this process."""
    return any(base.__name__ == "HFLM" for base in kind.__mro__)


def _device() -> str:
    """An accelerator where there is one; lm-eval's own default is `cuda`, there or not."""
    import torch

    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found.type if found else "cpu"


def _room(lm: Any) -> int | None:
    room = getattr(lm, "max_length", None)
    return int(room) if isinstance(room, int) else None


def _quietly(ask: Callable[..., Any], instances: Sequence[Any]) -> list[Any]:
    """Ask without a bar of lm-eval's own."""
    silent = "disable_tqdm" in inspect.signature(ask).parameters
    answers = list(ask(list(instances), **({"disable_tqdm": True} if silent else {})))
    if len(answers) != len(instances):
        raise ValueError(f"lm-eval gave {len(answers)} answers to {len(instances)} requests")
    return answers
