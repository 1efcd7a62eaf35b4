"""The body of a request: what a server is asked, under which names, and what is left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.types import GenerationConfig, HarnessError, Request, seed_of, well_formed

OMITTABLE = (
    "max_tokens", "temperature", "top_p", "top_k", "min_tokens", "stop", "seed",
    "continue_final_message", "add_generation_prompt", "stream_options",
)  # fmt: skip
"""What a request may do without."""
RENAMED = "max_completion_tokens"
"""The name that OpenAI's reasoning models take the limit of an answer's length under."""

GOING_ON = ("continue_final_message", "add_generation_prompt")
"""How vLLM is told to go on with an answer that was begun; llama.cpp's server needs no telling."""
GO_ON = f"backend.continues=false, or backend.omit=[{','.join(GOING_ON)}] where it goes on untold"
FIXED = ("model", "messages", "prompt")


@dataclass(frozen=True)
class Parameters:
    """How a request's body is put together.

    Raises:
        HarnessError: it is to do without what it cannot do without.
    """

    max_tokens_name: str = "max_tokens"
    omit: Collection[str] = ()
    seeds: bool = True
    top_logprobs: int = 20
    extra: Mapping[str, Any] = field(default_factory=dict)
    reasoning_effort: str | None = None
    stream: bool = False

    def __post_init__(self) -> None:
        for name in self.omit:
            if name not in OMITTABLE:
                raise HarnessError(
                    f"backend.omit={sorted(self.omit)} holds {name!r}, which is none of "
                    f"{', '.join(OMITTABLE)}"
                )
        if not self.max_tokens_name.isidentifier():
            raise HarnessError(
                f"backend.max_tokens_name={self.max_tokens_name!r} is no parameter's name; to send "
                "no limit at all write backend.omit=[max_tokens]"
            )
        if not 1 <= self.top_logprobs <= 1000:
            raise HarnessError(
                f"backend.top_logprobs={self.top_logprobs} must be from 1 to what the server gives"
            )

    @property
    def identity(self) -> dict[str, str]:
        """What of it differs from the usual."""
        identity = {}
        if self.reasoning_effort is not None:
            identity["reasoning_effort"] = self.reasoning_effort
        if self.extra:
            identity["extra"] = repr(sorted(self.extra.items()))
        if self.max_tokens_name != "max_tokens":
            identity["max_tokens_name"] = self.max_tokens_name
        if self.omit:
            identity["omit"] = ", ".join(sorted(self.omit))
        return identity

    def body(
        self, model: str, request: Request, indices: tuple[int, ...], generation: GenerationConfig,
        seed: int,
    ) -> dict[str, Any]:  # fmt: skip
        """The request's body."""
        body = {"model": model} | _prompt(request)
        usual = self.settings(request, generation) | self._seed(request, indices, seed)
        for name, value in usual.items():
            if name not in self.omit:
                body[self.max_tokens_name if name == "max_tokens" else name] = value
        if len(indices) > 1:
            body["n"] = len(indices)
        if request.choices:
            chat = {"logprobs": True, "top_logprobs": self.top_logprobs}
            body |= {"logprobs": self.top_logprobs} if isinstance(request.prompt, str) else chat
        return {**body, **self.extra}

    def _seed(self, request: Request, indices: tuple[int, ...], seed: int) -> dict[str, int]:
        return {"seed": seed_of(seed, request.sample_id, indices[0])} if self.seeds else {}

    def settings(self, request: Request, generation: GenerationConfig) -> dict[str, Any]:
        """What is asked of how an answer is written, before anything is left out or renamed."""
        asked: dict[str, Any] = {
            "max_tokens": 1 if request.choices else generation.max_new_tokens,
            "temperature": generation.temperature,
            "top_p": generation.top_p,
        }
        if self.reasoning_effort is not None:
            asked["reasoning_effort"] = self.reasoning_effort
        if self.stream:
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
        if generation.stop and not request.choices:
            asked["stop"] = list(generation.stop)
        if generation.top_k:
            asked["top_k"] = generation.top_k
        if generation.min_new_tokens:
            asked["min_tokens"] = generation.min_new_tokens
        if is_begun(request):
            asked |= {"continue_final_message": True, "add_generation_prompt": False}
        return asked

    def notes(self, request: Request, generation: GenerationConfig) -> list[str]:
        """A sentence for each parameter that requests like this one went without."""
        asked = self.settings(request, generation) | {"seed": "one of each answer's own"}
        return [_left_out(name, asked[name]) for name in asked if name in self.omit]

    def advice(self, words: str, sent: Iterable[str]) -> str:
        """What to set where a server's words of refusal name parameters that it was sent."""
        named = [name for name in sent if name not in FIXED and _names(words, name)]
        if "max_tokens" in named:  # then the other name is what the server wants instead
            named = [name for name in named if name != RENAMED]
        if named:
            return "set " + " and ".join(dict.fromkeys(map(self._advice, named)))
        if "stream" in words.lower() and not self.stream:
            return "set backend.stream=true where it answers in streams alone"
        return (
            "where it refuses a parameter, leave that out with backend.omit=[NAME] or rename the "
            f"limit of the answers' length with backend.max_tokens_name={RENAMED}"
        )

    def _advice(self, name: str) -> str:
        remedies = {
            "n": "backend.together=false",
            "seed": "backend.seeds=false",
            "logprobs": "backend.choices=false",
            "top_logprobs": "backend.top_logprobs to what it gives",
            "reasoning_effort": "backend.reasoning_effort=null or to what it takes",
            "stream": "backend.stream=false",
        } | dict.fromkeys(GOING_ON, GO_ON)
        if name == self.max_tokens_name:
            other = RENAMED if name == "max_tokens" else "max_tokens"
            less = f" and backend.extra without {name}" if name in self.extra else ""
            return f"backend.max_tokens_name={other}{less}"
        if name in self.extra:
            return f"backend.extra without {name}"
        return remedies.get(name) or f"backend.omit=[{name}]"


def is_begun(request: Request) -> bool:
    """Whether it begins the model's answer, which the model is to go on with."""
    return not isinstance(request.prompt, str) and request.prompt[-1].role == "assistant"


def _prompt(request: Request) -> dict[str, Any]:
    if isinstance(request.prompt, str):
        return {"prompt": well_formed(request.prompt)}
    return {
        "messages": [{"role": m.role, "content": well_formed(m.content)} for m in request.prompt]
    }


def _left_out(name: str, asked: object) -> str:
    note = f"{name} was left out of every request (backend.omit)"
    if name in ("temperature", "top_p"):
        greedy = ", which is greedy decoding," if name == "temperature" and asked == 0 else ""
        return f"{note}: {name} {asked:g}{greedy} was asked for, and the server's own was used"
    if name == "max_tokens":
        return f"{note}: answers are as long as the server lets them be, not {asked} tokens at most"
    if name == "stop":
        return f"{note}: answers are cut at {asked} after the server has written them"
    if name == "seed":
        return f"{note}: the server draws as it likes"
    if name == "stream_options":
        return f"{note}: tokens are counted where the server does so unasked"
    return f"{note}, though {asked} was asked for"


def _names(words: str, name: str) -> bool:
    """Whether a server's words name a parameter; a name of one letter has to be quoted."""
    quoted = any(f"{mark}{name}{mark}" in words for mark in "'\"`")
    if len(name) == 1 or name in ("stop", "stream", "model", "prompt"):
        return quoted
    parts = words.replace("'", " ").replace('"', " ").replace("`", " ").replace("(", " ")
    return name in (part.strip(".,:;)[]{}") for part in parts.split())
