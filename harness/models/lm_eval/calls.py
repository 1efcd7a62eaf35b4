"""A loaded model of lm-eval's: what it is asked, and what is made of its answers."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from harness.models.checkpoints.check_rendered import check_rendered
from harness.models.checkpoints.rendered_elsewhere import check_marks_stay, opened_thought
from harness.models.lm_eval.asking import Asked
from harness.models.lm_eval.served import ServedAnswer, check_honoured, is_served, listen
from harness.types import (
    Generation,
    GenerationConfig,
    HarnessError,
    Request,
    Unrenderable,
    seed_of,
    well_formed,
)

MINIMUM = {"vllm": "min_tokens", "sglang": "min_new_tokens", "torch": "min_new_tokens"}
"""What each kind calls the least number of tokens."""


class Calls:
    """Asks a loaded model of lm-eval's.

    Args:
        lm: lm-eval's own object.
        type: as lm-eval registers it.
        name: what the user called the model, for messages.
    """

    def __init__(self, lm: Any, type: str, name: str) -> None:
        self.lm = lm
        self.type = type
        self.name = name
        self.served = is_served(lm)
        if self.served:
            listen(lm)

    @property
    def seeds(self) -> Literal["request", "torch"] | None:
        """How sampling is seeded: with each request, torch's own generator, or not at all."""
        if self.served or self.type.startswith("vllm"):
            return "request"
        return "torch" if is_of_torch(type(self.lm)) else None

    def check_weighing(self) -> None:
        """Ask for nothing, which a type that gives no log-probabilities refuses all the same.

        Raises:
            HarnessError: it does.
        """
        try:
            _quietly(self.lm.loglikelihood, [])
        except (NotImplementedError, AssertionError) as error:
            raise HarnessError(
                f"this task weighs choices, and lm-eval's {self.type} does not: {error}"
            ) from error
        except Exception:  # noqa: BLE001 - it does weigh, if something
            return

    def check_writing(self, generation: GenerationConfig, requests: Sequence[Request]) -> None:
        """Refuse settings that this type cannot keep to, and chats whose thinking it would mix in.

        Raises:
            HarnessError: it cannot.
        """
        if generation.temperature and not self.seeds:
            raise HarnessError(
                f"lm-eval's {self.type} takes no seed, so that sampled answers could not be made "
                "again; ask greedily with generation.temperature=0"
            )
        if not self.served and any(not isinstance(r.prompt, str) for r in requests):
            check_marks_stay(getattr(self.lm, "tokenizer", None), f"lm-eval's {self.type}")
        if self.served:
            settings = self._settings(generation, 0)
            chat = "chat" in self.type or not self.type.endswith("completions")
            check_honoured(self.lm, self.type, settings, chat)

    def write(
        self, asked: Sequence[Asked], generation: GenerationConfig, seed: int
    ) -> list[Generation]:
        """Answers to some requests; a prompt that leaves no room for one fails."""
        from lm_eval.api.instance import Instance

        contexts = [self.context(request) or self._start() for request, _ in asked]
        lengths = [self._length(context) for context in contexts]
        most = None if self._room is None else self._room - generation.max_new_tokens
        fits = [length is None or most is None or length <= most for length in lengths]
        instances = []
        for (request, index), context, fit in zip(asked, contexts, fits, strict=True):
            if fit:
                settings = self._settings(generation, seed_of(seed, request.sample_id, index))
                instances.append(Instance("generate_until", {}, (context, settings), 0))
        texts = iter(_quietly(self.lm.generate_until, instances) if instances else [])
        answers = []
        places = zip(asked, contexts, lengths, fits, strict=True)
        for (request, index), context, length, fit in places:
            if fit:
                written = self._written(request, index, next(texts), length, generation)
                answers.append(replace(written, opened=self._opened(request, context)))
                continue
            reason = f"the prompt of {length} tokens leaves no room in a context of {self._room}"
            answers.append(Generation.failed(request.sample_id, index, reason))
        return answers

    def weigh(self, asked: Sequence[Asked]) -> list[Generation]:
        """The choices of some requests; what lm-eval would shorten or lose fails."""
        from lm_eval.api.instance import Instance

        contexts = [self.context(request) for request, _ in asked]
        reasons = [
            self._unweighed(context, request)
            for context, (request, _) in zip(contexts, asked, strict=True)
        ]
        instances = [
            Instance("loglikelihood", {}, (context, choice), 0)
            for context, (request, _), reason in zip(contexts, asked, reasons, strict=True)
            if not reason
            for choice in request.choices
        ]
        weights = iter(_quietly(self.lm.loglikelihood, instances) if instances else [])
        answers = []
        for context, (request, _), reason in zip(contexts, asked, reasons, strict=True):
            if reason:
                answers += [
                    Generation.failed(request.sample_id, i, reason) for i in request.indices
                ]
                continue
            pairs = [next(weights) for _ in request.choices]
            answers += _weighed(request, pairs, self._length(context) or 0)
        return answers

    def context(self, request: Request) -> Any:
        """The prompt as lm-eval's model takes it.

        Raises:
            Unrenderable: the chat template does not take the messages, or lm-eval leaves one out.
        """
        if isinstance(request.prompt, str):
            return well_formed(request.prompt)
        turns = [{"role": m.role, "content": well_formed(m.content)} for m in request.prompt]
        try:
            text = self.lm.apply_chat_template(
                turns, add_generation_prompt=turns[-1]["role"] != "assistant"
            )
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise Unrenderable(
                f"lm-eval's {self.type} cannot put these messages into the chat template of "
                f"{self.name!r} ({reason})"
            ) from error
        if isinstance(text, str):  # it drops a system message that a template refuses
            check_rendered(turns, text, f"lm-eval's {self.type} with the template of {self.name!r}")
        self._opened(request, text)
        return text

    def _opened(self, request: Request, context: Any) -> str | None:
        """The mark of thinking that a prompt leaves open; refused where an answer is weighed."""
        if isinstance(request.prompt, str) or not isinstance(context, str):
            return None
        turns = [{"role": m.role, "content": well_formed(m.content)} for m in request.prompt]
        subject = f"lm-eval's {self.type} with the template of {self.name!r}"
        return opened_thought(request, turns, context, subject)

    def _settings(self, generation: GenerationConfig, seed: int) -> dict[str, Any]:
        """What lm-eval is told of how to generate."""
        settings: dict[str, Any] = {
            "until": list(generation.stop),
            "max_gen_toks": generation.max_new_tokens,
            "do_sample": generation.temperature > 0,
            "temperature": generation.temperature,
        }
        if generation.temperature:
            if generation.top_p < 1:
                settings["top_p"] = generation.top_p
            if generation.top_k:
                settings["top_k"] = generation.top_k
            if self.seeds == "request":
                settings["seed"] = seed
            else:
                import torch

                torch.manual_seed(seed)
                settings.setdefault("top_k", 0)  # transformers' own default is 50
        if generation.min_new_tokens:
            kind = "torch" if self.seeds == "torch" else self.type
            settings[MINIMUM.get(kind, "min_tokens")] = generation.min_new_tokens
        return settings

    def _written(
        self,
        request: Request,
        index: int,
        text: Any,
        length: int | None,
        settings: GenerationConfig,
    ) -> Generation:
        """What was written, cut at a stop string that it still holds."""
        if not isinstance(text, str) or (isinstance(text, ServedAnswer) and text.error):
            reason = text.error if isinstance(text, ServedAnswer) else None
            reason = reason or f"lm-eval's {self.type} gave no text ({type(text).__name__})"
            return Generation.failed(request.sample_id, index, reason)
        tokens = self._length(str(text))
        finish = text.finish if isinstance(text, ServedAnswer) else "unknown"
        if tokens is not None and finish == "unknown":
            finish = "length" if tokens >= settings.max_new_tokens else "stop"
        places = [place for stop in settings.stop if (place := text.find(stop)) >= 0]
        if places:
            text, finish = str(text)[: min(places)], "stop"
        return Generation(
            request.sample_id, index, well_formed(str(text)), finish, length or 0, tokens or 0
        )

    def _unweighed(self, context: Any, request: Request) -> str | None:
        """Why choices cannot be weighed here; None where they can."""
        if not isinstance(context, str):
            return None
        before = self._length(context.rstrip())
        if before is None:
            return None
        lengths = [self._length(f"{context}{choice}") or 0 for choice in request.choices]
        # The last token is not run, which lm-eval's models of transformers make use of.
        room = None if self._room is None else self._room + (self.seeds == "torch")
        if room is not None and max(lengths) > room:
            return f"the prompt of {max(lengths)} tokens is longer than a context of {self._room}"
        if context and before >= min(lengths):  # lm-eval may then give a probability of 1
            return "a choice grows together with the end of the prompt and has no token of its own"
        return None

    def _start(self) -> str:
        """What an empty prompt begins with, as lm-eval begins one where it weighs."""
        token = getattr(self.lm, "prefix_token_id", None)
        tokenizer = getattr(self.lm, "tokenizer", None)
        return "" if token is None or tokenizer is None else str(tokenizer.decode([token]))

    def _length(self, text: Any) -> int | None:
        """Tokens of a text; None where lm-eval's model has no tokenizer."""
        if not isinstance(text, str) or getattr(self.lm, "tokenizer", None) is None:
            return None
        tokens = self.lm.tok_encode(text)
        self._check_tokens(tokens)
        return len(tokens) if isinstance(tokens, list) else None

    def _check_tokens(self, tokens: Any) -> None:
        """Refuse tokens that the model's embedding has no row for, where the model is here."""
        if not is_of_torch(type(self.lm)) or not tokens or not isinstance(tokens, list):
            return
        from harness.models.checkpoints.weights import refuse_unknown_tokens

        rows = getattr(self.lm.model.get_input_embeddings(), "num_embeddings", None)
        if rows is not None:
            refuse_unknown_tokens(self.lm.tokenizer, str(self.lm.pretrained), tokens, rows)

    @property
    def _room(self) -> int | None:
        room = getattr(self.lm, "max_length", None)
        return int(room) if isinstance(room, int) else None


def is_of_torch(kind: type) -> bool:
    """Whether lm-eval runs it by transformers, in this process."""
    return any(base.__name__ == "HFLM" for base in kind.__mro__)


def _weighed(request: Request, pairs: Sequence[Any], length: int) -> list[Generation]:
    """The weights of a request's choices, the same for each index."""
    logprobs, greedy = zip(*pairs, strict=True)
    weights = tuple(map(float, logprobs))
    if any(map(math.isnan, weights)):
        reason = "the log-probability of a choice is no number"
        return [Generation.failed(request.sample_id, index, reason) for index in request.indices]
    return [
        Generation(
            request.sample_id, index, None, "choices", length, 0, weights,
            choice_greedy=tuple(map(bool, greedy)),
        )
        for index in request.indices
    ]  # fmt: skip


def _quietly(ask: Callable[..., Any], instances: Sequence[Any]) -> list[Any]:
    """Ask without a bar of lm-eval's own."""
    silent = "disable_tqdm" in inspect.signature(ask).parameters
    answers = list(ask(list(instances), **({"disable_tqdm": True} if silent else {})))
    if len(answers) != len(instances):
        raise ValueError(f"lm-eval gave {len(answers)} answers to {len(instances)} requests")
    return answers
